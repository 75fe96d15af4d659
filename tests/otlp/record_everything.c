/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Records a fixed set of everything that our tracer can record, for decoders that are not ours.
 *
 * usage: record_everything DESTINATION…
 *   file:PATH            OTLP/JSON lines
 *   memory:FOLDER        each request as FOLDER/NNN.SIGNAL, in protobuf
 *   delta:FOLDER         the same with delta temporality and exponential histograms
 *   PROTOCOL:URL         OTLP exporter; PROTOCOL is http/protobuf, http/json or grpc, with "+gzip" behind it
 * or not
 *
 * expected.py says by hand what a receiver must get.
 */
#include "trace/exporter.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Times that are not "now": 2026-01-02 03:04:05 UTC and nanoseconds that no double holds. */
#define T0     INT64_C(1767323045123456789)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

enum { TIMEOUT_MS = 30000, DESTINATIONS_MAX = 8, PATH_BYTES_MAX = 4096 };
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void must(sd_status status, const sd_error *error, const char *what)
{
  if (status == SD_OK)
    return;
  fprintf(stderr, "record_everything: %s: %s (%s)\n", what, error ? error->message : "",
          sd_status_name(status));
  exit(1);
}

/* ---- Traces ---- */

static const sd_any nested_members[] = {{.type = SD_ANY_INT, .as.integer = 1},
                                        {.type = SD_ANY_NULL},
                                        {.type = SD_ANY_STRING, .len = 0, .as.string = ""}};
static const sd_attribute inner_map[] = {
    {.key = "list",
     .value = {.type = SD_ANY_ARRAY, .len = COUNT(nested_members), .as.array = nested_members}},
    {.key = "nothing", .value = {.type = SD_ANY_NULL}}};

static void set_every_kind(sd_span *span)
{
  sd_any mixed[] = {sd_any_string("a"),
                    sd_any_int(-1),
                    sd_any_double(2.5),
                    sd_any_bool(true),
                    sd_any_null(),
                    sd_any_bytes("\x01\x02", 2),
                    sd_any_array(nested_members, COUNT(nested_members)),
                    sd_any_map(inner_map, COUNT(inner_map))};
  sd_attribute outer[] = {sd_attribute_make("inner", sd_any_map(inner_map, COUNT(inner_map))),
                          sd_attribute_int("n", 7)};
  sd_span_set_string(span, "string", "gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x86 \"quoted\" \\ \n\t");
  sd_span_set_string(span, "string.empty", "");
  sd_span_set_string(span, "string.broken", "a\xff\xc3(b");
  sd_span_set(span, "string.nul", sd_any_text("a\0b", 3));
  sd_span_set_bool(span, "bool.true", true);
  sd_span_set_bool(span, "bool.false", false);
  sd_span_set_int(span, "int.zero", 0);
  sd_span_set_int(span, "int.min", INT64_MIN);
  sd_span_set_int(span, "int.max", INT64_MAX);
  sd_span_set_double(span, "double.zero", 0);
  sd_span_set_double(span, "double.negative_zero", -0.0);
  sd_span_set_double(span, "double.tenth", 0.1);
  sd_span_set_double(span, "double.least", 5e-324);
  sd_span_set_double(span, "double.greatest", 1.7976931348623157e308);
  sd_span_set_double(span, "double.nan", (double)NAN);
  sd_span_set_double(span, "double.infinity", (double)INFINITY);
  sd_span_set_double(span, "double.negative_infinity", (double)-INFINITY);
  sd_span_set(span, "bytes", sd_any_bytes("\0\x01\xfe\xff", 4));
  sd_span_set(span, "bytes.empty", sd_any_bytes("", 0));
  sd_span_set(span, "null", sd_any_null());
  sd_span_set(span, "array", sd_any_array(mixed, COUNT(mixed)));
  sd_span_set(span, "array.empty", sd_any_array(NULL, 0));
  sd_span_set(span, "map", sd_any_map(outer, COUNT(outer)));
  sd_span_set(span, "map.empty", sd_any_map(NULL, 0));
}

static void record_every_value(sd_tracer *tracer)
{
  sd_attribute given[] = {sd_attribute_string("given", "at the start"), sd_attribute_int("replaced", 1)};
  sd_span_options options = {.struct_size = sizeof options,
                             .kind = SD_SPAN_SERVER,
                             .attributes = given,
                             .attribute_count = COUNT(given),
                             .start_unix_ns = T0};
  sd_span *span = sd_span_start(tracer, "every value", &options);
  sd_span_set_string(span, "replaced", "by text");
  set_every_kind(span);
  sd_span_end_at(span, T0 + 1500 * MS);
}

/* A parent in this process, one child of each kind, statuses. */
static void record_family(sd_tracer *one, sd_tracer *two)
{
  static const struct {
    const char *name;
    sd_span_kind kind;
    sd_span_status status;
    const char *description;
  } children[] = {{"child internal", SD_SPAN_INTERNAL, SD_SPAN_UNSET, NULL},
                  {"child client", SD_SPAN_CLIENT, SD_SPAN_OK, "is not kept"},
                  {"child producer", SD_SPAN_PRODUCER, SD_SPAN_ERROR, "the broker said no"},
                  {"child consumer", SD_SPAN_CONSUMER, SD_SPAN_ERROR, NULL}};
  sd_span_options options = {.struct_size = sizeof options, .start_unix_ns = T0};
  sd_context previous;
  sd_span *parent = sd_span_start_in(one, "parent", &options, &previous);
  for (size_t i = 0; i < COUNT(children); i++) {
    options.kind = children[i].kind;
    options.start_unix_ns = T0 + (int64_t)(i + 1) * MS;
    sd_span *child = sd_span_start(i % 2 ? two : one, "a first name", &options);
    sd_span_set_name(child, children[i].name);
    sd_span_set_status(child, children[i].status, children[i].description);
    sd_span_end_at(child, options.start_unix_ns + MS);
  }
  sd_context_restore(&previous);
  sd_span_end_at(parent, T0 + 10 * MS);
}

static const char *get_header(void *carrier, const char *name, size_t index)
{
  (void)carrier;
  if (index > 0)
    return NULL;
  if (strcmp(name, "traceparent") == 0)
    return "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  return strcmp(name, "tracestate") == 0 ? "vendor=value,other=1" : NULL;
}

static void record_remote(sd_tracer *tracer)
{
  sd_context remote;
  must(sd_context_extract(get_header, NULL, &remote), NULL, "extracting");
  sd_span_options options = {
      .struct_size = sizeof options, .kind = SD_SPAN_CONSUMER, .parent = &remote, .start_unix_ns = T0};
  sd_span *span = sd_span_start(tracer, "remote parent", &options);
  sd_span_end_at(span, T0 + MS);

  sd_context none = SD_CONTEXT_NONE;
  sd_attribute attributes[] = {sd_attribute_string("why", "linked"), sd_attribute_int("n", 2)};
  sd_link links[] = {{.context = remote, .attributes = attributes, .attribute_count = COUNT(attributes)},
                     {.context = sd_context_copy(&remote)}};
  links[1].context.remote = 0;
  links[1].context.flags = 0;
  options = (sd_span_options){
      .struct_size = sizeof options, .parent = &none, .links = links, .link_count = 1, .start_unix_ns = T0};
  span = sd_span_start(tracer, "links", &options);
  sd_span_add_link(span, &links[1]);
  sd_span_end_at(span, T0);
  sd_context_release(&links[1].context);
  sd_context_release(&remote);
}

static void record_events(sd_tracer *tracer)
{
  sd_attribute attributes[] = {sd_attribute_string("k", "v"), sd_attribute_double("d", 0.5)};
  sd_span_options options = {.struct_size = sizeof options, .start_unix_ns = T0};
  sd_span *span = sd_span_start(tracer, "events", &options);
  sd_span_add_event(span, "with attributes", T0 + 1, attributes, COUNT(attributes));
  sd_span_add_event(span, "without", T0 + 2, NULL, 0);
  sd_span_record_exception(span, "ValueError", "it broke", "line 1\nline 2", true);
  sd_span_end_at(span, T0 + 5 * MS);
}

/* One more of everything than the limits that main sets. */
static void record_past_limits(sd_tracer *tracer)
{
  char key[16];
  sd_context previous, elsewhere;
  sd_span *other = sd_span_start_in(tracer, "linked to", NULL, &previous);
  elsewhere = sd_span_context(other);
  sd_context_restore(&previous);
  sd_attribute five[] = {sd_attribute_int("a", 1), sd_attribute_int("b", 2), sd_attribute_int("c", 3),
                         sd_attribute_int("d", 4), sd_attribute_int("e", 5)};
  sd_link link = {.context = elsewhere, .attributes = five, .attribute_count = 3};
  sd_span_options options = {.struct_size = sizeof options, .start_unix_ns = T0};
  sd_span *span = sd_span_start(tracer, "past limits", &options);
  for (int i = 0; i < 40; i++) {
    snprintf(key, sizeof key, "key.%d", i);
    sd_span_set_int(span, key, i);
  }
  for (int i = 0; i < 7; i++)
    sd_span_add_event(span, "event", T0 + i, five, COUNT(five));
  for (int i = 0; i < 5; i++)
    sd_span_add_link(span, &link);
  sd_span_end_at(span, T0);
  sd_span_end(other);
}

static void record_logs(sd_tracer *tracer)
{
  sd_attribute attributes[] = {sd_attribute_string("user.name", "ada"), sd_attribute_int("count", 3)};
  sd_attribute body[] = {sd_attribute_string("text", "hello"),
                         sd_attribute_make("more", sd_any_map(inner_map, 2))};
  sd_tracer_log(tracer, SD_LEVEL_WARN, "hello {user.name}", attributes, COUNT(attributes));

  sd_span_options options = {.struct_size = sizeof options, .start_unix_ns = T0};
  sd_context previous;
  sd_span *span = sd_span_start_in(tracer, "around logs", &options, &previous);
  sd_log_record record = {.struct_size = sizeof record,
                          .unix_ns = T0 + 3,
                          .severity = SD_LEVEL_ERROR,
                          .severity_text = "ERROR",
                          .body = sd_any_map(body, COUNT(body)),
                          .attributes = attributes,
                          .attribute_count = COUNT(attributes),
                          .event_name = "everything.happened"};
  sd_tracer_emit_log_record(tracer, &record);
  sd_context_restore(&previous);
  sd_span_end_at(span, T0 + 4);

  sd_log_record plain = {.struct_size = sizeof plain, .body = sd_any_string("plain")};
  sd_tracer_emit_log_record(tracer, &plain);
}

static void record_traces(sd_telemetry *telemetry)
{
  sd_tracer *one = sd_telemetry_tracer(telemetry, "lib.one", "1.0");
  sd_tracer *two = sd_telemetry_tracer(telemetry, "lib.two", NULL);
  record_every_value(one);
  record_family(one, two);
  record_remote(two);
  record_events(one);
  record_past_limits(two);
  record_logs(one);
}

/* ---- Metrics ---- */

typedef struct instruments {
  sd_instrument *counter, *floating_counter, *up_down, *gauge, *floating_gauge, *histogram, *bounds,
      *observed;
} instruments;

static sd_instrument *new_instrument(sd_tracer *tracer, sd_instrument_options options)
{
  sd_instrument *instrument = NULL;
  sd_error error;
  options.struct_size = sizeof options;
  must(sd_instrument_new(tracer, &options, &instrument, &error), &error, options.name);
  return instrument;
}

static void observe(void *user, sd_instrument *instrument)
{
  sd_attribute cpu[] = {sd_attribute_int("cpu", 0)};
  (void)user;
  sd_point_set(sd_instrument_point(instrument, cpu, 1), 99);
}

static instruments make_instruments(sd_telemetry *telemetry)
{
  static const double bounds[] = {0.5, 1, 10};
  sd_tracer *one = sd_telemetry_tracer(telemetry, "lib.one", "1.0");
  sd_tracer *two = sd_telemetry_tracer(telemetry, "lib.two", NULL);
  return (instruments){
      .counter = new_instrument(one, (sd_instrument_options){.name = "count",
                                                             .unit = "{event}",
                                                             .description = "Events gr\xc3\xbc\xc3\x9f",
                                                             .kind = SD_COUNTER}),
      .floating_counter =
          new_instrument(one,
                         (sd_instrument_options){
                             .name = "count.floating", .unit = "s", .kind = SD_COUNTER, .floating = true}),
      .up_down = new_instrument(one, (sd_instrument_options){.name = "up_down", .kind = SD_UP_DOWN_COUNTER}),
      .gauge = new_instrument(two, (sd_instrument_options){.name = "gauge", .unit = "By", .kind = SD_GAUGE}),
      .floating_gauge = new_instrument(
          two, (sd_instrument_options){.name = "gauge.floating", .kind = SD_GAUGE, .floating = true}),
      .histogram = new_instrument(
          one, (sd_instrument_options){.name = "duration", .unit = "ms", .kind = SD_HISTOGRAM}),
      .bounds = new_instrument(one, (sd_instrument_options){.name = "duration.bounds",
                                                            .unit = "s",
                                                            .kind = SD_HISTOGRAM,
                                                            .boundaries = bounds,
                                                            .boundary_count = COUNT(bounds)}),
      .observed = new_instrument(
          one, (sd_instrument_options){.name = "observed", .kind = SD_COUNTER, .observe = observe}),
  };
}

static void record_first_metrics(const instruments *all)
{
  sd_attribute labels[] = {sd_attribute_string("kind", "a"), sd_attribute_int("partition", 3),
                           sd_attribute_bool("good", true), sd_attribute_double("ratio", 0.25)};
  sd_attribute other[] = {sd_attribute_string("kind", "b")};
  static const double values[] = {0, 0.5, 1, 2, 4};
  sd_point_add(sd_instrument_point(all->counter, labels, COUNT(labels)), 5);
  sd_point_add(sd_instrument_point(all->counter, other, 1),
               INT64_C(9007199254740993)); /* no double holds it */
  sd_point_add_double(sd_instrument_point(all->floating_counter, NULL, 0), 0.1);
  sd_point_add(sd_instrument_point(all->up_down, NULL, 0), -4);
  sd_point_set(sd_instrument_point(all->gauge, NULL, 0), INT64_MIN);
  sd_point_set_double(sd_instrument_point(all->floating_gauge, other, 1), -2.5);
  for (size_t i = 0; i < COUNT(values); i++) {
    sd_point_record(sd_instrument_point(all->histogram, NULL, 0), values[i]);
    sd_point_record(sd_instrument_point(all->bounds, other, 1), values[i]);
  }
}

static void record_second_metrics(const instruments *all)
{
  sd_attribute other[] = {sd_attribute_string("kind", "b")};
  sd_point_add(sd_instrument_point(all->counter, other, 1), 7);
  sd_point_add(sd_instrument_point(all->up_down, NULL, 0), 1);
  sd_point_set(sd_instrument_point(all->gauge, NULL, 0), 17);
  sd_point_record(sd_instrument_point(all->bounds, other, 1), 100);
}

/* ---- Destinations ---- */

typedef struct destination {
  const char *folder; /* of a memory exporter, else NULL */
  sd_exporter *exporter;
} destination;

static sd_exporter *new_otlp_exporter(char *protocol, const char *url, bool is_delta)
{
  static const struct {
    const char *name;
    sd_otlp_protocol protocol;
  } protocols[] = {
      {"http/protobuf", SD_OTLP_HTTP_PROTOBUF}, {"http/json", SD_OTLP_HTTP_JSON}, {"grpc", SD_OTLP_GRPC}};
  sd_otlp_options options = {.struct_size = sizeof options,
                             .endpoint = url,
                             .temporality = is_delta ? SD_DELTA : SD_CUMULATIVE,
                             .histogram_form = is_delta ? SD_HISTOGRAM_EXPONENTIAL : SD_HISTOGRAM_EXPLICIT};
  char *gzip = strstr(protocol, "+gzip");
  options.gzip = gzip != NULL;
  if (gzip)
    *gzip = '\0';
  for (size_t i = 0; i < COUNT(protocols); i++) {
    if (strcmp(protocol, protocols[i].name) == 0) {
      sd_exporter *exporter = NULL;
      sd_error error;
      options.protocol = protocols[i].protocol;
      must(sd_otlp_exporter_new(&options, &exporter, &error), &error, protocol);
      return exporter;
    }
  }
  fprintf(stderr, "record_everything: no protocol %s\n", protocol);
  exit(2);
}

static destination open_destination(char *text)
{
  destination to = {NULL, NULL};
  sd_error error;
  bool is_delta = strncmp(text, "delta+", 6) == 0;
  char *kind = is_delta ? text + 6 : text, *rest = strchr(kind, ':');
  if (!rest) {
    fprintf(stderr, "record_everything: %s is no destination\n", text);
    exit(2);
  }
  *rest++ = '\0';
  if (strcmp(kind, "file") == 0) {
    must(sd_file_exporter_new(rest, &to.exporter, &error), &error, rest);
  } else if (strcmp(kind, "memory") == 0) {
    to.folder = rest;
    must(sd_memory_exporter_new(0, &to.exporter, &error), &error, rest);
  } else {
    to.exporter = new_otlp_exporter(kind, rest, is_delta);
  }
  if (is_delta) { /* what the file and memory exporters do not let one choose */
    to.exporter->traits.temporality = SD_DELTA;
    to.exporter->traits.histogram_form = SD_HISTOGRAM_EXPONENTIAL;
  }
  return to;
}

static void write_requests(const destination *from)
{
  int signal;
  uint8_t *data;
  size_t len;
  for (int i = 0; sd_memory_exporter_take(from->exporter, &signal, &data, &len) == SD_OK; i++) {
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/%03d.%s", from->folder, i,
             signal == SD_SIGNAL_TRACES    ? "traces"
             : signal == SD_SIGNAL_METRICS ? "metrics"
                                           : "logs");
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, len, file) != len || fclose(file) != 0) {
      perror(path);
      exit(1);
    }
    sd_memory_release(data);
  }
}

int main(int argc, char **argv)
{
  destination destinations[DESTINATIONS_MAX];
  sd_exporter *exporters[DESTINATIONS_MAX];
  size_t count = 0;
  sd_error error;
  if (argc < 2 || argc > DESTINATIONS_MAX + 1) {
    fprintf(stderr, "usage: record_everything DESTINATION…\n");
    return 2;
  }
  for (; count + 1 < (size_t)argc; count++) {
    destinations[count] = open_destination(argv[count + 1]);
    exporters[count] = destinations[count].exporter;
  }
  sd_any zones[] = {sd_any_string("a"), sd_any_string("b")};
  sd_attribute resource[] = {sd_attribute_make("zones", sd_any_array(zones, COUNT(zones))),
                             sd_attribute_int("shard", -7), sd_attribute_double("weight", 1),
                             sd_attribute_bool("canary", false)};
  sd_telemetry_options options = {.struct_size = sizeof options,
                                  .service_name = "everything",
                                  .service_version = "1.2.3",
                                  .environment = "test",
                                  .resource = resource,
                                  .resource_count = COUNT(resource),
                                  .exporters = exporters,
                                  .exporter_count = count};
  options.limits = (sd_span_limits){
      .attributes = 32, .events = 4, .links = 3, .attributes_per_event = 4, .attributes_per_link = 2};
  sd_telemetry *telemetry = NULL;
  must(sd_telemetry_new(&options, &telemetry, &error), &error, "sd_telemetry_new");
  instruments all = make_instruments(telemetry);
  record_first_metrics(&all);
  must(sd_telemetry_flush(telemetry, TIMEOUT_MS, &error), &error, "flush");
  record_traces(telemetry);
  record_second_metrics(&all);
  must(sd_telemetry_shutdown(telemetry, TIMEOUT_MS, &error), &error, "shutdown");
  sd_telemetry_stats stats = {.struct_size = sizeof stats};
  sd_telemetry_get_stats(telemetry, &stats);
  for (size_t i = 0; i < count; i++) {
    if (destinations[i].folder)
      write_requests(&destinations[i]);
  }
  printf("{\"exported\":%" PRIu64 ",\"dropped\":%" PRIu64 "}\n", stats.records_exported,
         stats.dropped_export + stats.dropped_queue_full + stats.dropped_shutdown);
  sd_telemetry_free(telemetry);
  return 0;
}
