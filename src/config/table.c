/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The product's variables, one row each. */
#include "config/settings.h"

#include <ctype.h>

static const char section_source[] = "Event Hubs";
static const char section_destination[] = "Destination";
static const char section_program[] = "Program";
static const char section_original[] = "Control table of the Python original";
static const char section_retry[] = "Smart retry (checked, not used by this version)";
static const char section_logfire[] = "Logfire";
static const char section_otel[] = "OpenTelemetry";
static const char section_labels[] = "Labels (accepted, not used)";

/* The service's rule for names, 1 to 256 characters. */
static sd_status check_hub_name(const char *text, sd_error *error)
{
  size_t len = strlen(text);
  bool good = len <= 256 && isalnum((unsigned char)text[0]) && isalnum((unsigned char)text[len - 1]);
  for (size_t i = 0; good && i < len; i++)
    good = isalnum((unsigned char)text[i]) || strchr("-._", text[i]);
  if (good)
    return SD_OK;
  return sd_error_set(
      error, SD_CONFIG,
      "must be the hub's name: letters, digits, '-', '.', '_', with a letter or digit at both "
      "ends, at most 256 characters");
}

/* Names that go into SQL and into the control table's key. */
static sd_status check_identifier(const char *text, sd_error *error)
{
  if (strlen(text) > 500)
    return sd_error_set(error, SD_CONFIG, "must have at most 500 bytes");
  for (; *text; text++) {
    if ((unsigned char)*text < 0x20 || *text == 0x7f)
      return sd_error_set(error, SD_CONFIG, "must not contain control characters");
  }
  return SD_OK;
}

static sd_status check_table(const char *text, sd_error *error)
{
  static const char ours[] = "_streamduck_";
  if (sd_bytes_starts_with_nocase(sd_bytes_of(text), ours))
    return sd_error_set(error, SD_CONFIG, "must not begin with %s: these are streamduck's own tables", ours);
  return check_identifier(text, error);
}

static sd_status check_group(const char *text, sd_error *error)
{
  return check_identifier(text, error);
}

static sd_status check_https(const char *text, sd_error *error)
{
  if (sd_bytes_starts_with_nocase(sd_bytes_of(text), "https://") ||
      sd_bytes_starts_with_nocase(sd_bytes_of(text), "http://"))
    return SD_OK;
  return sd_error_set(error, SD_CONFIG, "must be a URL that begins with https:// or http://");
}

/* A variable of the OpenTelemetry specification. */
#define OTEL(name, fallback, words)                                                                          \
  {                                                                                                          \
    .variable = (name), .type = SD_OPTION_TEXT, .default_value = (fallback), .section = section_otel,        \
    .example = "", .text = (words)                                                                           \
  }
/* Those that the specification has once for all signals and once for each. */
#define OTLP(signal, of)                                                                                     \
  OTEL("OTEL_EXPORTER_OTLP_" signal "ENDPOINT", NULL, "Address of an OTLP collector for " of "."),           \
      OTEL("OTEL_EXPORTER_OTLP_" signal "PROTOCOL", NULL, "http/protobuf, http/json or grpc, for " of "."),  \
      {.variable = "OTEL_EXPORTER_OTLP_" signal "HEADERS",                                                   \
       .type = SD_OPTION_SECRET,                                                                             \
       .section = section_otel,                                                                              \
       .example = "",                                                                                        \
       .text = "Headers for " of ": name=value,name2=value2, percent-encoded."},                             \
      OTEL("OTEL_EXPORTER_OTLP_" signal "TIMEOUT", NULL,                                                     \
           "Of one export of " of " with its retries, in ms."),                                              \
      OTEL("OTEL_EXPORTER_OTLP_" signal "COMPRESSION", NULL, "none or gzip, for " of "."),                   \
      OTEL("OTEL_EXPORTER_OTLP_" signal "CERTIFICATE", NULL,                                                 \
           "PEM file of trusted authorities, for " of "."),                                                  \
      OTEL("OTEL_EXPORTER_OTLP_" signal "CLIENT_KEY", NULL, "PEM file of the client's key, for " of "."),    \
      OTEL("OTEL_EXPORTER_OTLP_" signal "CLIENT_CERTIFICATE", NULL,                                          \
           "PEM file of the client's certificate, for " of "."),                                             \
      OTEL("OTEL_EXPORTER_OTLP_" signal "INSECURE", NULL,                                                    \
           "true: no TLS to a gRPC endpoint without scheme, for " of ".")

const sd_option sd_config_options[] = {
    /* Event Hubs */
    {.variable = "EVENTHUB_CONNECTION_STRING",
     .type = SD_OPTION_SECRET,
     .flags = SD_OPTION_TO_FILL,
     .section = section_source,
     .needed = "when a hub has no EVENTHUBNAME_{N}_CONNECTION_STRING",
     .text = "Connection string of the namespace, for all hubs: Endpoint=sb://…;SharedAccessKeyName=…;"
             "SharedAccessKey=…, or SharedAccessSignature=…. Its Endpoint gives the broker's host. "
             "UseDevelopmentEmulator=true means plain TCP to an emulator."},
    {.variable = "EVENTHUB_NAMESPACE",
     .type = SD_OPTION_TEXT,
     .check = check_identifier,
     .section = section_source,
     .example = "example.servicebus.windows.net",
     .text =
         "Host name of the namespace. Not needed with a connection string; when both are set they must name "
         "the same host, except that an emulator's connection string makes it ignored."},
    {.variable = "EVENTHUB_CA_FILE",
     .type = SD_OPTION_TEXT,
     .value_name = "FILE",
     .section = section_source,
     .default_text = "the system's trust store",
     .example = "/etc/ssl/certs/ca-certificates.crt",
     .text = "PEM file of the authorities that may sign the broker's certificate."},
    {.variable = "EVENTHUBNAME_{N}",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_TO_FILL,
     .check = check_hub_name,
     .section = section_source,
     .needed = "for every mapping",
     .text = "Name of the hub that mapping N reads. It goes to the destination with the same N."},
    {.variable = "EVENTHUBNAME_{N}_CONSUMER_GROUP",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_TO_FILL,
     .check = check_group,
     .section = section_source,
     .needed = "when EVENTHUBNAME_{N} is set",
     .text = "Consumer group, for example $Default. Give streamduck one that nothing else reads with."},
    {.variable = "EVENTHUBNAME_{N}_CONNECTION_STRING",
     .type = SD_OPTION_SECRET,
     .section = section_source,
     .default_text = "EVENTHUB_CONNECTION_STRING",
     .example = "",
     .text = "Connection string of this hub. An EntityPath in it must be the hub's name."},
    {.variable = "EVENTHUBNAME_{N}_START",
     .type = SD_OPTION_POSITION,
     .default_value = "earliest",
     .section = section_source,
     .text =
         "Where to begin when there is no checkpoint: earliest, latest, @TIME (events enqueued after it, as "
         "@2026-01-31T08:00:00Z) or offset:TEXT (the events behind this offset, in every partition)."},
    {.variable = "EVENTHUBNAME_{N}_ON_OFFSET_LOST",
     .type = SD_OPTION_CHOICE,
     .choices = "stop|earliest",
     .default_value = "stop",
     .section = section_source,
     .text =
         "What to do when the broker no longer has the events behind the checkpoint, because they are older "
         "than its retention: halt the mapping, or go on with the oldest event that is left."},
    {.variable = "EVENTHUBNAME_{N}_CA_FILE",
     .type = SD_OPTION_TEXT,
     .value_name = "FILE",
     .section = section_source,
     .default_text = "EVENTHUB_CA_FILE",
     .example = "/etc/ssl/certs/ca-certificates.crt",
     .text = "As EVENTHUB_CA_FILE, for this hub."},

    /* Destination */
    {.variable = "MOTHERDUCK_{N}_DATABASE",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_TO_FILL,
     .check = check_identifier,
     .section = section_destination,
     .needed = "for every mapping",
     .text = "A value with a / or ending in .duckdb is a local DuckDB file, which is made when it is "
             "missing; any "
             "other is the name of a MotherDuck database."},
    {.variable = "MOTHERDUCK_{N}_SCHEMA",
     .type = SD_OPTION_TEXT,
     .check = check_identifier,
     .default_value = "main",
     .section = section_destination,
     .text = "Schema of the table; made when it is missing."},
    {.variable = "MOTHERDUCK_{N}_TABLE",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_TO_FILL,
     .check = check_table,
     .section = section_destination,
     .needed = "for every mapping",
     .text = "Table that the events land in; made when it is missing."},
    {.variable = "MOTHERDUCK_{N}_TOKEN",
     .type = SD_OPTION_SECRET,
     .section = section_destination,
     .default_text = "MOTHERDUCK_TOKEN",
     .example = "",
     .needed = "for a MotherDuck database, when MOTHERDUCK_TOKEN is not set",
     .text = "MotherDuck access token. A local file needs none."},
    {.variable = "MOTHERDUCK_{N}_BATCH",
     .type = SD_OPTION_INTEGER,
     .default_value = "1000",
     .min = 1,
     .max = 122880,
     .section = section_destination,
     .text =
         "A batch closes at this many events; behind a backlog at the next multiple of 2048, so that it may "
         "be larger, and several batches are written in one transaction of up to 122880 rows."},
    {.variable = "MOTHERDUCK_{N}_BATCH_BYTES",
     .type = SD_OPTION_SIZE,
     .default_value = "24MB",
     .min = 1000,
     .max = 48 * 1024 * 1024,
     .section = section_destination,
     .text = "A batch closes at this many bytes. MB is 1000 kB, MiB is 1024 KiB."},
    {.variable = "MOTHERDUCK_{N}_BATCH_TIMEOUT_SECONDS",
     .type = SD_OPTION_DURATION,
     .default_text = "1 for a local file, 60 for MotherDuck",
     .example = "1",
     .min = 10,
     .max = 3600 * 1000,
     .section = section_destination,
     .text = "A batch closes at this age."},
    {.variable = "MOTHERDUCK_{N}_BODY",
     .type = SD_OPTION_CHOICE,
     .choices = "text|blob",
     .default_value = "text",
     .section = section_destination,
     .text = "Type of the column event_body. With text, a body that is not UTF-8 goes to the table "
             "_streamduck_dead_letters; blob takes every body as it is."},
    {.variable = "MOTHERDUCK_TOKEN",
     .type = SD_OPTION_SECRET,
     .section = section_destination,
     .example = "",
     .text =
         "MotherDuck access token of all mappings without their own, and of the Python original's control "
         "table."},
    {.variable = "MOTHERDUCK_DATABASE",
     .type = SD_OPTION_TEXT,
     .check = check_identifier,
     .section = section_destination,
     .example = "my_db",
     .text = "Where the Python original's control table is when TARGET_DB is not set. It is no mapping's "
             "destination."},

    /* Control table of the Python original */
    {.variable = "TARGET_DB",
     .type = SD_OPTION_TEXT,
     .check = check_identifier,
     .section = section_original,
     .default_text = "MOTHERDUCK_DATABASE, when TARGET_TABLE is set",
     .example = "my_db",
     .text =
         "Database of the Python original's control table. Its checkpoints are imported once, where "
         "streamduck "
         "has none yet, and streamduck's are written there too after each commit, best effort; it decides "
         "nothing."},
    {.variable = "TARGET_SCHEMA",
     .type = SD_OPTION_TEXT,
     .check = check_identifier,
     .default_value = "main",
     .section = section_original,
     .text = "Its schema."},
    {.variable = "TARGET_TABLE",
     .type = SD_OPTION_TEXT,
     .check = check_identifier,
     .default_value = "ingestion_status",
     .section = section_original,
     .text = "Its name."},

    /* Program */
    {.variable = "STREAMDUCK_LIBDUCKDB",
     .flag = "libduckdb",
     .type = SD_OPTION_TEXT,
     .value_name = "FILE",
     .section = section_program,
     .default_text = "libduckdb.so beside the program, then where the system's loader looks",
     .example = "/usr/local/lib/libduckdb.so",
     .text = "Path of libduckdb.so."},
    {.variable = "STREAMDUCK_MOTHERDUCK_EXTENSION",
     .type = SD_OPTION_TEXT,
     .value_name = "FILE",
     .section = section_program,
     .default_text = "DuckDB fetches it",
     .example = "/usr/local/lib/motherduck.duckdb_extension",
     .text = "Path of MotherDuck's extension for DuckDB, where there is no network to fetch it from."},
    {.variable = "STREAMDUCK_STATE_DIR",
     .flag = "state-dir",
     .type = SD_OPTION_TEXT,
     .value_name = "DIR",
     .section = section_program,
     .default_text = "$XDG_STATE_HOME/streamduck or ~/.local/state/streamduck",
     .example = "/var/lib/streamduck",
     .text = "Folder of the sockets by which `status` and `monitor` ask a running instance."},
    {.variable = "STREAMDUCK_LOG_LEVEL",
     .flag = "log-level",
     .type = SD_OPTION_CHOICE,
     .choices = "debug|info|warning|error",
     .default_value = "info",
     .section = section_program,
     .text = "Least important messages that are printed."},
    {.variable = "STREAMDUCK_MEMORY",
     .flag = "memory",
     .type = SD_OPTION_SIZE,
     .default_value = "192MiB",
     .min = 32 * 1024 * 1024,
     .max = (int64_t)64 * 1024 * 1024 * 1024,
     .section = section_program,
     .text = "Memory for events on their way, all mappings together."},

    /* Smart retry */
    {.variable = "SMART_RETRY_ENABLED",
     .type = SD_OPTION_BOOLEAN,
     .flags = SD_OPTION_UNUSED,
     .default_value = "false",
     .section = section_retry,
     .text = "Asks a language model about errors that the rules do not know."},
    {.variable = "SMART_RETRY_LLM_PROVIDER",
     .type = SD_OPTION_CHOICE,
     .flags = SD_OPTION_UNUSED,
     .choices = "openai|azure|anthropic|gemini|groq|cohere",
     .default_value = "openai",
     .section = section_retry,
     .text = "Provider of the model."},
    {.variable = "SMART_RETRY_LLM_MODEL",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_UNUSED,
     .default_value = "gpt-4o-mini",
     .section = section_retry,
     .text = "Model; with azure the deployment's name."},
    {.variable = "SMART_RETRY_LLM_API_KEY",
     .type = SD_OPTION_SECRET,
     .flags = SD_OPTION_UNUSED,
     .section = section_retry,
     .example = "",
     .needed = "when SMART_RETRY_ENABLED is true",
     .text = "Key of the provider."},
    {.variable = "SMART_RETRY_LLM_ENDPOINT",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_UNUSED,
     .check = check_https,
     .section = section_retry,
     .default_text = "the provider's own",
     .example = "https://example.openai.azure.com",
     .needed = "when SMART_RETRY_LLM_PROVIDER is azure",
     .text = "Address of the provider."},
    {.variable = "SMART_RETRY_MAX_ATTEMPTS",
     .type = SD_OPTION_INTEGER,
     .flags = SD_OPTION_UNUSED,
     .default_value = "3",
     .min = 1,
     .max = 10,
     .section = section_retry,
     .text = "Attempts per batch."},
    {.variable = "SMART_RETRY_TIMEOUT_SECONDS",
     .type = SD_OPTION_DURATION,
     .flags = SD_OPTION_UNUSED,
     .default_value = "10",
     .min = 1000,
     .max = 60 * 1000,
     .section = section_retry,
     .text = "Longest wait for the model's answer."},
    {.variable = "SMART_RETRY_ENABLE_CACHING",
     .type = SD_OPTION_BOOLEAN,
     .flags = SD_OPTION_UNUSED,
     .default_value = "true",
     .section = section_retry,
     .text = "Remembers decisions by the error's signature."},

    /* Logfire */
    {.variable = "LOGFIRE_ENABLED",
     .type = SD_OPTION_BOOLEAN,
     .default_value = "false",
     .section = section_logfire,
     .text = "Records spans of every step (docs/telemetry). The variables below choose where they go."},
    {.variable = "LOGFIRE_TOKEN",
     .type = SD_OPTION_SECRET,
     .flags = SD_OPTION_SWITCHED,
     .section = section_logfire,
     .example = "",
     .needed = "when LOGFIRE_ENABLED and LOGFIRE_SEND_TO_LOGFIRE are true",
     .text = "Write token of the Logfire project. Its prefix (pylf_v1_us_, pylf_v1_eu_) names the region."},
    {.variable = "LOGFIRE_SEND_TO_LOGFIRE",
     .type = SD_OPTION_BOOLEAN,
     .default_value = "true",
     .section = section_logfire,
     .text = "Sends spans and metrics to Logfire's service."},
    {.variable = "LOGFIRE_CONSOLE_LOGGING",
     .type = SD_OPTION_BOOLEAN,
     .default_value = "true",
     .section = section_logfire,
     .text = "Prints the spans of a batch as a tree on standard error when the batch is done."},
    {.variable = "LOGFIRE_SERVICE_NAME",
     .type = SD_OPTION_TEXT,
     .default_value = "streamduck",
     .section = section_logfire,
     .text = "Name of the service in traces. OTEL_SERVICE_NAME counts where this is not set."},
    {.variable = "LOGFIRE_ENVIRONMENT",
     .type = SD_OPTION_TEXT,
     .default_value = "development",
     .section = section_logfire,
     .text = "Name of the environment in traces (deployment.environment.name)."},
    {.variable = "LOGFIRE_LOG_LEVEL",
     .type = SD_OPTION_CHOICE,
     .choices = "DEBUG|INFO|WARNING|ERROR|CRITICAL",
     .wrong = "Invalid log level",
     .default_value = "INFO",
     .section = section_logfire,
     .text = "Least important spans that are recorded. DEBUG adds a span for every event."},
    {.variable = "LOGFIRE_BASE_URL",
     .type = SD_OPTION_TEXT,
     .check = check_https,
     .section = section_logfire,
     .default_text = "the token's region",
     .example = "https://logfire-eu.pydantic.dev",
     .text = "Address of Logfire's service."},

    /* OpenTelemetry: what a value may be is the specification's matter; a bad one is warned about and
     * ignored, as it asks. */
    OTEL("OTEL_SDK_DISABLED", "false", "true switches all telemetry off."),
    OTEL("OTEL_SERVICE_NAME", NULL, "Name of the service where LOGFIRE_SERVICE_NAME is not set."),
    OTEL("OTEL_RESOURCE_ATTRIBUTES", NULL,
         "Attributes of the resource: key=value,key2=value2, percent-encoded."),
    OTEL("OTEL_TRACES_EXPORTER", NULL,
         "otlp, console or none. Without it spans go out when an endpoint is set."),
    OTEL("OTEL_METRICS_EXPORTER", NULL, "As OTEL_TRACES_EXPORTER, for metrics."),
    OTEL("OTEL_LOGS_EXPORTER", NULL, "As OTEL_TRACES_EXPORTER, for log records."),
    OTEL("OTEL_TRACES_SAMPLER", "parentbased_always_on",
         "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or "
         "parentbased_traceidratio."),
    OTEL("OTEL_TRACES_SAMPLER_ARG", NULL, "The ratio, 0 to 1."),
    OTEL("OTEL_BSP_SCHEDULE_DELAY", NULL, "Longest wait of a finished span, in ms."),
    OTEL("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512", "Most spans in one request."),
    OTEL("OTEL_METRIC_EXPORT_INTERVAL", "60000", "Between two exports of metrics, in ms."),
    OTEL("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", NULL, "Most characters of a text in an attribute."),
    OTEL("OTEL_ATTRIBUTE_COUNT_LIMIT", "128", "Most attributes of a span or log record."),
    OTEL("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", NULL, "As OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, for spans."),
    OTEL("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", NULL, "As OTEL_ATTRIBUTE_COUNT_LIMIT, for spans."),
    OTEL("OTEL_SPAN_EVENT_COUNT_LIMIT", "128", "Most events of a span."),
    OTEL("OTEL_SPAN_LINK_COUNT_LIMIT", "128", "Most links of a span."),
    OTEL("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "128", "Most attributes of an event."),
    OTEL("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "128", "Most attributes of a link."),
    OTEL("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative",
         "cumulative, delta or lowmemory."),
    OTEL("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "explicit_bucket_histogram",
         "explicit_bucket_histogram or base2_exponential_bucket_histogram."),
    OTLP("", "all signals"),
    OTLP("TRACES_", "spans"),
    OTLP("METRICS_", "metrics"),
    OTLP("LOGS_", "log records"),

    /* Labels */
    {.variable = "ENVIRONMENT",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_UNUSED,
     .default_value = "development",
     .section = section_labels,
     .text = "Read by the Python original for a channel name."},
    {.variable = "REGION",
     .type = SD_OPTION_TEXT,
     .flags = SD_OPTION_UNUSED,
     .default_value = "default",
     .section = section_labels,
     .text = "Read by the Python original for a channel name."},
    {.variable = NULL},
};
