/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The file exporter: one JSON object a line, appended, whatever happens to the file. */
#include "base/alloc.h"
#include "fake_tracer.h"
#include "trace/exporter.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static sd_attribute resource[] = {{.key = "r", .value = {.type = SD_ANY_INT, .as.integer = 7}}};
static sd_telemetry telemetry = {resource, 1};
static sd_tracer tracer = {"lib", "", &telemetry};

static const char traces_line[] =
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"r\",\"value\":{\"intValue\":\"7\"}}]},"
    "\"scopeSpans\":[{\"scope\":{\"name\":\"lib\"},\"spans\":[{\"name\":\"span\"}]}]}]}\n";
static const char logs_line[] =
    "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"r\",\"value\":{\"intValue\":\"7\"}}]},"
    "\"scopeLogs\":[{\"scope\":{\"name\":\"lib\"},\"logRecords\":[{\"severityNumber\":9}]}]}]}\n";
static const char metrics_line[] =
    "{\"resourceMetrics\":[{\"resource\":{\"attributes\":[{\"key\":\"r\",\"value\":{\"intValue\":\"7\"}}]},"
    "\"scopeMetrics\":[{\"scope\":{\"name\":\"lib\"},\"metrics\":[{\"name\":\"m\",\"gauge\":{\"dataPoints\":"
    "[{\"timeUnixNano\":\"9\",\"asInt\":\"3\"}]}}]}]}]}\n";

static const sd_record span = {
    .kind = SD_RECORD_SPAN, .tracer = &tracer, .otlp = (const uint8_t *)"\x2a\x04span", .otlp_len = 6};
static const sd_record log_record = {
    .kind = SD_RECORD_LOG, .tracer = &tracer, .otlp = (const uint8_t *)"\x10\x09", .otlp_len = 2};
static const sd_point_value point = {.unix_ns = 9, .integer = 3};
static const sd_metric metric = {
    .tracer = &tracer, .name = "m", .kind = SD_GAUGE, .points = &point, .point_count = 1};

typedef struct fixture {
  char folder[64], path[80];
  sd_exporter *exporter;
} fixture;

static int set_up(void **state)
{
  fixture *f = sd_calloc(1, sizeof *f);
  snprintf(f->folder, sizeof f->folder, "/tmp/sd-test-file-XXXXXX");
  assert_non_null(mkdtemp(f->folder));
  snprintf(f->path, sizeof f->path, "%s/otlp.jsonl", f->folder);
  assert_int_equal(sd_file_exporter_new(f->path, &f->exporter, NULL), SD_OK);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  fixture *f = *state;
  sd_exporter_free(f->exporter);
  unlink(f->path);
  rmdir(f->folder);
  sd_free(f);
  return 0;
}

static void export_records(const fixture *f, const sd_record *records, size_t count)
{
  f->exporter->vtable->export_records(f->exporter->self, records, count);
}

static sd_telemetry_stats stats_of(const fixture *f)
{
  sd_telemetry_stats stats;
  memset(&stats, 0, sizeof stats);
  f->exporter->vtable->add_stats(f->exporter->self, &stats);
  return stats;
}

static void assert_content(const fixture *f, const char *expected)
{
  static char text[1 << 16];
  FILE *file = fopen(f->path, "r");
  assert_non_null(file);
  size_t len = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[len] = '\0';
  assert_string_equal(text, expected);
}

static const char *joined(const char *a, const char *b)
{
  static char text[1 << 16];
  snprintf(text, sizeof text, "%s%s", a, b);
  return text;
}

static void a_batch_is_one_line_for_each_signal(void **state)
{
  fixture *f = *state;
  sd_record records[] = {log_record, span};
  assert_content(f, "");
  export_records(f, records, 2);
  assert_content(f, joined(traces_line, logs_line));
  sd_telemetry_stats stats = stats_of(f);
  assert_int_equal(stats.records_exported, 2);
  assert_int_equal(stats.dropped_export, 0);
  assert_int_equal(stats.export_calls, 2);
  assert_int_equal(stats.bytes_sent, strlen(traces_line) + strlen(logs_line));
}

static void a_collection_is_one_line(void **state)
{
  fixture *f = *state;
  f->exporter->vtable->export_metric(f->exporter->self, &metric);
  assert_content(f, "");
  f->exporter->vtable->export_metric(f->exporter->self, NULL);
  assert_content(f, metrics_line);
  f->exporter->vtable->export_metric(f->exporter->self, NULL);
  assert_content(f, metrics_line);
}

static void an_existing_file_is_continued(void **state)
{
  fixture *f = *state;
  export_records(f, &span, 1);
  sd_exporter_free(f->exporter);
  assert_int_equal(sd_file_exporter_new(f->path, &f->exporter, NULL), SD_OK);
  export_records(f, &log_record, 1);
  assert_content(f, joined(traces_line, logs_line));
}

static void a_path_that_cannot_be_opened_is_an_error_that_names_it(void **state)
{
  (void)state;
  sd_exporter *exporter = NULL;
  sd_error error;
  assert_int_equal(sd_file_exporter_new("/proc/none/otlp.jsonl", &exporter, &error), SD_IO);
  assert_non_null(strstr(error.message, "/proc/none/otlp.jsonl"));
  assert_int_equal(error.source_code, ENOENT);
  assert_int_equal(sd_file_exporter_new("", &exporter, &error), SD_INVALID);
  assert_int_equal(sd_file_exporter_new(NULL, &exporter, &error), SD_INVALID);
  assert_null(exporter);
}

static void a_full_disk_is_counted(void **state)
{
  (void)state;
  fixture f = {.exporter = NULL};
  assert_int_equal(sd_file_exporter_new("/dev/full", &f.exporter, NULL), SD_OK);
  export_records(&f, &span, 1);
  sd_telemetry_stats stats = stats_of(&f);
  assert_int_equal(stats.records_exported, 0);
  assert_int_equal(stats.dropped_export, 1);
  assert_int_equal(stats.bytes_sent, 0);
  sd_exporter_free(f.exporter);
}

/* A limit on the file's size cuts a line; once it is lifted the next line stands by itself. */
static void a_line_that_was_cut_does_not_spoil_the_next(void **state)
{
  fixture *f = *state;
  struct rlimit before, limit;
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  limit = before;
  limit.rlim_cur = 10;
  setrlimit(RLIMIT_FSIZE, &limit);
  export_records(f, &span, 1);
  export_records(f, &span, 1);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_content(f, "{\"resource");
  assert_int_equal(stats_of(f).dropped_export, 2);
  export_records(f, &span, 1);
  assert_content(f, joined("{\"resource\n", traces_line));
  assert_int_equal(stats_of(f).records_exported, 1);
}

static void each_allocation_may_fail(void **state)
{
  fixture *f = *state;
  sd_record records[] = {log_record, span};
  uint64_t nth = 1;
  for (uint64_t dropped = 1; dropped > 0; nth++) {
    uint64_t before = stats_of(f).dropped_export, exported = stats_of(f).records_exported;
    sd_alloc_fail_nth(nth);
    export_records(f, records, 2);
    sd_alloc_fail_nth(0);
    dropped = stats_of(f).dropped_export - before;
    assert_int_equal(dropped + stats_of(f).records_exported - exported, 2);
  }
  assert_true(nth > 3);
  for (nth = 1; nth <= 2; nth++) {
    sd_exporter *exporter = NULL;
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_file_exporter_new(f->path, &exporter, NULL), SD_NOMEM);
    sd_alloc_fail_nth(0);
    assert_null(exporter);
  }
}

static void a_child_writes_its_own_lines(void **state)
{
  fixture *f = *state;
  export_records(f, &span, 1);
  pid_t child = fork();
  if (child == 0) {
    f->exporter->vtable->after_fork(f->exporter->self);
    sd_telemetry_stats stats = stats_of(f);
    export_records(f, &log_record, 1);
    _exit(stats.records_exported == 0 && stats_of(f).records_exported == 1 ? 0 : 1);
  }
  int status = 1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_content(f, joined(traces_line, logs_line));
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_batch_is_one_line_for_each_signal, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_collection_is_one_line, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_existing_file_is_continued, set_up, tear_down),
      cmocka_unit_test(a_path_that_cannot_be_opened_is_an_error_that_names_it),
      cmocka_unit_test(a_full_disk_is_counted),
      cmocka_unit_test_setup_teardown(a_line_that_was_cut_does_not_spoil_the_next, set_up, tear_down),
      cmocka_unit_test_setup_teardown(each_allocation_may_fail, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_child_writes_its_own_lines, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
