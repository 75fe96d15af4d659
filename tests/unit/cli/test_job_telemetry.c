/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What a configuration means for telemetry: modes, targets, words, secrets. */
#include "job_of.h"

#include <streamduck/export.h>

#define CLOUD "LOGFIRE_ENABLED=true", "LOGFIRE_TOKEN=pylf_v1_eu_CANARY0123456789"
#define LOCAL "LOGFIRE_ENABLED=true", "LOGFIRE_SEND_TO_LOGFIRE=false"

typedef void print_fn(const sd_job_telemetry *telemetry, sd_buf *out);

static void expect_text(const sd_job *job, print_fn *print, const char *expected)
{
  sd_buf text;
  sd_buf_init(&text, 65536);
  print(&job->telemetry, &text);
  assert_string_equal(sd_buf_text(&text), expected);
  sd_buf_release(&text);
}

static void variables_choose_the_mode(void **state)
{
  (void)state;
  static const struct {
    const char *lines[5];
    sd_telemetry_mode mode;
    const char *name;
    bool on;
  } cases[] = {
      {{"LOGFIRE_TOKEN=pylf_v1_us_CANARY0123456789"}, SD_TELEMETRY_DISABLED, "disabled", false},
      {{LOCAL}, SD_TELEMETRY_LOCAL_ONLY, "local-only", true},
      {{CLOUD, "LOGFIRE_CONSOLE_LOGGING=false"}, SD_TELEMETRY_CLOUD_ONLY, "cloud-only", true},
      {{CLOUD}, SD_TELEMETRY_HYBRID, "hybrid", true},
      {{LOCAL, "LOGFIRE_CONSOLE_LOGGING=false"}, SD_TELEMETRY_NO_OUTPUT, "no output", false},
      {{CLOUD, "OTEL_SDK_DISABLED=TRUE"}, SD_TELEMETRY_DISABLED, "disabled", false},
      {{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318"}, SD_TELEMETRY_DISABLED, "disabled", true},
      {{"OTEL_TRACES_EXPORTER=console"}, SD_TELEMETRY_DISABLED, "disabled", true},
      {{"OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c"},
       SD_TELEMETRY_DISABLED,
       "disabled",
       false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_job *job = job_of(cases[i].lines);
    assert_int_equal(sd_job_telemetry_mode(&job->telemetry), cases[i].mode);
    assert_string_equal(sd_telemetry_mode_name(cases[i].mode), cases[i].name);
    assert_int_equal(sd_job_telemetry_is_on(&job->telemetry), cases[i].on);
    sd_job_free(job);
  }
}

static void the_banner_has_the_words_of_the_original(void **state)
{
  (void)state;
  sd_job *job = JOB(LOCAL);
  expect_text(job, sd_job_telemetry_banner,
              "🔥 Logfire initialized: local-only mode\n"
              "📊 Service: streamduck | Environment: development\n");
  sd_job_free(job);
  job = JOB(CLOUD, "LOGFIRE_SERVICE_NAME=orders", "LOGFIRE_ENVIRONMENT=production",
            "OTEL_EXPORTER_OTLP_ENDPOINT=http://user:CANARY@c:4318/x?key=CANARY",
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc");
  expect_text(job, sd_job_telemetry_banner,
              "🔥 Logfire initialized: hybrid mode\n"
              "📡 OpenTelemetry: traces and logs to http://c:4318/x (http/protobuf)\n"
              "📡 OpenTelemetry: metrics to http://c:4318/x (grpc)\n"
              "📊 Service: orders | Environment: production\n");
  sd_job_free(job);
  job = JOB("OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_SERVICE_NAME=mine");
  expect_text(job, sd_job_telemetry_banner,
              "📡 OpenTelemetry: traces to http://localhost:4317 (grpc)\n"
              "📊 Service: mine\n");
  sd_job_free(job);
  job = JOB("LOGFIRE_SERVICE_NAME=x", "OTEL_SDK_DISABLED=true");
  expect_text(job, sd_job_telemetry_banner, "");
  sd_job_free(job);
  job = JOB(LOCAL, "OTEL_SDK_DISABLED=true");
  expect_text(job, sd_job_telemetry_banner, "OTEL_SDK_DISABLED is true: all telemetry is off\n");
  sd_job_free(job);
}

static void the_block_of_validate_config_has_the_words_of_the_original(void **state)
{
  (void)state;
  sd_job *job = JOB(CLOUD, "LOGFIRE_ENVIRONMENT=production");
  expect_text(job, sd_job_telemetry_describe,
              "✅ Logfire Configuration:\n"
              "   • Enabled: true\n"
              "   • Send to Cloud: true\n"
              "   • Console Logging: true\n"
              "   • Service: streamduck\n"
              "   • Environment: production\n"
              "   • Log Level: INFO\n"
              "   • Cloud: https://logfire-eu.pydantic.dev\n");
  sd_job_free(job);
  job = JOB("LOGFIRE_ENABLED=false", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c/logs");
  expect_text(job, sd_job_telemetry_describe,
              "✅ Logfire Configuration:\n"
              "   • Enabled: false\n"
              "✅ OpenTelemetry Configuration:\n"
              "   • logs: http://c/logs (http/protobuf)\n");
  sd_job_free(job);
}

static void names_come_from_the_most_special_variable(void **state)
{
  (void)state;
  sd_job *job = JOB("OTEL_SERVICE_NAME=b", "OTEL_RESOURCE_ATTRIBUTES=service.name=c");
  assert_string_equal(job->telemetry.service, "b");
  assert_null(job->telemetry.environment);
  assert_string_equal(sd_job_telemetry_variable(job, "OTEL_SERVICE_NAME"), "b");
  sd_job_free(job);
  job = JOB("LOGFIRE_SERVICE_NAME=a", "OTEL_SERVICE_NAME=b");
  assert_string_equal(job->telemetry.service, "a");
  assert_string_equal(sd_job_telemetry_variable(job, "OTEL_SERVICE_NAME"), "a");
  sd_job_free(job);
  job = JOB("OTEL_RESOURCE_ATTRIBUTES=service.name=c%20d,deployment.environment.name=staging");
  assert_string_equal(job->telemetry.service, "c d");
  assert_string_equal(job->telemetry.environment, "staging");
  sd_job_free(job);
  job = JOB("OTEL_RESOURCE_ATTRIBUTES=broken");
  assert_string_equal(job->telemetry.service, "streamduck");
  sd_job_free(job);
}

static void levels_are_logfires_numbers(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    int level;
    const char *name;
  } cases[] = {{"LOGFIRE_LOG_LEVEL=debug", SD_LEVEL_DEBUG, "DEBUG"},
               {"LOGFIRE_LOG_LEVEL=INFO", SD_LEVEL_INFO, "INFO"},
               {"LOGFIRE_LOG_LEVEL=", SD_LEVEL_INFO, "INFO"},
               {"LOGFIRE_LOG_LEVEL=Warning", SD_LEVEL_WARN, "WARNING"},
               {"LOGFIRE_LOG_LEVEL=ERROR", SD_LEVEL_ERROR, "ERROR"},
               {"LOGFIRE_LOG_LEVEL=CRITICAL", SD_LEVEL_FATAL, "CRITICAL"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    sd_job *job = JOB(LOCAL, cases[i].line);
    assert_int_equal(job->telemetry.level, cases[i].level);
    assert_string_equal(job->telemetry.level_name, cases[i].name);
    sd_job_free(job);
  }
}

static void several_tokens_are_several_projects(void **state)
{
  (void)state;
  sd_job *job = JOB("LOGFIRE_ENABLED=1", "LOGFIRE_TOKEN=pylf_v1_us_CANARY01, pylf_v1_eu_CANARY02,");
  assert_int_equal(job->telemetry.logfire_count, 2);
  assert_string_equal(job->telemetry.logfire[0].token, "pylf_v1_us_CANARY01");
  assert_string_equal(job->telemetry.logfire[0].base_url, "https://logfire-us.pydantic.dev");
  assert_string_equal(job->telemetry.logfire[1].token, "pylf_v1_eu_CANARY02");
  assert_string_equal(job->telemetry.logfire[1].base_url, "https://logfire-eu.pydantic.dev");
  sd_job_free(job);
  job = JOB(CLOUD, "LOGFIRE_BASE_URL=http://127.0.0.1:1");
  assert_string_equal(job->telemetry.logfire[0].base_url, "http://127.0.0.1:1");
  sd_job_free(job);
  job = JOB("LOGFIRE_ENABLED=1", "LOGFIRE_TOKEN=pylf_a,pylf_b,pylf_c,pylf_d,pylf_e");
  expect(job, SD_PROBLEM_ERROR, "LOGFIRE_TOKEN holds more than 4 tokens");
  sd_job_free(job);
}

static void what_looks_wrong_is_told(void **state)
{
  (void)state;
  sd_job *job = JOB("LOGFIRE_ENABLED=true", "LOGFIRE_TOKEN=CANARY-of-another-service");
  expect(job, SD_PROBLEM_WARNING, "LOGFIRE_TOKEN does not look like a write token of Logfire");
  sd_job_free(job);
  job = JOB("LOGFIRE_ENABLED=true", "LOGFIRE_TOKEN=pylf_v1_mars_CANARY0123456789");
  expect(job, SD_PROBLEM_WARNING, "LOGFIRE_TOKEN names a region that is not known here");
  sd_job_free(job);
  job = JOB(LOCAL, "LOGFIRE_CONSOLE_LOGGING=false");
  expect(job, SD_PROBLEM_WARNING, "no span goes anywhere");
  sd_job_free(job);
}

static void values_of_headers_are_secrets(void **state)
{
  (void)state;
  sd_scrubber *scrubber;
  char *environment[] = {
      (char[]){"OTEL_EXPORTER_OTLP_HEADERS=x-key=CANARY-ONE%3D,authorization=Bearer%20CANARY-TWO, z=short"},
      (char[]){"OTEL_EXPORTER_OTLP_LOGS_HEADERS=k=CANARY-THREE"}, NULL};
  sd_job *job = sd_calloc(1, sizeof *job);
  sd_settings_sources sources = {.environment = environment};
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  sd_problems_init(&job->problems);
  sd_arena_init(&job->arena, 1024, 65536);
  assert_int_equal(sd_settings_load(&sources, scrubber, &job->problems, &job->settings), SD_OK);
  assert_int_equal(sd_job_judge(job, scrubber), SD_OK);
  char text[] = "a CANARY-ONE= b CANARY-ONE%3D c CANARY-TWO d CANARY-THREE e short";
  sd_scrub_text(scrubber, text, sizeof text);
  assert_string_equal(text, "a *** b *** c *** d *** e short");
  sd_job_free(job);
  sd_scrubber_free(scrubber);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(variables_choose_the_mode),
      cmocka_unit_test(the_banner_has_the_words_of_the_original),
      cmocka_unit_test(the_block_of_validate_config_has_the_words_of_the_original),
      cmocka_unit_test(names_come_from_the_most_special_variable),
      cmocka_unit_test(levels_are_logfires_numbers),
      cmocka_unit_test(several_tokens_are_several_projects),
      cmocka_unit_test(what_looks_wrong_is_told),
      cmocka_unit_test(values_of_headers_are_secrets),
  };
  cmocka_set_message_output(CM_OUTPUT_TAP);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
