/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Records what is hard to write as Prometheus text and prints the page. test_prometheus.py knows the values.
 */
#include <math.h>
#include <stdio.h>
#include <streamduck/export.h>

static sd_telemetry *telemetry;
static bool failed;

static sd_point *point(const char *scope, sd_instrument_options options, const sd_attribute *attributes,
                       size_t count)
{
  sd_instrument *instrument = NULL;
  sd_error error;
  options.struct_size = sizeof options;
  if (sd_instrument_new(sd_telemetry_tracer(telemetry, scope, "1.0"), &options, &instrument, &error) !=
      SD_OK) {
    fprintf(stderr, "%s\n", error.message);
    failed = true;
  }
  return sd_instrument_point(instrument, attributes, count);
}

static void record_counters(void)
{
  static const char awkward[] = "quote \" backslash \\ line\nend \xC3\xA4";
  const sd_attribute get[] = {sd_attribute_string("http.method", "GET"),
                              sd_attribute_string("path", awkward)};
  const sd_any numbers[] = {sd_any_int(1), sd_any_double(0.5)};
  const sd_attribute members[] = {sd_attribute_bool("a", true)};
  const sd_attribute typed[] = {
      sd_attribute_bool("bool", true),
      sd_attribute_int("int", -7),
      sd_attribute_double("double", 0.25),
      sd_attribute_double("nan", NAN),
      sd_attribute_make("bytes", sd_any_bytes("\1\2", 2)),
      sd_attribute_make("array", sd_any_array(numbers, 2)),
      sd_attribute_make("map", sd_any_map(members, 1)),
  };
  const sd_attribute clashing[] = {sd_attribute_string("k_1", "third"), sd_attribute_string("k.1", "second"),
                                   sd_attribute_string("k-1", "first"), sd_attribute_string("9lives", "cat"),
                                   sd_attribute_string("broken", "a\xFFz")};
  sd_instrument_options requests = {.name = "http.requests",
                                    .unit = "{request}",
                                    .description = "Requests\nwith \\ all",
                                    .kind = SD_COUNTER};
  sd_point_add(point("one", requests, get, 2), 9007199254740993);
  sd_point_add(point("one", requests, typed, sizeof typed / sizeof typed[0]), 1);
  sd_point_add(point("one", requests, clashing, sizeof clashing / sizeof clashing[0]), 2);
  sd_instrument_options sent = {
      .name = "bytes.sent", .unit = "By", .description = "Sent", .kind = SD_COUNTER};
  sd_point_add(point("one", sent, NULL, 0), 10);
  sent.description = "Another text";
  sd_point_add(point("two", sent, NULL, 0), 20);
  sd_point_add_double(point("two",
                            (sd_instrument_options){
                                .name = "cpu.time_total", .unit = "s", .kind = SD_COUNTER, .floating = true},
                            NULL, 0),
                      1.5);
}

static void record_gauges(void)
{
  const sd_attribute hot = sd_attribute_string("where", "hot");
  const sd_attribute cold = sd_attribute_string("where", "cold");
  const sd_attribute nowhere = sd_attribute_string("where", "nowhere");
  sd_instrument_options temperature = {
      .name = "temperature", .unit = "Cel", .kind = SD_GAUGE, .floating = true};
  sd_point_set_double(point("one", temperature, &hot, 1), INFINITY);
  sd_point_set_double(point("one", temperature, &cold, 1), -INFINITY);
  sd_point_set_double(point("one", temperature, &nowhere, 1), NAN);
  sd_point_add(
      point("one", (sd_instrument_options){.name = "queue.size", .kind = SD_UP_DOWN_COUNTER}, NULL, 0), -3);
  sd_point_set(
      point("one", (sd_instrument_options){.name = "speed", .unit = "m/s", .kind = SD_GAUGE}, NULL, 0), 4);
}

static void record_histograms(void)
{
  const double bounds[] = {0.1, 1, 10};
  const sd_attribute le = sd_attribute_string("le", "mine");
  sd_instrument_options duration = {.name = "request.duration",
                                    .unit = "s",
                                    .kind = SD_HISTOGRAM,
                                    .boundaries = bounds,
                                    .boundary_count = 3};
  static const double values[] = {0.1, 0.5, 1, 5, 50, 0};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    sd_point_record(point("one", duration, &le, 1), values[i]);
}

static void record_conflicts(void)
{
  sd_point_set(point("one", (sd_instrument_options){.name = "clash", .kind = SD_GAUGE}, NULL, 0), 1);
  sd_point_record(point("two", (sd_instrument_options){.name = "clash", .kind = SD_HISTOGRAM}, NULL, 0), 1);
  sd_point_set(point("one", (sd_instrument_options){.name = "same.name", .kind = SD_GAUGE}, NULL, 0), 1);
  sd_point_set(point("one", (sd_instrument_options){.name = "same_name", .kind = SD_GAUGE}, NULL, 0), 2);
  sd_point_set(point("one", (sd_instrument_options){.name = "target.info", .kind = SD_GAUGE}, NULL, 0), 3);
}

int main(void)
{
  sd_metric_reader *reader = NULL;
  uint8_t *text = NULL;
  size_t len = 0;
  sd_error error;
  const sd_attribute resource[] = {sd_attribute_string("team.name", "quack \"squad\"")};
  sd_telemetry_options options = {
      .struct_size = sizeof options, .service_name = "page", .resource = resource, .resource_count = 1};
  if (sd_telemetry_new(&options, &telemetry, &error) != SD_OK ||
      sd_metric_reader_new(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT, &reader, &error) != SD_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  record_counters();
  record_gauges();
  record_histograms();
  record_conflicts();
  if (failed ||
      sd_process_metrics_register(sd_telemetry_tracer(telemetry, "process", NULL), &error) != SD_OK ||
      sd_prometheus_text(reader, telemetry, &text, &len, &error) != SD_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  fwrite(text, 1, len, stdout);
  sd_memory_release(text);
  sd_telemetry_free(telemetry);
  return 0;
}
