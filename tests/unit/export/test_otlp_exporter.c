/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Making OTLP exporters: where requests go, what is refused. What they send: tests/otlp. */
#include "export/otlp_link.h"

#include "base/alloc.h"
#include "trace/exporter.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define GRPC_TRACES "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

static void endpoints_become_urls(void **state)
{
  (void)state;
  static const struct {
    sd_otlp_protocol protocol;
    const char *endpoint, *own; /* own: traces_endpoint */
    const char *url;
  } cases[] = {
      {SD_OTLP_HTTP_PROTOBUF, NULL, NULL, "http://localhost:4318/v1/traces"},
      {SD_OTLP_HTTP_JSON, "http://h:1", NULL, "http://h:1/v1/traces"},
      {SD_OTLP_HTTP_PROTOBUF, "http://h:1/", NULL, "http://h:1/v1/traces"},
      {SD_OTLP_HTTP_PROTOBUF, "https://h/base//", NULL, "https://h/base/v1/traces"},
      {SD_OTLP_HTTP_PROTOBUF, "HTTPS://h/v1/traces", NULL, "HTTPS://h/v1/traces/v1/traces"},
      {SD_OTLP_HTTP_PROTOBUF, "https://u:p@h/base?key=1", NULL, "https://u:p@h/base/v1/traces?key=1"},
      {SD_OTLP_HTTP_PROTOBUF, "http://h:1", "http://t/x/", "http://t/x/"},
      {SD_OTLP_HTTP_PROTOBUF, NULL, "http://t", "http://t"},
      {SD_OTLP_GRPC, NULL, NULL, "http://localhost:4317" GRPC_TRACES},
      {SD_OTLP_GRPC, "http://h:1/", NULL, "http://h:1" GRPC_TRACES},
      {SD_OTLP_GRPC, "h:4317", NULL, "https://h:4317" GRPC_TRACES},
      {SD_OTLP_GRPC, NULL, "https://t:1", "https://t:1" GRPC_TRACES},
      {SD_OTLP_GRPC, "[::1]:4317", NULL, "https://[::1]:4317" GRPC_TRACES},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_otlp_options options = {
        .protocol = cases[i].protocol, .endpoint = cases[i].endpoint, .traces_endpoint = cases[i].own};
    char *url;
    sd_error error;
    if (sd_otlp_url(&options, SD_SIGNAL_TRACES, &url, &error) != SD_OK)
      fail_msg("%s", error.message);
    assert_string_equal(url, cases[i].url);
    sd_free(url);
  }
  sd_otlp_options options = {.endpoint = "http://h"};
  char *url;
  assert_int_equal(sd_otlp_url(&options, SD_SIGNAL_METRICS, &url, NULL), SD_OK);
  assert_string_equal(url, "http://h/v1/metrics");
  sd_free(url);
  assert_int_equal(sd_otlp_url(&options, SD_SIGNAL_LOGS, &url, NULL), SD_OK);
  assert_string_equal(url, "http://h/v1/logs");
  sd_free(url);
}

static void endpoints_that_are_none_are_refused_without_their_secrets(void **state)
{
  (void)state;
  static char long_url[4000];
  memset(long_url, 'a', sizeof long_url - 1);
  memcpy(long_url, "http://", 7);
  const char *const bad[] = {"",           "h:4318",         "ftp://u:CANARY@h/",     "http://",
                             "http:///v1", "http://h/a b",   "http://h/\x01",         "http://u:CANARY@",
                             "://h",       "unix:///s.sock", "u:CANARY@h:1?k=CANARY", long_url};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    sd_otlp_options options = {.struct_size = sizeof options, .endpoint = bad[i]};
    sd_exporter *exporter;
    sd_error error;
    assert_int_equal(sd_otlp_exporter_new(&options, &exporter, &error), SD_CONFIG);
    assert_non_null(strstr(error.message, "OTLP endpoint"));
    assert_null(strstr(error.message, "CANARY"));
  }
}

static void headers_that_are_none_are_refused_without_their_values(void **state)
{
  (void)state;
  static char long_header[SD_OTLP_HEADER_BYTES_MAX + 10];
  memset(long_header, 'a', sizeof long_header - 1);
  memcpy(long_header, "x: ", 3);
  const char *const bad[] = {"CANARY",      ": CANARY", "a b: CANARY", "a: CANARY\r\nb: c",
                             "a\n: CANARY", long_header};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *const headers[] = {"good: yes", bad[i], NULL};
    sd_otlp_options options = {.struct_size = sizeof options, .headers = headers};
    sd_exporter *exporter;
    sd_error error;
    assert_int_equal(sd_otlp_exporter_new(&options, &exporter, &error), SD_CONFIG);
    assert_null(strstr(error.message, "CANARY"));
  }
}

static void an_exporter_takes_what_its_signals_need(void **state)
{
  (void)state;
  static const struct {
    int signals;
    bool records, metrics, pending;
  } cases[] = {{0, true, true, true},
               {SD_SIGNAL_TRACES, true, false, true},
               {SD_SIGNAL_METRICS, false, true, false},
               {SD_SIGNAL_LOGS, true, false, false},
               {SD_SIGNAL_METRICS | SD_SIGNAL_LOGS, true, true, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_otlp_options options = {.struct_size = sizeof options,
                               .signals = cases[i].signals,
                               .temporality = SD_DELTA,
                               .histogram_form = SD_HISTOGRAM_EXPONENTIAL,
                               .logfire = true};
    sd_exporter *exporter;
    assert_int_equal(sd_otlp_exporter_new(&options, &exporter, NULL), SD_OK);
    assert_int_equal(exporter->vtable->export_records != NULL, cases[i].records);
    assert_int_equal(exporter->vtable->export_metric != NULL, cases[i].metrics);
    assert_int_equal(exporter->traits.wants_pending, cases[i].pending);
    assert_int_equal(exporter->traits.temporality, SD_DELTA);
    assert_int_equal(exporter->traits.histogram_form, SD_HISTOGRAM_EXPONENTIAL);
    sd_exporter_free(exporter);
  }
  sd_exporter *exporter;
  sd_otlp_options options = {.struct_size = sizeof options, .signals = 64};
  assert_int_equal(sd_otlp_exporter_new(&options, &exporter, NULL), SD_CONFIG);
  options = (sd_otlp_options){.struct_size = sizeof options, .protocol = (sd_otlp_protocol)9};
  assert_int_equal(sd_otlp_exporter_new(&options, &exporter, NULL), SD_CONFIG);
  options = (sd_otlp_options){.struct_size = 8};
  assert_int_equal(sd_otlp_exporter_new(&options, &exporter, NULL), SD_INVALID);
  assert_int_equal(sd_otlp_exporter_new(NULL, &exporter, NULL), SD_INVALID);
}

static void an_exporter_that_works_can_be_freed_without_being_stopped(void **state)
{
  (void)state;
  static const uint8_t span[] = {0x2a, 1, 's'};
  sd_telemetry_options telemetry_options = {.struct_size = sizeof telemetry_options};
  sd_telemetry *telemetry;
  assert_int_equal(sd_telemetry_new(&telemetry_options, &telemetry, NULL), SD_OK);
  /* Nobody listens on port 1: the thread is busy trying. */
  sd_otlp_options options = {.struct_size = sizeof options, .endpoint = "http://127.0.0.1:1"};
  sd_exporter *exporter;
  assert_int_equal(sd_otlp_exporter_new(&options, &exporter, NULL), SD_OK);
  sd_record record = {.kind = SD_RECORD_SPAN,
                      .tracer = sd_telemetry_tracer(telemetry, "t", NULL),
                      .name = "s",
                      .name_len = 1,
                      .otlp = span,
                      .otlp_len = sizeof span};
  exporter->vtable->export_records(exporter->self, &record, 1);
  sd_exporter_free(exporter);
  sd_telemetry_free(telemetry);
}

static void a_lack_of_memory_leaks_nothing(void **state)
{
  (void)state;
  const char *const headers[] = {"Authorization: Bearer abcdef", NULL};
  sd_otlp_options options = {.struct_size = sizeof options, .headers = headers, .ca_file = "/ca.pem"};
  sd_exporter *exporter;
  sd_error error;
  int failures = 0;
  for (uint64_t nth = 1;; nth++) {
    sd_alloc_fail_nth(nth);
    sd_status status = sd_otlp_exporter_new(&options, &exporter, &error);
    bool reached = sd_alloc_calls() >= nth;
    sd_alloc_fail_nth(0);
    if (status == SD_OK)
      sd_exporter_free(exporter);
    if (!reached)
      break;
    assert_int_equal(status, SD_NOMEM);
    failures++;
  }
  assert_true(failures > 10);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(endpoints_become_urls),
      cmocka_unit_test(endpoints_that_are_none_are_refused_without_their_secrets),
      cmocka_unit_test(headers_that_are_none_are_refused_without_their_values),
      cmocka_unit_test(an_exporter_takes_what_its_signals_need),
      cmocka_unit_test(an_exporter_that_works_can_be_freed_without_being_stopped),
      cmocka_unit_test(a_lack_of_memory_leaks_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
