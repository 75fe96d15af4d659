/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Records doubles into a histogram and prints what an exponential reader makes of them, as JSON.
 * stdin: doubles as they are in memory. stdout: sum, min and max in hexadecimal form.
 */
#include <inttypes.h>
#include <stdio.h>
#include <streamduck/export.h>

static void print(void *user, const sd_metric *metric)
{
  (void)user;
  if (metric->kind != SD_HISTOGRAM)
    return;
  const sd_point_value *point = metric->points;
  printf("{\"count\": %" PRIu64 ", \"sum\": \"%a\", \"min\": \"%a\", \"max\": \"%a\", ", point->count,
         point->sum, point->min, point->max);
  printf("\"scale\": %" PRId32 ", \"zero_count\": %" PRIu64 ", \"offset\": %" PRId32 ", \"counts\": [",
         point->scale, point->zero_count, point->positive.offset);
  for (size_t i = 0; i < point->positive.count; i++)
    printf("%s%" PRIu64, i > 0 ? ", " : "", point->positive.counts[i]);
  printf("]}\n");
}

int main(void)
{
  sd_telemetry *telemetry = NULL;
  sd_metric_reader *reader = NULL;
  sd_instrument *histogram = NULL;
  sd_error error;
  double value;
  sd_telemetry_options options = {.struct_size = sizeof options};
  sd_instrument_options instrument = {
      .struct_size = sizeof instrument, .name = "values", .kind = SD_HISTOGRAM};
  if (sd_telemetry_new(&options, &telemetry, &error) != SD_OK ||
      sd_metric_reader_new(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPONENTIAL, &reader, &error) != SD_OK ||
      sd_instrument_new(sd_telemetry_tracer(telemetry, "test", NULL), &instrument, &histogram, &error) !=
          SD_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  sd_point *point = sd_instrument_point(histogram, NULL, 0);
  while (fread(&value, sizeof value, 1, stdin) == 1)
    sd_point_record(point, value);
  int status = sd_metric_reader_collect(reader, print, NULL) == SD_OK ? 0 : 1;
  sd_telemetry_free(telemetry);
  return status;
}
