/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The telemetry's thread: when exporters are called, with what, and what an exporter that blocks costs. */
#include "recorder.h"
#include "trace/otlp_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NEVER_MS = 3600 * 1000 };

static void make_spans(sd_telemetry *telemetry, size_t count)
{
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  for (size_t i = 0; i < count; i++)
    sd_span_end(sd_span_start(tracer, "span", NULL));
}

static void a_record_leaves_within_the_delay(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry_options options = {.struct_size = sizeof options, .delay_ms = 1};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  for (size_t i = 1; i <= 5; i++) {
    make_spans(telemetry, 1);
    recorder_wait_count(&r, i);
  }
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void a_full_batch_leaves_at_once(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry_options options = {.struct_size = sizeof options, .delay_ms = NEVER_MS, .batch_records = 100};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  for (size_t i = 1; i <= 5; i++) {
    make_spans(telemetry, 100);
    recorder_wait_count(&r, 100 * i - 10);
  }
  sd_telemetry_free(telemetry);
  assert_int_equal(r.count, 500);
  recorder_release(&r);
}

static void a_batch_has_at_most_its_size(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry_options options = {.struct_size = sizeof options, .delay_ms = NEVER_MS, .batch_records = 7};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  make_spans(telemetry, 1000);
  flush(telemetry);
  assert_int_equal(r.count, 1000);
  assert_int_equal(r.largest_call, 7);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void records_come_in_the_order_of_recording(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry *telemetry = recorder_telemetry(&r, NULL);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  char name[16];
  for (int i = 0; i < 3000; i++) {
    snprintf(name, sizeof name, "%d", i);
    sd_span_end(sd_span_start(tracer, name, NULL));
  }
  flush(telemetry);
  assert_int_equal(r.count, 3000);
  for (int i = 0; i < 3000; i++) {
    snprintf(name, sizeof name, "%d", i);
    assert_string_equal(r.records[i].name, name);
  }
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

static void an_exporter_that_blocks_costs_records_and_no_time(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  r.only_counts = true;
  sd_telemetry_options options = {
      .struct_size = sizeof options, .delay_ms = 1, .ring_bytes = 256 * 1024, .batch_records = 10};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  recorder_hold(&r);
  make_spans(telemetry, 10);
  recorder_wait_inside(&r);
  /* far more than the ring holds: this returns although nobody takes any */
  make_spans(telemetry, 20000);
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(sd_telemetry_flush(telemetry, 10, NULL), SD_TIMEOUT);
  recorder_let_go(&r);
  flush(telemetry);
  stats = stats_of(telemetry);
  assert_true(stats.dropped_queue_full > 10000);
  assert_int_equal(stats.records_exported + stats.dropped_queue_full, 20010);
  assert_int_equal(stats.spans_started, 20010);
  assert_int_equal(stats.spans_live, 0);
  assert_int_equal(stats.records_queued, 0);
  /* and afterwards all is well */
  make_spans(telemetry, 10);
  flush(telemetry);
  assert_int_equal(stats_of(telemetry).dropped_queue_full, stats.dropped_queue_full);
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

typedef struct diagnosis {
  pthread_mutex_t mutex;
  char text[512];
  size_t count;
} diagnosis;

static void on_diagnostic(void *user, int level, const char *message)
{
  diagnosis *d = user;
  assert_int_equal(level, SD_LEVEL_WARN);
  pthread_mutex_lock(&d->mutex);
  snprintf(d->text, sizeof d->text, "%s", message);
  d->count++;
  pthread_mutex_unlock(&d->mutex);
}

static void drops_are_told_once(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  r.only_counts = true;
  diagnosis d = {.count = 0};
  pthread_mutex_init(&d.mutex, NULL);
  sd_telemetry_options options = {.struct_size = sizeof options,
                                  .ring_bytes = 64 * 1024,
                                  .delay_ms = NEVER_MS,
                                  .batch_records = 1,
                                  .diagnostic = on_diagnostic,
                                  .diagnostic_user = &d};
  sd_telemetry *telemetry = recorder_telemetry(&r, &options);
  for (int round = 0; round < 2; round++) {
    recorder_hold(&r);
    make_spans(telemetry, 1);
    recorder_wait_inside(&r);
    make_spans(telemetry, 5000);
    recorder_let_go(&r);
    flush(telemetry);
  }
  assert_int_equal(d.count, 1);
  assert_non_null(strstr(d.text, "records were dropped"));
  assert_non_null(strstr(d.text, "ring_bytes"));
  sd_telemetry_free(telemetry);
  pthread_mutex_destroy(&d.mutex);
  recorder_release(&r);
}

static void pending_spans_go_only_to_exporters_that_want_them(void **state)
{
  (void)state;
  recorder with;
  recorder without;
  recorder_init(&with);
  recorder_init(&without);
  sd_exporter *exporters[] = {recorder_exporter(&with, true), recorder_exporter(&without, false)};
  sd_telemetry_options options = {.struct_size = sizeof options, .exporters = exporters, .exporter_count = 2};
  sd_telemetry *telemetry = NULL;
  assert_int_equal(sd_telemetry_new(&options, &telemetry, NULL), SD_OK);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  sd_attribute attribute = sd_attribute_int("early", 1);
  sd_span_options early = {.struct_size = sizeof early, .attributes = &attribute, .attribute_count = 1};
  sd_span *span = sd_span_start(tracer, "live", &early);
  sd_span_set_int(span, "late", 2);
  flush(telemetry);
  assert_int_equal(without.count, 0);
  assert_int_equal(without.calls, 0);
  const sd_record *pending = record_named(&with, "live");
  assert_int_equal(pending->kind, SD_RECORD_PENDING);
  assert_int_equal(pending->start_unix_ns, pending->end_unix_ns);
  assert_int_equal(count_fields(otlp_of(pending), SD_OTLP_SPAN_ATTRIBUTES), 1);
  assert_int_equal(attribute_of(otlp_of(pending), SD_OTLP_SPAN_ATTRIBUTES, "early").integer, 1);
  sd_tracer_log(tracer, SD_LEVEL_INFO, "a log", NULL, 0);
  sd_span_end(span);
  flush(telemetry);
  assert_int_equal(with.count, 3);
  assert_int_equal(without.count, 2);
  const sd_record *final = record_named(&without, "live");
  assert_int_equal(final->kind, SD_RECORD_SPAN);
  assert_memory_equal(final->span_id, with.records[0].span_id, SD_SPAN_ID_SIZE);
  assert_int_equal(count_fields(otlp_of(final), SD_OTLP_SPAN_ATTRIBUTES), 2);
  sd_telemetry_free(telemetry);
  recorder_release(&with);
  recorder_release(&without);
}

static void a_secret_never_reaches_an_exporter(void **state)
{
  (void)state;
  recorder r;
  recorder_init(&r);
  sd_telemetry *telemetry = recorder_telemetry(&r, NULL);
  assert_int_equal(sd_telemetry_add_secret(telemetry, "hunter2hunter2"), SD_OK);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  for (int i = 0; i < 700; i++) { /* more than one batch, each scrubbed record kept apart */
    sd_span *span = sd_span_start(tracer, "span", NULL);
    sd_span_set_int(span, "n", i);
    sd_span_set_string(span, "url", "https://x/?k=hunter2hunter2");
    sd_span_end(span);
  }
  flush(telemetry);
  assert_int_equal(r.count, 700);
  for (int i = 0; i < 700; i++) {
    sd_bytes otlp = otlp_of(&r.records[i]);
    assert_null(memmem(otlp.data, otlp.len, "hunter2", 7));
    assert_int_equal(attribute_of(otlp, SD_OTLP_SPAN_ATTRIBUTES, "n").integer, i);
    assert_string_equal(r.records[i].name, "span");
  }
  sd_telemetry_free(telemetry);
  recorder_release(&r);
}

typedef struct nosy {
  sd_telemetry *telemetry;
  sd_status flushed;
  sd_status shut_down;
} nosy;

static void flush_from_inside(void *self, const sd_record *records, size_t count)
{
  nosy *n = self;
  n->telemetry = sd_tracer_telemetry(records[count - 1].tracer);
  n->flushed = sd_telemetry_flush(n->telemetry, RECORDER_TIMEOUT_MS, NULL);
  n->shut_down = sd_telemetry_shutdown(n->telemetry, RECORDER_TIMEOUT_MS, NULL);
}

static void free_nothing(void *self)
{
  (void)self;
}

static void an_exporter_cannot_wait_for_its_own_telemetry(void **state)
{
  (void)state;
  static const sd_exporter_vtable vtable = {
      .struct_size = sizeof vtable, .export_records = flush_from_inside, .free = free_nothing};
  nosy n = {.flushed = SD_OK};
  sd_exporter *exporter = NULL;
  assert_int_equal(sd_exporter_new(&vtable, &n, NULL, &exporter, NULL), SD_OK);
  sd_telemetry_options options = {.struct_size = sizeof options, .exporters = &exporter, .exporter_count = 1};
  sd_telemetry *telemetry = NULL;
  assert_int_equal(sd_telemetry_new(&options, &telemetry, NULL), SD_OK);
  make_spans(telemetry, 1);
  flush(telemetry);
  assert_int_equal(n.flushed, SD_STATE);
  assert_int_equal(n.shut_down, SD_STATE);
  sd_telemetry_free(telemetry);
}

static void without_exporters_spans_only_carry_context(void **state)
{
  (void)state;
  sd_telemetry_options options = {.struct_size = sizeof options};
  sd_telemetry *telemetry = NULL;
  assert_int_equal(sd_telemetry_new(&options, &telemetry, NULL), SD_OK);
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "test", NULL);
  sd_span *span = sd_span_start(tracer, "span", NULL);
  sd_context context = sd_span_context(span);
  assert_true(sd_context_is_valid(&context));
  sd_span_end(span);
  flush(telemetry);
  sd_telemetry_free(telemetry);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_record_leaves_within_the_delay),
      cmocka_unit_test(a_full_batch_leaves_at_once),
      cmocka_unit_test(a_batch_has_at_most_its_size),
      cmocka_unit_test(records_come_in_the_order_of_recording),
      cmocka_unit_test(an_exporter_that_blocks_costs_records_and_no_time),
      cmocka_unit_test(drops_are_told_once),
      cmocka_unit_test(pending_spans_go_only_to_exporters_that_want_them),
      cmocka_unit_test(a_secret_never_reaches_an_exporter),
      cmocka_unit_test(an_exporter_cannot_wait_for_its_own_telemetry),
      cmocka_unit_test(without_exporters_spans_only_carry_context),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
