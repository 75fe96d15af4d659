/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: record_logfire check BASE TOKEN [TIMEOUT_MS]: prints what the service says about the token, as JSON.
 *        record_logfire record BASE TOKEN: sends to BASE what logfire_sdk.py records with Logfire's own SDK.
 */
#include "base/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamduck/export.h>

enum { FLUSH_MS = 10000 };

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void print_member(const char *name, const char *text, const char *end)
{
  sd_buf json;
  sd_buf_init(&json, 1 << 16);
  sd_json_text(sd_bytes_of(text), &json);
  printf("\"%s\": %s%s", name, sd_buf_text(&json), end);
  sd_buf_release(&json);
}

static int check(const char *base, const char *token, uint32_t timeout_ms)
{
  sd_logfire_project project = {.name = ""};
  sd_error error;
  sd_error_clear(&error);
  sd_status status = sd_logfire_check_token(token, base, timeout_ms, &project, &error);
  printf("{\"http\": %d, \"retriable\": %d, ", error.source == SD_SOURCE_HTTP ? error.source_code : 0,
         error.retriable);
  print_member("status", sd_status_name(status), ", ");
  print_member("message", error.message, ", ");
  print_member("name", project.name, ", ");
  print_member("url", project.url, ", ");
  print_member("warning", project.warning, "}\n");
  return 0;
}

static void on_diagnostic(void *user, int level, const char *message)
{
  (void)user;
  fprintf(stderr, "%s: %s\n", sd_level_name(level), message);
}

static sd_span *start(sd_tracer *tracer, const char *template, int level, const sd_attribute *attributes,
                      size_t count, sd_context *ret_previous)
{
  const sd_span_options options = {.struct_size = sizeof options,
                                   .attributes = attributes,
                                   .attribute_count = count,
                                   .level = level,
                                   .message = template};
  return sd_span_start_in(tracer, template, &options, ret_previous);
}

static void end(sd_span *span, sd_context *previous)
{
  sd_context_restore(previous);
  sd_span_end(span);
}

static void record_values(sd_tracer *tracer)
{
  sd_any list[] = {sd_any_int(1), sd_any_double(2.5), sd_any_null(), sd_any_string("a\"\xc3\xa4\n")};
  sd_any bytes[] = {sd_any_bytes("\x00\xff", 2), sd_any_bytes("b", 1)};
  sd_attribute inner[] = {sd_attribute_make("raw", sd_any_bytes("x'", 2)), sd_attribute_bool("t", true)};
  sd_attribute map[] = {sd_attribute_int("n", 2), sd_attribute_make("inner", sd_any_map(inner, COUNT(inner))),
                        sd_attribute_make("nan", sd_any_double(NAN))};
  const sd_attribute attributes[] = {
      sd_attribute_string("s", "text \xc3\xa4"),
      sd_attribute_bool("b", true),
      sd_attribute_int("i", -7),
      sd_attribute_double("f", 2),
      sd_attribute_double("tiny", 1e-7),
      sd_attribute_make("none", sd_any_null()),
      sd_attribute_double("inf", INFINITY),
      sd_attribute_double("nan", NAN),
      sd_attribute_make("bytes", sd_any_bytes("ab\x00\xff", 4)),
      sd_attribute_make("list", sd_any_array(list, COUNT(list))),
      sd_attribute_make("all_bytes", sd_any_array(bytes, COUNT(bytes))),
      sd_attribute_make("map", sd_any_map(map, COUNT(map))),
      sd_attribute_make("empty", sd_any_array(NULL, 0)),
  };
  sd_context previous;
  end(start(tracer, "values", SD_LEVEL_NONE, attributes, COUNT(attributes), &previous), &previous);
}

static void record_messages(sd_tracer *tracer)
{
  char text[200];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  text[0] = 'a';
  text[sizeof text - 2] = 'z';
  sd_any list[] = {sd_any_int(1), sd_any_string("it's"), sd_any_null(), sd_any_bool(false)};
  sd_attribute map[] = {sd_attribute_double("k", 1e16)};
  const sd_attribute attributes[] = {
      sd_attribute_double("x", 3.14159),
      sd_attribute_string("y", "q\n"),
      sd_attribute_int("z", 1234567),
      sd_attribute_make("l", sd_any_array(list, COUNT(list))),
      sd_attribute_make("m", sd_any_map(map, COUNT(map))),
      sd_attribute_string("long", text),
      sd_attribute_string("messaging.system", "eventhubs"),
  };
  static const char *const templates[] = {
      "a {x:.2f} {x} {y!r} {z=} {z:,} {z:>10}|",
      "b {l} {m} {m[k]} {l[1]}",
      "c {long}",
      "d {messaging.system} {{x}}",
      "e {unknown}",
      "f {",
      "g {x:%}",
  };
  for (size_t i = 0; i < COUNT(templates); i++)
    sd_tracer_log(tracer, SD_LEVEL_INFO, templates[i], attributes, COUNT(attributes));
}

static void record_secrets(sd_tracer *tracer)
{
  sd_attribute deep[] = {sd_attribute_string("secret", "v"), sd_attribute_string("fine", "w")};
  sd_any list[] = {sd_any_map(deep, COUNT(deep)), sd_any_string("my password=1"), sd_any_string("plain")};
  sd_attribute map[] = {sd_attribute_make("list", sd_any_array(list, COUNT(list)))};
  const sd_attribute attributes[] = {
      sd_attribute_int("api_key", 5),
      sd_attribute_string("word", "password"),
      sd_attribute_string("author", "Ann"),
      sd_attribute_string("text", "the session is x"),
      sd_attribute_string("json", "{\"a\": 1, \"auth\": [1, 2], \"u\": \"\xc3\xa4\"}"),
      sd_attribute_make("nested", sd_any_map(map, COUNT(map))),
      sd_attribute_string("http.url", "http://host/?session=1"),
      sd_attribute_string("x_csrf_y", "1"),
      sd_attribute_string("xcsrfy", "1"),
  };
  sd_tracer_log(tracer, SD_LEVEL_INFO, "secrets {text} {author}", attributes, COUNT(attributes));
}

static void record_levels(sd_tracer *tracer)
{
  static const struct {
    int level;
    const char *name;
  } levels[] = {{SD_LEVEL_TRACE, "log trace"},   {SD_LEVEL_DEBUG, "log debug"}, {SD_LEVEL_INFO, "log info"},
                {SD_LEVEL_NOTICE, "log notice"}, {SD_LEVEL_WARN, "log warn"},   {SD_LEVEL_ERROR, "log error"},
                {SD_LEVEL_FATAL, "log fatal"}};
  for (size_t i = 0; i < COUNT(levels); i++)
    sd_tracer_log(tracer, levels[i].level, levels[i].name, NULL, 0);
  sd_context previous;
  end(start(tracer, "span warn", SD_LEVEL_WARN, NULL, 0, &previous), &previous);
  end(start(tracer, "span error", SD_LEVEL_ERROR, NULL, 0, &previous), &previous);
  sd_span *span = start(tracer, "span later", SD_LEVEL_NONE, NULL, 0, &previous);
  sd_span_set_level(span, SD_LEVEL_NOTICE);
  sd_span_set_int(span, "later", 1);
  end(span, &previous);
  span = start(tracer, "span failed", SD_LEVEL_NONE, NULL, 0, &previous);
  sd_span_record_exception(span, "ValueError", "boom", "Traceback\n", true);
  end(span, &previous);
}

static void record_tree(sd_tracer *tracer, sd_telemetry *telemetry)
{
  const sd_attribute outer[] = {sd_attribute_string("hub", "orders")};
  const sd_attribute late[] = {sd_attribute_int("s", 3), sd_attribute_string("password", "x")};
  sd_any tags[] = {sd_any_string("t1"), sd_any_string("t2")};
  const sd_attribute tagged[] = {sd_attribute_make("logfire.tags", sd_any_array(tags, COUNT(tags)))};
  sd_context previous;
  sd_context inner_previous;
  sd_span *span = start(tracer, "process {hub}", SD_LEVEL_NONE, outer, COUNT(outer), &previous);
  sd_tracer_log(tracer, SD_LEVEL_WARN, "late by {s} s", late, COUNT(late));
  end(start(tracer, "inner", SD_LEVEL_NONE, tagged, COUNT(tagged), &inner_previous), &inner_previous);
  /* What is open now leaves as pending. */
  sd_telemetry_flush(telemetry, FLUSH_MS, NULL);
  end(span, &previous);
}

static int record(const char *base, const char *token)
{
  sd_error error;
  sd_exporter *exporter;
  sd_telemetry *telemetry;
  if (sd_logfire_exporter_new(token, base, on_diagnostic, NULL, &exporter, &error) != SD_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  const sd_telemetry_options options = {.struct_size = sizeof options,
                                        .service_name = "service",
                                        .logfire_ids = true,
                                        .exporters = &exporter,
                                        .exporter_count = 1,
                                        .diagnostic = on_diagnostic};
  if (sd_telemetry_new(&options, &telemetry, &error) != SD_OK) {
    fprintf(stderr, "%s\n", error.message);
    sd_exporter_free(exporter);
    return 1;
  }
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "logfire", "5");
  record_tree(tracer, telemetry);
  record_values(tracer);
  record_messages(tracer);
  record_secrets(tracer);
  record_levels(tracer);
  sd_status status = sd_telemetry_shutdown(telemetry, FLUSH_MS, &error);
  sd_telemetry_free(telemetry);
  return status == SD_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
  if (argc >= 4 && strcmp(argv[1], "check") == 0)
    return check(argv[2], argv[3], argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0);
  if (argc == 4 && strcmp(argv[1], "record") == 0)
    return record(argv[2], argv[3]);
  fprintf(stderr, "usage: record_logfire check|record BASE TOKEN [TIMEOUT_MS]\n");
  return 2;
}
