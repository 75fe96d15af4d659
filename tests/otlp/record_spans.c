/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Records spans (log records and a counter on demand), flushes between rounds, shuts down, and says what came
 * of it: one JSON object on stdout, what telemetry says about itself on stderr. The tests of the network
 * exporters run it against servers of their own.
 */
#include "base/clock.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamduck/export.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PER_S 1e9

enum { HEADERS_MAX = 16, SLOW_NS = 1000000 };

typedef struct plan {
  sd_otlp_options otlp;
  bool from_environment;
  bool forks;
  bool logs, metrics;
  long spans, rounds, flush_ms, shutdown_ms, attribute_bytes;
  uint32_t delay_ms;
  const char *text; /* an attribute; NULL: attribute_bytes of 'x' */
  const char *headers[HEADERS_MAX + 1];
  size_t header_count;
} plan;

static void on_diagnostic(void *user, int level, const char *message)
{
  (void)user;
  (void)level;
  fprintf(stderr, "%s\n", message);
}

static long read_number(const char *text)
{
  char *end;
  long number = strtol(text, &end, 10);
  if (*end || number < 0) {
    fprintf(stderr, "not a number: %s\n", text);
    exit(2);
  }
  return number;
}

static int read_signals(const char *text)
{
  return (strstr(text, "traces") ? SD_SIGNAL_TRACES : 0) | (strstr(text, "metrics") ? SD_SIGNAL_METRICS : 0) |
         (strstr(text, "logs") ? SD_SIGNAL_LOGS : 0);
}

static void read_arguments(int argc, char **argv, plan *p)
{
  static const struct option options[] = {{"endpoint", required_argument, NULL, 'e'},
                                          {"protocol", required_argument, NULL, 'p'},
                                          {"signals", required_argument, NULL, 'S'},
                                          {"gzip", no_argument, NULL, 'z'},
                                          {"logfire", no_argument, NULL, 'L'},
                                          {"header", required_argument, NULL, 'H'},
                                          {"ca", required_argument, NULL, 'c'},
                                          {"certificate", required_argument, NULL, 'C'},
                                          {"key", required_argument, NULL, 'K'},
                                          {"timeout-ms", required_argument, NULL, 't'},
                                          {"queue-bytes", required_argument, NULL, 'q'},
                                          {"request-max", required_argument, NULL, 'm'},
                                          {"spans", required_argument, NULL, 'n'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"attribute-bytes", required_argument, NULL, 'b'},
                                          {"text", required_argument, NULL, 'T'},
                                          {"flush-ms", required_argument, NULL, 'f'},
                                          {"shutdown-ms", required_argument, NULL, 's'},
                                          {"delay-ms", required_argument, NULL, 'd'},
                                          {"environment", no_argument, NULL, 'E'},
                                          {"fork", no_argument, NULL, 'F'},
                                          {"logs", no_argument, NULL, 'l'},
                                          {"metrics", no_argument, NULL, 'M'},
                                          {NULL, 0, NULL, 0}};
  int letter;
  while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (letter) {
    case 'e':
      p->otlp.endpoint = optarg;
      break;
    case 'p':
      p->otlp.protocol = strcmp(optarg, "grpc") == 0        ? SD_OTLP_GRPC
                         : strcmp(optarg, "http/json") == 0 ? SD_OTLP_HTTP_JSON
                                                            : SD_OTLP_HTTP_PROTOBUF;
      break;
    case 'S':
      p->otlp.signals = read_signals(optarg);
      break;
    case 'z':
      p->otlp.gzip = true;
      break;
    case 'L':
      p->otlp.logfire = true;
      break;
    case 'H':
      if (p->header_count < HEADERS_MAX)
        p->headers[p->header_count++] = optarg;
      break;
    case 'c':
      p->otlp.ca_file = optarg;
      break;
    case 'C':
      p->otlp.client_certificate_file = optarg;
      break;
    case 'K':
      p->otlp.client_key_file = optarg;
      break;
    case 't':
      p->otlp.timeout_ms = (uint32_t)read_number(optarg);
      break;
    case 'q':
      p->otlp.queue_bytes = (size_t)read_number(optarg);
      break;
    case 'm':
      p->otlp.request_max = (size_t)read_number(optarg);
      break;
    case 'n':
      p->spans = read_number(optarg);
      break;
    case 'r':
      p->rounds = read_number(optarg);
      break;
    case 'b':
      p->attribute_bytes = read_number(optarg);
      break;
    case 'T':
      p->text = optarg;
      break;
    case 'f':
      p->flush_ms = read_number(optarg);
      break;
    case 's':
      p->shutdown_ms = read_number(optarg);
      break;
    case 'd':
      p->delay_ms = (uint32_t)read_number(optarg);
      break;
    case 'E':
      p->from_environment = true;
      break;
    case 'F':
      p->forks = true;
      break;
    case 'l':
      p->logs = true;
      break;
    case 'M':
      p->metrics = true;
      break;
    default:
      exit(2);
    }
  }
}

static sd_status make_telemetry(const plan *p, sd_telemetry **ret_telemetry, sd_error *error)
{
  sd_telemetry_options options = {.struct_size = sizeof options,
                                  .service_name = "record_spans",
                                  .delay_ms = p->delay_ms,
                                  .diagnostic = on_diagnostic};
  if (p->from_environment) {
    options.service_name = NULL;
    sd_environment_options from = {.struct_size = sizeof from, .base = &options};
    return sd_telemetry_new_from_environment(&from, ret_telemetry, error);
  }
  sd_exporter *exporter;
  sd_otlp_options otlp = p->otlp;
  otlp.struct_size = sizeof otlp;
  otlp.headers = p->headers;
  otlp.diagnostic = on_diagnostic;
  sd_status status = sd_otlp_exporter_new(&otlp, &exporter, error);
  if (status != SD_OK)
    return status;
  options.exporters = &exporter;
  options.exporter_count = 1;
  status = sd_telemetry_new(&options, ret_telemetry, error);
  if (status != SD_OK)
    sd_exporter_free(exporter);
  return status;
}

typedef struct measured {
  uint64_t record_ns;
  uint64_t slowest_ns;
  uint64_t slow; /* spans that took longer than SLOW_NS */
} measured;

static void record(const plan *p, sd_tracer *tracer, measured *m)
{
  static char text[SD_SPAN_BYTES_MAX];
  memset(text, 'x', (size_t)p->attribute_bytes);
  uint64_t began = sd_clock_monotonic_ns(), last = began;
  for (long i = 0; i < p->spans; i++) {
    sd_span *span = sd_span_start(tracer, "work", NULL);
    sd_span_set_int(span, "number", i);
    sd_span_set(span, "text",
                p->text ? sd_any_string(p->text) : sd_any_text(text, (size_t)p->attribute_bytes));
    sd_span_end(span);
    uint64_t now = sd_clock_monotonic_ns();
    if (now - last > m->slowest_ns)
      m->slowest_ns = now - last;
    m->slow += now - last > SLOW_NS;
    last = now;
  }
  m->record_ns += last - began;
  if (p->logs) {
    sd_log_record log = {.struct_size = sizeof log, .severity = 9, .body = sd_any_string("a log record")};
    sd_tracer_emit_log_record(tracer, &log);
  }
}

static void add_counter(const plan *p, sd_tracer *tracer)
{
  sd_instrument *counter;
  if (!p->metrics)
    return;
  sd_instrument_options options = {
      .struct_size = sizeof options, .name = "work.done", .unit = "{span}", .kind = SD_COUNTER};
  if (sd_instrument_new(tracer, &options, &counter, NULL) == SD_OK)
    sd_point_add(sd_instrument_point(counter, NULL, 0), 1);
}

/* A line of /proc/self/status; getrusage would count what the process was before exec, too. */
static long memory_kb(const char *name)
{
  char line[128];
  long kb = 0;
  size_t len = strlen(name);
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file)) {
    if (strncmp(line, name, len) == 0)
      kb = strtol(line + len, NULL, 10);
  }
  if (file)
    fclose(file);
  return kb;
}

static int run(const plan *p)
{
  sd_telemetry *telemetry;
  sd_error error;
  if (make_telemetry(p, &telemetry, &error) != SD_OK) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "record_spans", "1");
  add_counter(p, tracer);
  long before_kb = memory_kb("VmRSS:");
  measured m = {0};
  sd_status flushed = SD_OK;
  for (long round = 0; round < p->rounds; round++) {
    record(p, tracer, &m);
    sd_status status = sd_telemetry_flush(telemetry, (uint32_t)p->flush_ms, NULL);
    if (flushed == SD_OK)
      flushed = status;
  }
  int child_code = 0;
  if (p->forks) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
      record(p, tracer, &m);
      sd_status status = sd_telemetry_shutdown(telemetry, (uint32_t)p->shutdown_ms, NULL);
      sd_telemetry_free(telemetry);
      _exit(status == SD_OK ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &child_code, 0) != child)
      child_code = -1;
    record(p, tracer, &m);
  }
  uint64_t began = sd_clock_monotonic_ns();
  sd_status ended = sd_telemetry_shutdown(telemetry, (uint32_t)p->shutdown_ms, NULL);
  double shutdown_s = (double)(sd_clock_monotonic_ns() - began) / NS_PER_S;
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_telemetry_get_stats(telemetry, &stats);
  long most_kb = memory_kb("VmHWM:");
  sd_telemetry_free(telemetry);
  printf("{\"flush\": %d, \"shutdown\": %d, \"shutdown_s\": %.3f, \"child\": %d, \"record_s\": %.6f, "
         "\"slowest_s\": %.6f, \"slow\": %" PRIu64 ", \"before_kb\": %ld, \"most_kb\": %ld, ",
         (int)flushed, (int)ended, shutdown_s, child_code, (double)m.record_ns / NS_PER_S,
         (double)m.slowest_ns / NS_PER_S, m.slow, before_kb, most_kb);
  printf("\"started\": %" PRIu64 ", \"exported\": %" PRIu64 ", \"dropped_queue_full\": %" PRIu64
         ", \"dropped_export\": %" PRIu64 ", \"dropped_shutdown\": %" PRIu64 ", \"calls\": %" PRIu64
         ", \"retries\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n",
         stats.spans_started, stats.records_exported, stats.dropped_queue_full, stats.dropped_export,
         stats.dropped_shutdown, stats.export_calls, stats.export_retries, stats.bytes_sent);
  return 0;
}

int main(int argc, char **argv)
{
  plan p = {.spans = 1, .rounds = 1, .flush_ms = 20000, .shutdown_ms = 3000, .attribute_bytes = 8};
  read_arguments(argc, argv, &p);
  if (p.attribute_bytes > SD_SPAN_BYTES_MAX)
    return 2;
  return run(&p);
}
