/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the OTEL_* variables make of telemetry, and what is said about those that cannot be read. */
#include "export/environment_otlp.h"

#include "base/alloc.h"
#include "trace/telemetry.h"

#include <pthread.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { VARIABLES_MAX = 16, WARNINGS_MAX = 16 };

typedef struct world {
  const char *variables[VARIABLES_MAX][2];
  char warnings[WARNINGS_MAX][512];
  size_t warning_count;
  char answer[1024]; /* changes with each call, as a getter's buffer may */
} world;

static const char *get(void *user, const char *name)
{
  world *w = user;
  for (size_t i = 0; i < VARIABLES_MAX && w->variables[i][0]; i++) {
    if (strcmp(w->variables[i][0], name) == 0) {
      snprintf(w->answer, sizeof w->answer, "%s", w->variables[i][1]);
      return w->answer;
    }
  }
  return NULL;
}

static pthread_t test_thread;

/* What exporters say from threads of their own, perhaps after a test's end, is not looked at here. */
static void on_warning(void *user, int level, const char *message)
{
  world *w = user;
  if (!pthread_equal(pthread_self(), test_thread))
    return;
  assert_int_equal(level, SD_LEVEL_WARN);
  if (w->warning_count < WARNINGS_MAX)
    snprintf(w->warnings[w->warning_count++], sizeof w->warnings[0], "%s", message);
}

static void assert_warned(const world *w, const char *start, const char *text)
{
  for (size_t i = 0; i < w->warning_count; i++) {
    if (strncmp(w->warnings[i], start, strlen(start)) == 0 && strstr(w->warnings[i], text))
      return;
  }
  fail_msg("no warning \"%s … %s\" among %zu, the first is \"%s\"", start, text, w->warning_count,
           w->warnings[0]);
}

static sd_telemetry *make_with(world *w, const sd_telemetry_options *base, bool otlp_by_default)
{
  sd_telemetry *telemetry = NULL;
  sd_error error;
  sd_telemetry_options options = {.struct_size = sizeof options};
  if (base)
    options = *base;
  options.diagnostic = on_warning;
  options.diagnostic_user = w;
  sd_environment_options environment = {.struct_size = sizeof environment,
                                        .get = get,
                                        .get_user = w,
                                        .base = &options,
                                        .otlp_by_default = otlp_by_default};
  if (sd_telemetry_new_from_environment(&environment, &telemetry, &error) != SD_OK)
    fail_msg("%s", error.message);
  return telemetry;
}

static sd_telemetry *make(world *w)
{
  return make_with(w, NULL, false);
}

/* Nobody listens where these exporters would send their metrics at the end. */
static void end(sd_telemetry *telemetry)
{
  (void)sd_telemetry_shutdown(telemetry, 1, NULL);
  sd_telemetry_free(telemetry);
}

static const char *resource(const sd_telemetry *telemetry, const char *key)
{
  size_t count;
  const sd_attribute *attributes = sd_telemetry_resource(telemetry, &count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(attributes[i].key, key) == 0)
      return attributes[i].value.as.string;
  }
  return "(none)";
}

static void nothing_set_gives_the_bases_telemetry(void **state)
{
  (void)state;
  world w = {.warning_count = 0};
  sd_telemetry_options base = {.struct_size = sizeof base, .service_name = "base", .min_level = 7};
  sd_telemetry *telemetry = make_with(&w, &base, false);
  assert_string_equal(resource(telemetry, "service.name"), "base");
  assert_int_equal(telemetry->exporter_count, 0);
  assert_int_equal(telemetry->min_level, 7);
  assert_int_equal(telemetry->limits.attributes, 128);
  assert_int_equal(w.warning_count, 0);
  end(telemetry);
}

static void the_sdk_can_be_disabled(void **state)
{
  (void)state;
  world w = {.variables = {{"OTEL_SDK_DISABLED", "TRUE"}}};
  assert_null(make(&w));
  world other = {.variables = {{"OTEL_SDK_DISABLED", "1"}}};
  sd_telemetry *telemetry = make(&other);
  assert_non_null(telemetry);
  assert_warned(&other, "OTEL_SDK_DISABLED: ", "false or true is expected");
  end(telemetry);
}

static void the_service_name_goes_before_the_resources(void **state)
{
  (void)state;
  world w = {.variables = {
                 {"OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment.name=pro%20d,zone=eu"}}};
  sd_attribute own[] = {sd_attribute_string("zone", "us"), sd_attribute_string("kept", "yes")};
  sd_telemetry_options base = {
      .struct_size = sizeof base, .service_name = "base", .resource = own, .resource_count = 2};
  sd_telemetry *telemetry = make_with(&w, &base, false);
  assert_string_equal(resource(telemetry, "service.name"), "a");
  assert_string_equal(resource(telemetry, "deployment.environment.name"), "pro d");
  assert_string_equal(resource(telemetry, "zone"), "eu");
  assert_string_equal(resource(telemetry, "kept"), "yes");
  end(telemetry);
  w.variables[1][0] = "OTEL_SERVICE_NAME";
  w.variables[1][1] = " b ";
  telemetry = make_with(&w, &base, false);
  assert_string_equal(resource(telemetry, "service.name"), "b");
  end(telemetry);
}

static void a_resource_that_cannot_be_read_counts_as_none(void **state)
{
  (void)state;
  world w = {.variables = {{"OTEL_RESOURCE_ATTRIBUTES", "good=1,CANARY"}}};
  sd_telemetry *telemetry = make(&w);
  assert_string_equal(resource(telemetry, "good"), "(none)");
  assert_warned(&w, "OTEL_RESOURCE_ATTRIBUTES: ", "member number 2");
  assert_null(strstr(w.warnings[0], "CANARY"));
  end(telemetry);
}

static void numbers_are_read_and_bad_ones_are_told(void **state)
{
  (void)state;
  world w = {.variables = {{"OTEL_ATTRIBUTE_COUNT_LIMIT", "10"},
                           {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "20"},
                           {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "30"},
                           {"OTEL_SPAN_EVENT_COUNT_LIMIT", "40"},
                           {"OTEL_SPAN_LINK_COUNT_LIMIT", "50"},
                           {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "60"},
                           {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "x7"},
                           {"OTEL_BSP_SCHEDULE_DELAY", "123"},
                           {"OTEL_BLRP_SCHEDULE_DELAY", "999"},
                           {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "77"},
                           {"OTEL_BSP_MAX_QUEUE_SIZE", "-1"},
                           {"OTEL_METRIC_EXPORT_INTERVAL", "99999999999999999999"}}};
  sd_telemetry *telemetry = make(&w);
  assert_int_equal(telemetry->limits.attributes, 20);
  assert_int_equal(telemetry->limits.value_length, 30);
  assert_int_equal(telemetry->limits.events, 40);
  assert_int_equal(telemetry->limits.links, 50);
  assert_int_equal(telemetry->limits.attributes_per_event, 60);
  assert_int_equal(telemetry->limits.attributes_per_link, 128);
  assert_int_equal(telemetry->processor.delay_ns, UINT64_C(123000000));
  assert_int_equal(telemetry->processor.batch, 77);
  assert_int_equal(telemetry->processor.metric_interval_ns, UINT64_C(60000000000));
  assert_int_equal(w.warning_count, 3);
  assert_warned(&w, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: \"x7\" is ignored", "whole number");
  assert_warned(&w, "OTEL_BSP_MAX_QUEUE_SIZE: ", "whole number");
  assert_warned(&w, "OTEL_METRIC_EXPORT_INTERVAL: ", "whole number");
  end(telemetry);
}

static void a_small_queue_still_holds_the_longest_span(void **state)
{
  (void)state;
  world w = {.variables = {{"OTEL_BSP_MAX_QUEUE_SIZE", "1"}, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"}}};
  static char text[SD_SPAN_BYTES_MAX - 1024];
  memset(text, 'x', sizeof text);
  sd_exporter *memory;
  assert_int_equal(sd_memory_exporter_new(0, &memory, NULL), SD_OK);
  sd_telemetry_options base = {.struct_size = sizeof base, .exporters = &memory, .exporter_count = 1};
  sd_telemetry *telemetry = make_with(&w, &base, false);
  sd_span *span = sd_span_start(sd_telemetry_tracer(telemetry, "t", NULL), "s", NULL);
  sd_span_set(span, "text", sd_any_text(text, sizeof text));
  sd_span_end(span);
  assert_int_equal(sd_telemetry_flush(telemetry, 60000, NULL), SD_OK);
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_telemetry_get_stats(telemetry, &stats);
  assert_int_equal(stats.records_exported, 1);
  assert_int_equal(stats.dropped_queue_full, 0);
  end(telemetry);
}

static void spans_are_sampled_as_the_variable_says(void **state)
{
  (void)state;
  static const struct {
    const char *name, *ratio;
    sd_sampler_kind kind;
    bool parent_based;
    bool keeps_roots;
  } cases[] = {
      {"always_on", NULL, SD_SAMPLER_ALWAYS_ON, false, true},
      {"ALWAYS_OFF", NULL, SD_SAMPLER_ALWAYS_OFF, false, false},
      {"traceidratio", "0", SD_SAMPLER_RATIO, false, false},
      {"parentbased_always_on", NULL, SD_SAMPLER_ALWAYS_ON, true, true},
      {"parentbased_always_off", NULL, SD_SAMPLER_ALWAYS_OFF, true, false},
      {"parentbased_traceidratio", "1.0", SD_SAMPLER_RATIO, true, true},
      {"parentbased_traceidratio", NULL, SD_SAMPLER_RATIO, true, true},
      {"jaeger_remote", NULL, SD_SAMPLER_ALWAYS_ON, true, true}, /* the default */
      {"traceidratio", "2", SD_SAMPLER_RATIO, false, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    world w = {.variables = {{"OTEL_TRACES_SAMPLER", cases[i].name},
                             {cases[i].ratio ? "OTEL_TRACES_SAMPLER_ARG" : "X", cases[i].ratio}}};
    sd_telemetry *telemetry = make(&w);
    sd_tracer *tracer = sd_telemetry_tracer(telemetry, "t", NULL);
    sd_span *root = sd_span_start(tracer, "root", NULL);
    assert_int_equal(root != NULL, cases[i].keeps_roots);
    sd_span_end(root);
    /* A remote parent's flag counts only when the sampler is parent based. */
    for (int flag = 0; flag < 2; flag++) {
      sd_context parent;
      char text[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
      text[sizeof text - 2] = flag ? '1' : '0';
      assert_int_equal(sd_context_parse_traceparent(text, sizeof text - 1, &parent), SD_OK);
      sd_span_options options = {.struct_size = sizeof options, .parent = &parent};
      sd_span *span = sd_span_start(tracer, "child", &options);
      assert_int_equal(span != NULL, cases[i].parent_based ? flag : cases[i].keeps_roots);
      sd_span_end(span);
    }
    end(telemetry);
    if (strcmp(cases[i].name, "jaeger_remote") == 0)
      assert_warned(&w, "OTEL_TRACES_SAMPLER: \"jaeger_remote\" is ignored", "always_off");
    else if (cases[i].ratio && cases[i].ratio[0] == '2')
      assert_warned(&w, "OTEL_TRACES_SAMPLER_ARG: \"2\" is ignored", "ratio");
    else
      assert_int_equal(w.warning_count, 0);
  }
}

static void what_is_not_supported_is_told(void **state)
{
  (void)state;
  world w = {.variables = {{"OTEL_PROPAGATORS", "tracecontext, b3,baggage"},
                           {"OTEL_METRICS_EXPORTER", "prometheus"},
                           {"OTEL_CONFIG_FILE", "otel.yaml"},
                           {"OTEL_METRICS_EXEMPLAR_FILTER", "always_on"},
                           {"OTEL_TRACES_EXPORTER", "zipkin,none"}}};
  sd_telemetry *telemetry = make(&w);
  assert_int_equal(telemetry->exporter_count, 0);
  assert_int_equal(w.warning_count, 5);
  assert_warned(&w, "OTEL_PROPAGATORS: \"b3\"", "not supported");
  assert_warned(&w, "OTEL_METRICS_EXPORTER: \"prometheus\"", "otlp, console or none");
  assert_warned(&w, "OTEL_CONFIG_FILE: ", "not supported");
  assert_warned(&w, "OTEL_METRICS_EXEMPLAR_FILTER: ", "always_off");
  assert_warned(&w, "OTEL_TRACES_EXPORTER: \"zipkin\"", "otlp, console or none");
  end(telemetry);
}

/* ---- Exporters -------------------------------------------------------------------------------------------
 */

static void exporters_are_made_where_something_asks_for_them(void **state)
{
  (void)state;
  world nothing = {.warning_count = 0};
  sd_telemetry *telemetry = make_with(&nothing, NULL, true);
  assert_int_equal(telemetry->exporter_count, 1); /* all signals go the same way */
  assert_non_null(telemetry->exporters[0]->vtable->export_metric);
  assert_non_null(telemetry->exporters[0]->vtable->export_records);
  end(telemetry);

  world none = {.variables = {{"OTEL_TRACES_EXPORTER", "none"},
                              {"OTEL_METRICS_EXPORTER", "none"},
                              {"OTEL_LOGS_EXPORTER", "none"}}};
  telemetry = make_with(&none, NULL, true);
  assert_int_equal(telemetry->exporter_count, 0);
  end(telemetry);

  world traces = {.variables = {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/x"}}};
  telemetry = make(&traces);
  assert_int_equal(telemetry->exporter_count, 1);
  assert_null(telemetry->exporters[0]->vtable->export_metric);
  end(telemetry);

  world console = {.variables = {{"OTEL_TRACES_EXPORTER", "console,otlp"}}};
  telemetry = make(&console);
  assert_int_equal(telemetry->exporter_count, 2);
  end(telemetry);
}

static void what_no_signal_can_read_is_told_once(void **state)
{
  (void)state;
  world w = {.variables = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"},
                           {"OTEL_EXPORTER_OTLP_TIMEOUT", "soon"},
                           {"OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"}}};
  sd_telemetry *telemetry = make(&w);
  assert_warned(&w, "OTEL_EXPORTER_OTLP_ENDPOINT: ", "http://localhost:4318");
  assert_warned(&w, "OTEL_EXPORTER_OTLP_TIMEOUT: ", "soon");
  assert_warned(&w, "OTEL_EXPORTER_OTLP_PROTOCOL: ", "carrier-pigeon");
  assert_int_equal(w.warning_count, 3);
  end(telemetry);
}

static void collect(void *user, const char *text, size_t len)
{
  assert_int_equal(sd_buf_append(user, text, len), SD_OK);
}

static void the_console_writes_where_the_program_wants_it(void **state)
{
  (void)state;
  sd_buf shown;
  sd_buf_init(&shown, 4096);
  world w = {.variables = {{"OTEL_TRACES_EXPORTER", "console"}}};
  const sd_telemetry_options base = {
      .struct_size = sizeof base, .diagnostic = on_warning, .diagnostic_user = &w};
  const sd_console_options console = {.struct_size = sizeof console, .write = collect, .write_user = &shown};
  const sd_environment_options options = {
      .struct_size = sizeof options, .get = get, .get_user = &w, .base = &base, .console = &console};
  sd_telemetry *telemetry = NULL;
  assert_int_equal(sd_telemetry_new_from_environment(&options, &telemetry, NULL), SD_OK);
  sd_span_end(sd_span_start(sd_telemetry_tracer(telemetry, "t", NULL), "walk", NULL));
  assert_int_equal(sd_telemetry_flush(telemetry, UINT32_MAX, NULL), SD_OK);
  end(telemetry);
  assert_non_null(strstr(sd_buf_text(&shown), "walk"));
  sd_buf_release(&shown);
}

static void an_exporter_that_cannot_be_made_is_left_out(void **state)
{
  (void)state;
  world w = {.variables = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:1"}}};
  sd_exporter *full[SD_EXPORTERS_MAX];
  for (size_t i = 0; i < SD_EXPORTERS_MAX; i++)
    assert_int_equal(sd_memory_exporter_new(0, &full[i], NULL), SD_OK);
  sd_telemetry_options base = {
      .struct_size = sizeof base, .exporters = full, .exporter_count = SD_EXPORTERS_MAX};
  sd_telemetry *telemetry = make_with(&w, &base, false);
  assert_int_equal(telemetry->exporter_count, SD_EXPORTERS_MAX);
  assert_warned(&w, "OTLP exporter: ", "8 exporters already");
  end(telemetry);
}

typedef struct settings {
  world w;
  sd_environment environment;
  sd_environment_otlp all[SD_ENVIRONMENT_SIGNALS];
  size_t count;
} settings;

static void read_settings(settings *s)
{
  s->environment =
      (sd_environment){.get = get, .get_user = &s->w, .diagnostic = on_warning, .diagnostic_user = &s->w};
  sd_arena_init(&s->environment.arena, 1024, SD_ENVIRONMENT_BYTES_MAX);
  assert_int_equal(sd_environment_otlp_read(&s->environment, SD_SIGNAL_ALL, s->all, &s->count), SD_OK);
}

static void release_settings(settings *s)
{
  sd_environment_otlp_release(s->all, s->count);
  sd_arena_release(&s->environment.arena);
}

static void signals_with_the_same_settings_share_an_exporter(void **state)
{
  (void)state;
  settings s = {.w = {.variables = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318/base"},
                                    {"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"},
                                    {"OTEL_EXPORTER_OTLP_TIMEOUT", "1234"},
                                    {"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b,x=y"},
                                    {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"},
                                    {"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                                     "base2_exponential_bucket_histogram"}}}};
  read_settings(&s);
  assert_int_equal(s.count, 1);
  const sd_otlp_options *o = &s.all[0].options;
  assert_int_equal(o->signals, SD_SIGNAL_ALL);
  assert_int_equal(o->protocol, SD_OTLP_HTTP_PROTOBUF);
  assert_string_equal(o->endpoint, "http://h:4318/base");
  assert_null(o->traces_endpoint);
  assert_true(o->gzip);
  assert_int_equal(o->timeout_ms, 1234);
  assert_string_equal(o->headers[0], "api-key: a b");
  assert_string_equal(o->headers[1], "x: y");
  assert_null(o->headers[2]);
  assert_int_equal(o->temporality, SD_DELTA);
  assert_int_equal(o->histogram_form, SD_HISTOGRAM_EXPONENTIAL);
  assert_int_equal(s.w.warning_count, 0);
  release_settings(&s);
}

static void a_signals_own_settings_go_first(void **state)
{
  (void)state;
  settings s = {.w = {.variables = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318"},
                                    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/path"},
                                    {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"},
                                    {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector:4317"},
                                    {"OTEL_EXPORTER_OTLP_METRICS_INSECURE", "true"},
                                    {"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json"},
                                    {"OTEL_EXPORTER_OTLP_LOGS_HEADERS", "a=b"}}}};
  read_settings(&s);
  assert_int_equal(s.count, 3);
  assert_string_equal(s.all[0].options.traces_endpoint, "http://t/path");
  assert_null(s.all[0].options.endpoint);
  assert_int_equal(s.all[1].options.protocol, SD_OTLP_GRPC);
  assert_string_equal(s.all[1].options.metrics_endpoint, "http://collector:4317");
  assert_int_equal(s.all[2].options.protocol, SD_OTLP_HTTP_JSON);
  assert_string_equal(s.all[2].options.endpoint, "http://h:4318");
  assert_string_equal(s.all[2].options.headers[0], "a: b");
  assert_null(s.all[0].options.headers);
  release_settings(&s);
}

static void grpc_without_a_scheme_is_secure_unless_told_otherwise(void **state)
{
  (void)state;
  static const struct {
    const char *insecure, *endpoint, *url;
  } cases[] = {{"false", "h:4317", "https://h:4317"},
               {"true", "h:4317", "http://h:4317"},
               {"true", "https://h:4317", "https://h:4317"},
               {"", "h:4317", "https://h:4317"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    settings s = {.w = {.variables = {{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
                                      {"OTEL_EXPORTER_OTLP_INSECURE", cases[i].insecure},
                                      {"OTEL_EXPORTER_OTLP_ENDPOINT", cases[i].endpoint}}}};
    read_settings(&s);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.all[0].options.endpoint, cases[i].url);
    release_settings(&s);
  }
}

static void settings_that_cannot_be_used_are_told_without_secrets(void **state)
{
  (void)state;
  settings s = {.w = {.variables = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "user:CANARY@h:4318"},
                                    {"OTEL_EXPORTER_OTLP_PROTOCOL", "thrift"},
                                    {"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"},
                                    {"OTEL_EXPORTER_OTLP_TIMEOUT", "0"},
                                    {"OTEL_EXPORTER_OTLP_HEADERS", "a=b,CANARY"},
                                    {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent/ca.pem"}}}};
  read_settings(&s);
  const sd_otlp_options *o = &s.all[0].options;
  assert_int_equal(s.count, 1);
  assert_null(o->endpoint);
  assert_null(o->headers);
  assert_null(o->ca_file);
  assert_int_equal(o->protocol, SD_OTLP_HTTP_PROTOBUF);
  assert_false(o->gzip);
  assert_int_equal(o->timeout_ms, 0);
  assert_warned(&s.w, "OTEL_EXPORTER_OTLP_ENDPOINT: ", "http:// or https://");
  assert_warned(&s.w, "OTEL_EXPORTER_OTLP_PROTOCOL: \"thrift\"", "grpc");
  assert_warned(&s.w, "OTEL_EXPORTER_OTLP_COMPRESSION: \"zstd\"", "gzip");
  assert_warned(&s.w, "OTEL_EXPORTER_OTLP_TIMEOUT: \"0\"", "whole number");
  assert_warned(&s.w, "OTEL_EXPORTER_OTLP_HEADERS: ", "member number 2");
  assert_warned(&s.w, "OTEL_EXPORTER_OTLP_CERTIFICATE: ", "/nonexistent/ca.pem");
  for (size_t i = 0; i < s.w.warning_count; i++)
    assert_null(strstr(s.w.warnings[i], "CANARY"));
  release_settings(&s);
}

static void a_lack_of_memory_is_an_error_and_leaks_nothing(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    world w = {.variables = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318"},
                             {"OTEL_EXPORTER_OTLP_LOGS_HEADERS", "authorization=Bearer%20abcdef"},
                             {"OTEL_RESOURCE_ATTRIBUTES", "a=b"}}};
    sd_environment_options options = {.struct_size = sizeof options, .get = get, .get_user = &w};
    sd_telemetry *telemetry = NULL;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_telemetry_new_from_environment(&options, &telemetry, NULL);
    bool reached = sd_alloc_calls() >= nth;
    sd_alloc_fail_nth(0);
    if (status == SD_OK)
      end(telemetry);
    else
      assert_true(status == SD_NOMEM || status == SD_LIMIT);
    if (!reached)
      break;
    assert_true(nth < 10000);
  }
}

int main(void)
{
  test_thread = pthread_self();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_set_gives_the_bases_telemetry),
      cmocka_unit_test(the_sdk_can_be_disabled),
      cmocka_unit_test(the_service_name_goes_before_the_resources),
      cmocka_unit_test(a_resource_that_cannot_be_read_counts_as_none),
      cmocka_unit_test(numbers_are_read_and_bad_ones_are_told),
      cmocka_unit_test(a_small_queue_still_holds_the_longest_span),
      cmocka_unit_test(spans_are_sampled_as_the_variable_says),
      cmocka_unit_test(what_is_not_supported_is_told),
      cmocka_unit_test(exporters_are_made_where_something_asks_for_them),
      cmocka_unit_test(what_no_signal_can_read_is_told_once),
      cmocka_unit_test(the_console_writes_where_the_program_wants_it),
      cmocka_unit_test(an_exporter_that_cannot_be_made_is_left_out),
      cmocka_unit_test(signals_with_the_same_settings_share_an_exporter),
      cmocka_unit_test(a_signals_own_settings_go_first),
      cmocka_unit_test(grpc_without_a_scheme_is_secure_unless_told_otherwise),
      cmocka_unit_test(settings_that_cannot_be_used_are_told_without_secrets),
      cmocka_unit_test(a_lack_of_memory_is_an_error_and_leaks_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
