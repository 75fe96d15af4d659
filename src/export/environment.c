/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A telemetry from the OTEL_* variables (OpenTelemetry, "SDK environment variables"). */
#include "export/environment_otlp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
  RESOURCE_MAX = SD_KEY_VALUES_MAX,
  ARENA_BLOCK = 8 * 1024,
  RECORD_BYTES = 1024, /* of the ring for each record of OTEL_BSP_MAX_QUEUE_SIZE */
  RING_MIN = 1 << 20,  /* its blocks hold the longest span */
  QUEUE_MAX = 64 * 1024,
  BATCH_MAX = 8192,
  EXPORTER_NAME_MAX = 32
};

typedef struct builder {
  sd_environment environment;
  sd_telemetry_options options;
  sd_key_values resource; /* OTEL_RESOURCE_ATTRIBUTES */
  sd_environment_otlp otlp[SD_ENVIRONMENT_SIGNALS];
  size_t otlp_count;
  sd_exporter *exporters[SD_EXPORTERS_MAX]; /* those of the base, then our own */
  size_t base_count;
  const sd_console_options *console;
} builder;

static const char *get_from_process(void *user, const char *name)
{
  (void)user;
  return getenv(name);
}

/* ---- Resource --------------------------------------------------------------------------------------------
 */

static sd_status read_resource(builder *b, const sd_telemetry_options *base)
{
  static const char name[] = "OTEL_RESOURCE_ATTRIBUTES";
  sd_environment *environment = &b->environment;
  sd_error error;
  const char *text = sd_environment_get(environment, name);
  const char *service_name = sd_environment_get(environment, "OTEL_SERVICE_NAME");
  if (text) {
    sd_status status = sd_key_values_parse(sd_bytes_of(text), 0, &b->resource, &error);
    if (status == SD_NOMEM)
      return status;
    if (status != SD_OK)
      sd_environment_warn(environment, name, "it is ignored: %s", error.message);
  }
  sd_attribute *all =
      sd_arena_alloc(&environment->arena, (base->resource_count + b->resource.count + 1) * sizeof *all,
                     _Alignof(sd_attribute));
  if (!all)
    return SD_NOMEM;
  size_t count = base->resource_count;
  if (count)
    memcpy(all, base->resource, count * sizeof *all);
  for (size_t i = 0; i < b->resource.count; i++) {
    const sd_key_value *item = &b->resource.items[i];
    if (strcmp(item->key, "service.name") == 0) {
      if (!service_name)
        service_name = item->value;
      continue;
    }
    size_t at = 0;
    while (at < count && strcmp(all[at].key, item->key) != 0)
      at++;
    all[at] = sd_attribute_string(item->key, item->value);
    count = at == count ? count + 1 : count;
  }
  b->options.resource = all;
  b->options.resource_count = count;
  if (service_name)
    b->options.service_name = service_name;
  return SD_OK;
}

/* ---- Sampler and limits ----------------------------------------------------------------------------------
 */

static void read_ratio(sd_environment *environment, double *ratio)
{
  static const char name[] = "OTEL_TRACES_SAMPLER_ARG";
  char *end;
  *ratio = 1.0;
  const char *text = sd_environment_get(environment, name);
  if (!text)
    return;
  double value = strtod(text, &end);
  if (*end || !isfinite(value) || value < 0 || value > 1)
    sd_environment_warn(environment, name, "\"%.80s\" is ignored, a ratio from 0 to 1 is expected", text);
  else
    *ratio = value;
}

static void read_sampler(builder *b)
{
  static const char *const names[] = {"always_on",
                                      "always_off",
                                      "traceidratio",
                                      "parentbased_always_on",
                                      "parentbased_always_off",
                                      "parentbased_traceidratio",
                                      NULL};
  enum { KINDS = 3 };
  int index;
  /* The specification's default; a base without a sampler of its own leaves it to that. */
  if (b->options.sampler.kind == SD_SAMPLER_ALWAYS_ON)
    b->options.sampler.parent_based = true;
  if (!sd_environment_choice(&b->environment, "OTEL_TRACES_SAMPLER", names, &index))
    return;
  b->options.sampler = (sd_sampler){
      .kind = (sd_sampler_kind)(index % KINDS),
      .parent_based = index >= KINDS,
  };
  if (b->options.sampler.kind == SD_SAMPLER_RATIO)
    read_ratio(&b->environment, &b->options.sampler.ratio);
}

static void read_limits(builder *b)
{
  sd_environment *environment = &b->environment;
  sd_span_limits *limits = &b->options.limits;
  const struct {
    const char *name;
    uint32_t *limit;
  } rows[] = {
      {"OTEL_ATTRIBUTE_COUNT_LIMIT", &limits->attributes},
      {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", &limits->attributes},
      {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", &limits->value_length},
      {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", &limits->value_length},
      {"OTEL_SPAN_EVENT_COUNT_LIMIT", &limits->events},
      {"OTEL_SPAN_LINK_COUNT_LIMIT", &limits->links},
      {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", &limits->attributes_per_event},
      {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", &limits->attributes_per_link},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    sd_environment_number(environment, rows[i].name, INT32_MAX, rows[i].limit);
}

/* ---- Processor -------------------------------------------------------------------------------------------
 */

/* Spans and log records wait in one ring: what is set for spans holds for both, else what is set for logs. */
static bool read_batch_number(sd_environment *environment, const char *setting, int64_t max, uint32_t *ret)
{
  char name[SD_ENVIRONMENT_NAME_MAX];
  snprintf(name, sizeof name, "OTEL_BSP_%s", setting);
  if (sd_environment_number(environment, name, max, ret))
    return true;
  snprintf(name, sizeof name, "OTEL_BLRP_%s", setting);
  return sd_environment_number(environment, name, max, ret);
}

static void read_processor(builder *b)
{
  sd_environment *environment = &b->environment;
  uint32_t records;
  read_batch_number(environment, "SCHEDULE_DELAY", INT32_MAX, &b->options.delay_ms);
  read_batch_number(environment, "MAX_EXPORT_BATCH_SIZE", BATCH_MAX, &b->options.batch_records);
  if (read_batch_number(environment, "MAX_QUEUE_SIZE", QUEUE_MAX, &records))
    b->options.ring_bytes =
        (size_t)records * RECORD_BYTES > RING_MIN ? (size_t)records * RECORD_BYTES : RING_MIN;
  sd_environment_number(environment, "OTEL_METRIC_EXPORT_INTERVAL", INT32_MAX,
                        &b->options.metric_interval_ms);
}

/* ---- What this library does not have ---------------------------------------------------------------------
 */

/* The next of a list of names; false at its end. */
static bool next_name(const char **list, char *dst, size_t size)
{
  const char *at = *list + strspn(*list, ", \t");
  size_t len = strcspn(at, ",");
  *list = at + len;
  while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
    len--;
  sd_bytes_to_text(sd_bytes_make(at, len), dst, size);
  return len > 0;
}

static void check_unsupported(sd_environment *environment)
{
  static const char *const filters[] = {"always_off", NULL};
  char name[EXPORTER_NAME_MAX];
  const char *list = sd_environment_get(environment, "OTEL_PROPAGATORS");
  while (list && next_name(&list, name, sizeof name)) {
    if (strcmp(name, "tracecontext") != 0 && strcmp(name, "baggage") != 0)
      sd_environment_warn(environment, "OTEL_PROPAGATORS",
                          "\"%s\" is not supported, only tracecontext and baggage", name);
  }
  int ignored;
  sd_environment_choice(environment, "OTEL_METRICS_EXEMPLAR_FILTER", filters, &ignored);
  if (sd_environment_get(environment, "OTEL_CONFIG_FILE"))
    sd_environment_warn(environment, "OTEL_CONFIG_FILE", "files are not supported; it is ignored");
}

/* ---- Exporters -------------------------------------------------------------------------------------------
 */

enum { EXPORT_OTLP = 1, EXPORT_CONSOLE = 2 };

/* Which exporters a signal goes to. */
static unsigned read_exporters(sd_environment *environment, size_t signal, bool otlp_by_default)
{
  char variable[SD_ENVIRONMENT_NAME_MAX], name[EXPORTER_NAME_MAX];
  unsigned wanted = 0;
  snprintf(variable, sizeof variable, "OTEL_%s_EXPORTER", sd_environment_signal_names[signal]);
  const char *list = sd_environment_get(environment, variable);
  if (!list)
    return otlp_by_default || sd_environment_has_endpoint(environment, signal) ? EXPORT_OTLP : 0;
  while (next_name(&list, name, sizeof name)) {
    sd_bytes text = sd_bytes_of(name);
    if (sd_bytes_equal_nocase(text, sd_bytes_of("otlp")))
      wanted |= EXPORT_OTLP;
    else if (sd_bytes_equal_nocase(text, sd_bytes_of("console")))
      wanted |= EXPORT_CONSOLE;
    else if (!sd_bytes_equal_nocase(text, sd_bytes_of("none")))
      sd_environment_warn(environment, variable, "\"%s\" is ignored, otlp, console or none is expected",
                          name);
  }
  return wanted;
}

static bool has_room(builder *b, const char *what)
{
  if (b->options.exporter_count < SD_EXPORTERS_MAX)
    return true;
  sd_environment_warn(&b->environment, what, "left out: there are %d exporters already", SD_EXPORTERS_MAX);
  return false;
}

/* An exporter that cannot be made is told and left out: telemetry must not keep a program from starting. */
static sd_status keep(builder *b, sd_status status, const char *what, const sd_error *error)
{
  if (status == SD_OK)
    b->options.exporter_count++;
  else if (status != SD_NOMEM)
    sd_environment_warn(&b->environment, what, "left out: %s", error->message);
  return status == SD_NOMEM ? SD_NOMEM : SD_OK;
}

static sd_status make_exporters(builder *b, bool otlp_by_default)
{
  sd_environment *environment = &b->environment;
  sd_error error;
  int otlp = 0;
  bool console = false;
  for (size_t signal = 0; signal < SD_ENVIRONMENT_SIGNALS; signal++) {
    unsigned wanted = read_exporters(environment, signal, otlp_by_default);
    otlp |= wanted & EXPORT_OTLP ? sd_environment_signals[signal] : 0;
    if (wanted & EXPORT_CONSOLE && sd_environment_signals[signal] == SD_SIGNAL_METRICS)
      sd_environment_warn(environment, "OTEL_METRICS_EXPORTER", "the console shows no metrics");
    else
      console |= (wanted & EXPORT_CONSOLE) != 0;
  }
  sd_status status = SD_OK;
  if (console && has_room(b, "console exporter")) {
    status = keep(b, sd_console_exporter_new(b->console, &b->exporters[b->options.exporter_count], &error),
                  "console exporter", &error);
  }
  if (status == SD_OK && otlp)
    status = sd_environment_otlp_read(environment, otlp, b->otlp, &b->otlp_count);
  for (size_t i = 0; i < b->otlp_count && status == SD_OK; i++) {
    if (has_room(b, "OTLP exporter"))
      status =
          keep(b, sd_otlp_exporter_new(&b->otlp[i].options, &b->exporters[b->options.exporter_count], &error),
               "OTLP exporter", &error);
  }
  return status;
}

static bool contains_nocase(const char *text, const char *word)
{
  for (; *text; text++) {
    if (sd_bytes_starts_with_nocase(sd_bytes_of(text), word))
      return true;
  }
  return false;
}

/* What stands in headers that carry secrets must never come back in a record, with or without its scheme. */
static void add_secrets(const builder *b, sd_telemetry *telemetry)
{
  static const char *const words[] = {"auth", "token", "key", "secret", "pass", "cookie", "credential"};
  for (size_t i = 0; i < b->otlp_count; i++) {
    for (size_t k = 0; k < b->otlp[i].headers.count; k++) {
      const sd_key_value *item = &b->otlp[i].headers.items[k];
      bool is_secret = false;
      for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        is_secret |= contains_nocase(item->key, words[w]);
      const char *blank = strchr(item->value, ' ');
      if (is_secret)
        sd_telemetry_add_secret(telemetry, blank ? blank + 1 : item->value);
    }
  }
}

/* ---- All of it -------------------------------------------------------------------------------------------
 */

static sd_status build(builder *b, const sd_telemetry_options *base, bool otlp_by_default,
                       sd_telemetry **ret_telemetry, sd_error *error)
{
  sd_status status = read_resource(b, base);
  if (status == SD_OK) {
    read_sampler(b);
    read_limits(b);
    read_processor(b);
    check_unsupported(&b->environment);
    status = make_exporters(b, otlp_by_default);
  }
  if (status != SD_OK || b->environment.no_memory)
    return sd_error_set(error, SD_NOMEM, "no memory for telemetry");
  status = sd_telemetry_new(&b->options, ret_telemetry, error);
  if (status == SD_OK)
    add_secrets(b, *ret_telemetry);
  return status;
}

sd_status sd_telemetry_new_from_environment(const sd_environment_options *options,
                                            sd_telemetry **ret_telemetry, sd_error *error)
{
  const sd_telemetry_options none = {.struct_size = sizeof none};
  if (!options || options->struct_size < sizeof *options)
    return sd_error_set(error, SD_INVALID, "sd_environment_options: struct_size is not set");
  const sd_telemetry_options *base = options->base ? options->base : &none;
  if (base->struct_size < sizeof *base)
    return sd_error_set(error, SD_INVALID, "sd_telemetry_options: struct_size is not set");
  if (base->exporter_count > SD_EXPORTERS_MAX)
    return sd_error_set(error, SD_LIMIT, "%zu exporters: at most %d", base->exporter_count, SD_EXPORTERS_MAX);
  builder b = {.environment = {.get = options->get ? options->get : get_from_process,
                               .get_user = options->get_user,
                               .diagnostic = base->diagnostic,
                               .diagnostic_user = base->diagnostic_user},
               .options = *base,
               .base_count = base->exporter_count,
               .console = options->console};
  sd_arena_init(&b.environment.arena, ARENA_BLOCK, SD_ENVIRONMENT_BYTES_MAX);
  for (size_t i = 0; i < base->exporter_count; i++)
    b.exporters[i] = base->exporters[i];
  b.options.exporters = b.exporters;
  sd_status status = SD_OK;
  if (sd_environment_is_true(&b.environment, "OTEL_SDK_DISABLED"))
    *ret_telemetry = NULL;
  else
    status = build(&b, base, options->otlp_by_default, ret_telemetry, error);
  if (status != SD_OK) {
    for (size_t i = b.base_count; i < b.options.exporter_count; i++)
      sd_exporter_free(b.exporters[i]);
  }
  sd_environment_otlp_release(b.otlp, b.otlp_count);
  sd_key_values_release(&b.resource);
  sd_arena_release(&b.environment.arena);
  return status;
}
