/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Head sampling: which spans are recorded, and what those below learn of it. */
#include "recorder.h"
#include "trace/sampling.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct fixture {
  recorder recorder;
  sd_telemetry *telemetry;
  sd_tracer *tracer;
} fixture;

static void start(fixture *f, sd_sampler sampler, int min_level)
{
  recorder_init(&f->recorder);
  sd_telemetry_options options = {.struct_size = sizeof options, .sampler = sampler, .min_level = min_level};
  f->telemetry = recorder_telemetry(&f->recorder, &options);
  f->tracer = sd_telemetry_tracer(f->telemetry, "test", NULL);
}

static void stop(fixture *f)
{
  sd_telemetry_free(f->telemetry);
  recorder_release(&f->recorder);
}

static sd_context parent_with(uint8_t flags, uint8_t remote)
{
  sd_context context = SD_CONTEXT_NONE;
  memset(context.trace_id, 0x11, sizeof context.trace_id);
  memset(context.span_id, 0x22, sizeof context.span_id);
  context.flags = flags;
  context.remote = remote;
  return context;
}

/* True when a span under that parent (NULL: a root) is recorded. */
static bool is_kept(fixture *f, const sd_context *parent)
{
  sd_context none = SD_CONTEXT_NONE;
  sd_span_options options = {.struct_size = sizeof options, .parent = parent ? parent : &none};
  sd_span *span = sd_span_start(f->tracer, "span", &options);
  sd_span_end(span);
  return span != NULL;
}

static void always_on_and_off_do_not_look_at_the_parent(void **state)
{
  (void)state;
  sd_context sampled = parent_with(1, 0);
  sd_context unsampled = parent_with(0, 1);
  fixture f;
  start(&f, (sd_sampler){.kind = SD_SAMPLER_ALWAYS_ON}, 0);
  assert_true(is_kept(&f, NULL) && is_kept(&f, &sampled) && is_kept(&f, &unsampled));
  stop(&f);
  start(&f, (sd_sampler){.kind = SD_SAMPLER_ALWAYS_OFF}, 0);
  assert_false(is_kept(&f, NULL) || is_kept(&f, &sampled) || is_kept(&f, &unsampled));
  assert_int_equal(stats_of(f.telemetry).spans_started, 0);
  stop(&f);
}

static void parent_based_follows_the_parent_local_or_remote(void **state)
{
  (void)state;
  static const sd_sampler_kind kinds[] = {SD_SAMPLER_ALWAYS_ON, SD_SAMPLER_ALWAYS_OFF};
  for (size_t i = 0; i < 2; i++) {
    fixture f;
    start(&f, (sd_sampler){.kind = kinds[i], .parent_based = true}, 0);
    assert_int_equal(is_kept(&f, NULL), kinds[i] == SD_SAMPLER_ALWAYS_ON);
    for (uint8_t remote = 0; remote <= 1; remote++) {
      sd_context sampled = parent_with(1, remote);
      sd_context unsampled = parent_with(0, remote);
      assert_true(is_kept(&f, &sampled));
      assert_false(is_kept(&f, &unsampled));
    }
    stop(&f);
  }
}

static void a_ratio_keeps_small_low_halves_of_trace_ids(void **state)
{
  (void)state;
  fixture f;
  start(&f, (sd_sampler){.kind = SD_SAMPLER_RATIO, .ratio = 0.25}, 0);
  sd_context parent = parent_with(0, 1);
  memset(parent.trace_id, 0xFF, sizeof parent.trace_id);
  assert_false(is_kept(&f, &parent));
  parent.trace_id[8] = 0x40;
  assert_false(is_kept(&f, &parent));
  parent.trace_id[8] = 0x3F;
  assert_true(is_kept(&f, &parent));
  size_t kept = 0;
  for (int i = 0; i < 8000; i++)
    kept += is_kept(&f, NULL);
  assert_in_range(kept, 1700, 2300); /* 2000, standard deviation 39 */
  flush(f.telemetry);
  for (size_t i = 0; i < f.recorder.count; i++)
    assert_true(f.recorder.records[i].trace_id[8] < 0x40);
  stop(&f);
}

static void ratios_at_the_ends_are_always_and_never(void **state)
{
  (void)state;
  static const struct {
    double ratio;
    bool kept;
  } cases[] = {{0, false}, {-1, false}, {1, true}, {7, true}, {-INFINITY, false}, {INFINITY, true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    start(&f, (sd_sampler){.kind = SD_SAMPLER_RATIO, .ratio = cases[i].ratio}, 0);
    for (int n = 0; n < 20; n++)
      assert_int_equal(is_kept(&f, NULL), cases[i].kept);
    stop(&f);
  }
  assert_true(sd_ratio_threshold(0.5) == UINT64_C(1) << 63);
  assert_true(sd_ratio_threshold(0.25) == UINT64_C(1) << 62);
  assert_true(sd_ratio_threshold(ldexp(1, -64)) == 1);
  assert_true(sd_ratio_threshold(nextafter(1, 0)) == UINT64_MAX - 2047);
}

static sd_sampling keep_wanted(void *user, const sd_sampling_input *input)
{
  static const uint8_t zero[SD_TRACE_ID_SIZE];
  size_t *calls = user;
  ++*calls;
  assert_memory_not_equal(input->trace_id, zero, SD_TRACE_ID_SIZE);
  assert_int_equal(input->kind, SD_SPAN_INTERNAL);
  return strcmp(input->name, "wanted") == 0 && input->attribute_count == 1 ? SD_SAMPLING_KEEP
                                                                           : SD_SAMPLING_DROP;
}

static void a_custom_sampler_sees_what_is_known_at_the_start(void **state)
{
  (void)state;
  fixture f;
  size_t calls = 0;
  start(&f, (sd_sampler){.kind = SD_SAMPLER_CUSTOM, .custom = keep_wanted, .user = &calls}, 0);
  sd_attribute attribute = sd_attribute_int("n", 1);
  sd_span_options options = {.struct_size = sizeof options, .attributes = &attribute, .attribute_count = 1};
  sd_span_end(sd_span_start(f.tracer, "wanted", &options));
  sd_span_end(sd_span_start(f.tracer, "other", &options));
  sd_span_end(sd_span_start(f.tracer, "wanted", NULL));
  flush(f.telemetry);
  assert_int_equal(calls, 3);
  assert_int_equal(f.recorder.count, 1);
  stop(&f);
}

static void below_an_unsampled_span_nothing_is_recorded(void **state)
{
  (void)state;
  fixture f;
  start(&f, (sd_sampler){.kind = SD_SAMPLER_ALWAYS_OFF, .parent_based = true}, 0);
  sd_context previous;
  sd_span *span = sd_span_start_in(f.tracer, "root", NULL, &previous);
  assert_null(span);
  sd_context current = sd_context_current();
  assert_true(sd_context_is_valid(&current));
  assert_int_equal(current.flags & SD_TRACE_FLAG_SAMPLED, 0);
  sd_context inner_previous;
  assert_null(sd_span_start_in(f.tracer, "child", NULL, &inner_previous));
  sd_context inner = sd_context_current();
  assert_memory_equal(inner.trace_id, current.trace_id, SD_TRACE_ID_SIZE);
  assert_memory_not_equal(inner.span_id, current.span_id, SD_SPAN_ID_SIZE);
  sd_tracer_log(f.tracer, SD_LEVEL_ERROR, "a log", NULL, 0);
  sd_context_restore(&inner_previous);
  sd_context_restore(&previous);
  current = sd_context_current();
  assert_false(sd_context_is_valid(&current));
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 0);
  stop(&f);
}

static void a_span_below_the_minimum_level_is_left_out_but_not_what_is_below_it(void **state)
{
  (void)state;
  fixture f;
  start(&f, (sd_sampler){.kind = SD_SAMPLER_ALWAYS_ON}, SD_LEVEL_INFO);
  sd_context previous;
  sd_context debug_previous;
  sd_span *root = sd_span_start_in(f.tracer, "root", NULL, &previous);
  sd_span_options debug = {.struct_size = sizeof debug, .level = SD_LEVEL_DEBUG};
  assert_null(sd_span_start_in(f.tracer, "debug", &debug, &debug_previous));
  sd_span_options info = {.struct_size = sizeof info, .level = SD_LEVEL_INFO};
  sd_span_end(sd_span_start(f.tracer, "info", &info));
  sd_tracer_log(f.tracer, SD_LEVEL_TRACE, "trace", NULL, 0);
  sd_tracer_log(f.tracer, SD_LEVEL_WARN, "warn", NULL, 0);
  sd_log_record quiet = {.struct_size = sizeof quiet, .severity = SD_LEVEL_DEBUG, .event_name = "quiet"};
  sd_tracer_emit_log_record(f.tracer, &quiet);
  sd_context_restore(&debug_previous);
  sd_context_restore(&previous);
  sd_span_end(root);
  flush(f.telemetry);
  assert_int_equal(f.recorder.count, 3);
  const sd_record *child = record_named(&f.recorder, "info");
  assert_memory_equal(child->parent_id, record_named(&f.recorder, "root")->span_id, SD_SPAN_ID_SIZE);
  assert_int_equal(record_named(&f.recorder, "warn")->level, SD_LEVEL_WARN);
  stop(&f);
}

static void a_sampler_that_cannot_be_is_refused(void **state)
{
  (void)state;
  static const sd_sampler cases[] = {
      {.kind = (sd_sampler_kind)9},
      {.kind = SD_SAMPLER_CUSTOM},
      {.kind = SD_SAMPLER_RATIO, .ratio = NAN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sd_telemetry_options options = {.struct_size = sizeof options, .sampler = cases[i]};
    sd_telemetry *telemetry = NULL;
    sd_error error;
    assert_int_equal(sd_telemetry_new(&options, &telemetry, &error), SD_INVALID);
    assert_null(telemetry);
    assert_non_null(strstr(error.message, "sampler."));
  }
}

static void logfire_ids_begin_with_the_time_and_end_at_random(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry_options options = {.struct_size = sizeof options, .logfire_ids = true};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  sd_span_end(sd_span_start(tracer, "one", NULL));
  sd_span_end(sd_span_start(tracer, "two", NULL));
  flush(telemetry);
  for (size_t i = 0; i < 2; i++) {
    uint64_t ms = 0;
    for (int b = 0; b < 6; b++)
      ms = ms << 8 | r.records[i].trace_id[b];
    assert_int_equal(ms, r.records[i].start_unix_ns / 1000000);
  }
  assert_memory_not_equal(r.records[0].trace_id + 8, r.records[1].trace_id + 8, 8);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(always_on_and_off_do_not_look_at_the_parent),
      cmocka_unit_test(parent_based_follows_the_parent_local_or_remote),
      cmocka_unit_test(a_ratio_keeps_small_low_halves_of_trace_ids),
      cmocka_unit_test(ratios_at_the_ends_are_always_and_never),
      cmocka_unit_test(a_custom_sampler_sees_what_is_known_at_the_start),
      cmocka_unit_test(below_an_unsampled_span_nothing_is_recorded),
      cmocka_unit_test(a_span_below_the_minimum_level_is_left_out_but_not_what_is_below_it),
      cmocka_unit_test(a_sampler_that_cannot_be_is_refused),
      cmocka_unit_test(logfire_ids_begin_with_the_time_and_end_at_random),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
