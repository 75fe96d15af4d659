/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Runs as linked traces, what a mapping says when things go wrong, and what is left of it without telemetry.
 */
#include "trace/otlp_fields.h"
#include "traced.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static traced t;

static int end(void **state)
{
  (void)state;
  traced_release(&t);
  return 0;
}

/* Every record of the trace hangs below its run. */
static void check_trace(const sd_record *run)
{
  for (size_t i = 0; i < t.recorder.count; i++) {
    const sd_record *record = &t.recorder.records[i];
    if (memcmp(record->trace_id, run->trace_id, sizeof run->trace_id) != 0 || record == run)
      continue;
    const sd_record *parent = record_of(&t, record->parent_id);
    assert_non_null(parent);
    assert_memory_equal(parent->trace_id, run->trace_id, sizeof run->trace_id);
  }
}

static void a_long_run_is_cut_into_traces_that_are_linked(void **state)
{
  (void)state;
  traced_init(&t, 2000);
  t.events_per_tick = 50;
  t.timings.segment_ms = 20;
  assert_int_equal(traced_run(&t), SD_OK);
  size_t runs = count_named(&t.recorder, "Pipeline Run");
  assert_true(runs >= 3);
  int64_t messages = 0;
  int64_t of_mapping = 0;
  for (size_t i = 0; i < runs; i++) {
    const sd_record *run = nth_named(&t, "Pipeline Run", i);
    check_trace(run);
    messages += int_of(run, "messages");
    of_mapping += int_of(nth_named(&t, "orchestrator._process_messages", i), "messages");
    size_t links = count_fields(otlp_of(run), SD_OTLP_SPAN_LINKS);
    assert_int_equal(links, i > 0);
    if (i == 0)
      continue;
    const sd_record *before = nth_named(&t, "Pipeline Run", i - 1);
    sd_pb_field link;
    sd_pb_field trace_id;
    sd_pb_field span_id;
    assert_true(field_of(otlp_of(run), SD_OTLP_SPAN_LINKS, 0, &link));
    assert_true(field_of(link.bytes, SD_OTLP_LINK_TRACE_ID, 0, &trace_id));
    assert_true(field_of(link.bytes, SD_OTLP_LINK_SPAN_ID, 0, &span_id));
    assert_memory_equal(trace_id.bytes.data, before->trace_id, sizeof before->trace_id);
    assert_memory_equal(span_id.bytes.data, before->span_id, sizeof before->span_id);
    assert_memory_not_equal(run->trace_id, before->trace_id, sizeof run->trace_id);
  }
  assert_int_equal(messages, 6000);
  assert_int_equal(of_mapping, 6000);
  assert_int_equal(count_named(&t.recorder, "orchestrator.run_async"), runs);
  assert_int_equal(count_named(&t.recorder, "eventhub.start"), runs);
  assert_int_equal(count_named(&t.recorder, "motherduck.start"), runs);
}

static void a_write_that_is_tried_again_is_told(void **state)
{
  (void)state;
  traced_init(&t, 200);
  t.first_write = fake_duck_error(10, "Conflict on update!");
  assert_int_equal(traced_run(&t), SD_OK);
  const sd_record *failure = nth_named(&t, "failure {failures} in a row, next try in {wait_ms} ms", 0);
  assert_non_null(failure);
  assert_true(failure->is_log);
  assert_int_equal(failure->level, SD_LEVEL_WARN);
  assert_string_equal(parent_of(&t, failure), "orchestrator._process_messages");
  assert_true(text_is(failure, "error.type", "duckdb.Transaction"));
  assert_true(text_is(failure, "mapping_key", "EVENTHUB_1 → MOTHERDUCK_1"));
  assert_int_equal(int_of(failure, "failures"), 1);
  assert_int_equal(count_named(&t.recorder, "trying again after {failures} failures"), 1);
  const sd_record *run = nth_named(&t, "Pipeline Run", 0);
  assert_int_equal(int_of(run, "retries"), 1);
  sd_any_view rate = attribute_of(otlp_of(run), SD_OTLP_SPAN_ATTRIBUTES, "success_rate");
  assert_int_equal(rate.type, SD_ANY_DOUBLE);
  assert_true(rate.number > 0 && rate.number < 100);
  assert_int_equal(run->status, SD_SPAN_UNSET);
  assert_int_equal(count_named(&t.recorder, "eventhub._process_batch"),
                   count_named(&t.recorder, "eventhub._on_event"));
}

static void a_mapping_that_halts_marks_what_is_above_it(void **state)
{
  (void)state;
  traced_init(&t, 200);
  t.first_write = fake_duck_error(34, "Permission denied for key a-secret-that-must-not-be-seen");
  assert_int_equal(traced_run(&t), SD_DATABASE);
  const sd_record *halted = nth_named(&t, "halted: {error.message}", 0);
  assert_int_equal(halted->level, SD_LEVEL_ERROR);
  assert_false(bool_of(nth_named(&t, "orchestrator._process_messages", 0), "success"));
  static const char *const marked[] = {"orchestrator._process_messages", "orchestrator.run_async",
                                       "Pipeline Run"};
  for (size_t i = 0; i < 3; i++) {
    const sd_record *record = nth_named(&t, marked[i], 0);
    assert_int_equal(record->status, SD_SPAN_ERROR);
    assert_int_equal(record->level, SD_LEVEL_ERROR);
  }
  assert_int_equal(int_of(nth_named(&t, "orchestrator.run_async", 0), "errors"), 1);
  const sd_record *event = nth_named(&t, "eventhub._on_event", 0);
  assert_false(bool_of(event, "success"));
  assert_false(bool_of(nth_named(&t, "eventhub._process_batch", 0), "processor_success"));
  for (size_t i = 0; i < t.recorder.count; i++)
    assert_null(memmem(t.recorder.records[i].otlp, t.recorder.records[i].otlp_len, "a-secret", 8));
}

static void a_run_that_is_not_sampled_makes_no_span_anywhere(void **state)
{
  (void)state;
  traced_init(&t, 200);
  t.telemetry_options.sampler = (sd_sampler){.kind = SD_SAMPLER_ALWAYS_OFF, .parent_based = true};
  t.first_write = fake_duck_error(10, "Conflict on update!");
  assert_int_equal(traced_run(&t), SD_OK);
  assert_int_equal(t.recorder.count, 0);
}

static sd_sampling only_runs(void *user, const sd_sampling_input *input)
{
  (void)user;
  return strcmp(input->name, "Pipeline Run") == 0 ? SD_SAMPLING_DROP : SD_SAMPLING_KEEP;
}

static void what_is_below_a_span_that_was_dropped_is_dropped_too(void **state)
{
  (void)state;
  traced_init(&t, 200);
  t.telemetry_options.sampler =
      (sd_sampler){.kind = SD_SAMPLER_CUSTOM, .parent_based = true, .custom = only_runs};
  assert_int_equal(traced_run(&t), SD_OK);
  assert_int_equal(t.recorder.count, 0);
}

static void above_info_only_what_went_wrong_is_told(void **state)
{
  (void)state;
  traced_init(&t, 200);
  t.telemetry_options.min_level = SD_LEVEL_WARN;
  t.first_write = fake_duck_error(10, "Conflict on update!");
  assert_int_equal(traced_run(&t), SD_OK);
  assert_int_equal(t.recorder.count, 1);
  assert_true(t.recorder.records[0].is_log);
}

static void an_older_caller_s_options_have_no_telemetry(void **state)
{
  (void)state;
  traced_init(&t, 20);
  t.options.struct_size = offsetof(sd_stream_options, telemetry);
  assert_int_equal(traced_run(&t), SD_OK);
  assert_int_equal(t.recorder.count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
  const struct CMUnitTest tests[] = {
      TEST(a_long_run_is_cut_into_traces_that_are_linked),
      TEST(a_write_that_is_tried_again_is_told),
      TEST(a_mapping_that_halts_marks_what_is_above_it),
      TEST(a_run_that_is_not_sampled_makes_no_span_anywhere),
      TEST(what_is_below_a_span_that_was_dropped_is_dropped_too),
      TEST(above_info_only_what_went_wrong_is_told),
      TEST(an_older_caller_s_options_have_no_telemetry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
