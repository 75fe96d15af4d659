/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracer for C, in the model of OpenTelemetry: spans, context, propagation, sampling, log records.
 *
 * An sd_telemetry is what OpenTelemetry calls a provider, for traces, metrics (<streamduck/metrics.h>) and
 * logs together: one resource, one sampler, one thread that hands finished records to the exporters
 * (<streamduck/export.h>), one deadline at the end. An sd_tracer is an instrumentation scope of it.
 *
 * A span is encoded as an OTLP Span message by the thread that records it; ending it copies the message into
 * a bounded ring. Recording never waits for an exporter, never allocates in steady state, and drops (counted)
 * what has no room.
 *
 * NULL is allowed for every telemetry, tracer, span and instrument: nothing is recorded, at the cost of a
 * test. A program can therefore keep its calls and switch telemetry off by not making any.
 *
 * Threads: telemetry and tracers are used by any number of threads at once. A span is used by one thread at a
 * time, may start on one thread and end on another. Each thread has its own current context.
 *
 * Fork: after fork the child has the same objects, no records of its parent's, a new service.instance.id, new
 * random ids, and starts its thread with its first record.
 */
#ifndef STREAMDUCK_TRACE_H
#define STREAMDUCK_TRACE_H

#include <stddef.h>
#include <streamduck/error.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sd_telemetry sd_telemetry;
typedef struct sd_tracer sd_tracer;
typedef struct sd_span sd_span;
typedef struct sd_exporter sd_exporter;

enum {
  SD_TRACE_ID_SIZE = 16,
  SD_SPAN_ID_SIZE = 8,
  SD_TRACERS_MAX = 64,            /* instrumentation scopes of one telemetry */
  SD_EXPORTERS_MAX = 8,           /* of one telemetry */
  SD_SPAN_BYTES_MAX = 64 * 1024,  /* one encoded span; what would pass it is dropped and counted */
  SD_VALUE_DEPTH_MAX = 8,         /* arrays and maps inside each other; deeper ones become null */
  SD_TRACESTATE_MEMBERS_MAX = 32, /* W3C Trace Context §3.3.1.1 */
  SD_TRACESTATE_BYTES_MAX = 512,  /* what is passed on; §3.3.1.5 says how to shrink */
  SD_BAGGAGE_MEMBERS_MAX = 64,    /* W3C Baggage §3.3.2 */
  SD_BAGGAGE_BYTES_MAX = 8192,
  SD_TELEMETRY_RING_DEFAULT = 8 << 20, /* bytes of records that wait, all threads together */
  SD_TELEMETRY_BATCH_DEFAULT = 512,    /* OTEL_BSP_MAX_EXPORT_BATCH_SIZE */
  SD_TELEMETRY_DELAY_DEFAULT_MS = 500
};

/* ---- Values and attributes ---------------------------------------------------------------------------- */

typedef enum sd_any_type {
  SD_ANY_NULL = 0,
  SD_ANY_STRING = 1,
  SD_ANY_BOOL = 2,
  SD_ANY_INT = 3,
  SD_ANY_DOUBLE = 4,
  SD_ANY_ARRAY = 5,
  SD_ANY_MAP = 6,
  SD_ANY_BYTES = 7
} sd_any_type;

typedef struct sd_attribute sd_attribute;

/* OTLP's AnyValue. Everything it points to is borrowed: read before the call that takes it returns. A string
 * is UTF-8; what is not becomes U+FFFD when it is recorded, so that no receiver refuses the message. */
typedef struct sd_any {
  sd_any_type type;
  size_t len; /* bytes of a string or of bytes, members of an array or map */
  union {
    const char *string;
    const void *bytes;
    bool boolean;
    int64_t integer;
    double number;
    const struct sd_any *array;
    const sd_attribute *map;
  } as;
} sd_any;

/* key: not empty; setting a span's key again replaces its value. Keys of one map must differ: that is not
 * checked. */
struct sd_attribute {
  const char *key;
  sd_any value;
};

/* Each member is set by itself: clearing the whole first would make every copy wait for the store (a vector
 * load of bytes that two narrower stores wrote). */
static inline sd_any sd_any_null(void)
{
  sd_any any;
  any.type = SD_ANY_NULL;
  any.len = 0;
  any.as.string = NULL;
  return any;
}

static inline sd_any sd_any_text(const char *text, size_t len)
{
  sd_any any;
  any.type = SD_ANY_STRING;
  any.len = len;
  any.as.string = text;
  return any;
}

/* NULL gives null. */
static inline sd_any sd_any_string(const char *text)
{
  return text ? sd_any_text(text, strlen(text)) : sd_any_null();
}

static inline sd_any sd_any_bool(bool value)
{
  sd_any any;
  any.type = SD_ANY_BOOL;
  any.len = 0;
  any.as.boolean = value;
  return any;
}

static inline sd_any sd_any_int(int64_t value)
{
  sd_any any;
  any.type = SD_ANY_INT;
  any.len = 0;
  any.as.integer = value;
  return any;
}

static inline sd_any sd_any_double(double value)
{
  sd_any any;
  any.type = SD_ANY_DOUBLE;
  any.len = 0;
  any.as.number = value;
  return any;
}

static inline sd_any sd_any_bytes(const void *data, size_t len)
{
  sd_any any;
  any.type = SD_ANY_BYTES;
  any.len = len;
  any.as.bytes = data;
  return any;
}

static inline sd_any sd_any_array(const sd_any *members, size_t count)
{
  sd_any any;
  any.type = SD_ANY_ARRAY;
  any.len = count;
  any.as.array = members;
  return any;
}

static inline sd_any sd_any_map(const sd_attribute *members, size_t count)
{
  sd_any any;
  any.type = SD_ANY_MAP;
  any.len = count;
  any.as.map = members;
  return any;
}

static inline sd_attribute sd_attribute_make(const char *key, sd_any value)
{
  sd_attribute attribute;
  attribute.key = key;
  attribute.value = value;
  return attribute;
}

static inline sd_attribute sd_attribute_string(const char *key, const char *text)
{
  return sd_attribute_make(key, sd_any_string(text));
}

static inline sd_attribute sd_attribute_bool(const char *key, bool value)
{
  return sd_attribute_make(key, sd_any_bool(value));
}

static inline sd_attribute sd_attribute_int(const char *key, int64_t value)
{
  return sd_attribute_make(key, sd_any_int(value));
}

static inline sd_attribute sd_attribute_double(const char *key, double value)
{
  return sd_attribute_make(key, sd_any_double(value));
}

/* Logfire's numbers; OpenTelemetry's severity_number where the two share one. 0: none given. */
typedef enum sd_level {
  SD_LEVEL_NONE = 0,
  SD_LEVEL_TRACE = 1,
  SD_LEVEL_DEBUG = 5,
  SD_LEVEL_INFO = 9,
  SD_LEVEL_NOTICE = 10,
  SD_LEVEL_WARN = 13,
  SD_LEVEL_ERROR = 17,
  SD_LEVEL_FATAL = 21
} sd_level;

/* "info" … for the levels above, case ignored, also "warning" and "critical" (fatal). SD_INVALID otherwise.
 */
SD_API SD_MUST_CHECK sd_status sd_level_parse(const char *text, sd_level *ret_level);
/* "warn" for 13; for a number between two levels the lower one's name. Static string. */
SD_API const char *sd_level_name(int level);

/* ---- Context ------------------------------------------------------------------------------------------ */

enum { SD_TRACE_FLAG_SAMPLED = 0x01, SD_TRACE_FLAG_RANDOM = 0x02 };

typedef struct sd_context_data sd_context_data; /* tracestate and baggage; shared, never changed */

/* Which span of which trace is active, and what travels with it. All zero: none (SD_CONTEXT_NONE). A plain
 * copy borrows `data`; sd_context_copy makes one that keeps it. */
typedef struct sd_context {
  uint8_t trace_id[SD_TRACE_ID_SIZE];
  uint8_t span_id[SD_SPAN_ID_SIZE];
  uint8_t flags;  /* SD_TRACE_FLAG_… */
  uint8_t remote; /* 1: came from another process */
  sd_context_data *data;
} sd_context;

#define SD_CONTEXT_NONE                                                                                      \
  {                                                                                                          \
    {0}, {0}, 0, 0, NULL                                                                                     \
  }

/* True when trace id and span id are both not zero. */
SD_API bool sd_context_is_valid(const sd_context *context);
/* A copy with its own reference; release it. */
SD_API sd_context sd_context_copy(const sd_context *context);
/* Makes *context none. */
SD_API void sd_context_release(sd_context *context);

/* The thread's current context, borrowed until it is changed by this thread. */
SD_API sd_context sd_context_current(void);
/* Makes a copy of context (NULL: none) the thread's current one and returns the former, which the caller owns
 * and gives to sd_context_restore. Attach and restore nest. */
SD_API sd_context sd_context_attach(const sd_context *context);
/* Makes previous the current context again and releases the one before. Same thread as its attach. */
SD_API void sd_context_restore(sd_context *previous);

/* A span's context, with the tracestate and baggage that it got from its parent. Borrowed until the span
 * ends. None for a NULL span. */
SD_API sd_context sd_span_context(const sd_span *span);
/* sd_context_attach of the span's context; for a NULL span nothing changes (its children hang on its parent).
 */
SD_API sd_context sd_span_attach(const sd_span *span);

/* W3C tracestate as it will be sent, "" when there is none. Borrowed from the context. */
SD_API const char *sd_context_tracestate(const sd_context *context);
/* Baggage as it will be sent (percent-encoded), "" when there is none. Borrowed from the context. */
SD_API const char *sd_context_baggage(const sd_context *context);
/* Decoded value of one baggage member into dst (NUL terminated, cut at size). SD_NOT_FOUND. */
SD_API sd_status sd_context_baggage_get(const sd_context *context, const char *key, char *dst, size_t size);
/* A copy of context in which key has value (UTF-8, encoded by this function; NULL removes it). SD_INVALID for
 * a key that is no token (RFC 7230), SD_LIMIT past the maxima, SD_NOMEM. The caller releases *ret_context. */
SD_API SD_MUST_CHECK sd_status sd_context_baggage_set(const sd_context *context, const char *key,
                                                      const char *value, sd_context *ret_context,
                                                      sd_error *error);

/* ---- Propagation (W3C Trace Context level 2, W3C Baggage)
 * --------------------------------------------------- */

/* The index-th value of a header in the carrier, NULL when there are no more. Names are given in lower case
 * and matched without case by carriers that have any. */
typedef const char *sd_carrier_get_fn(void *carrier, const char *name, size_t index);
/* Puts a header into the carrier; value is good for the call. */
typedef sd_status sd_carrier_set_fn(void *carrier, const char *name, const char *value);

/* Reads traceparent, tracestate and baggage. Malformed input is ignored as the specifications say, so the
 * result may be none (baggage alone gives a context without ids). SD_NOMEM is the only failure. The caller
 * releases *ret_context. */
SD_API SD_MUST_CHECK sd_status sd_context_extract(sd_carrier_get_fn *get, void *carrier,
                                                  sd_context *ret_context);
/* Writes traceparent, and tracestate and baggage where there are any; nothing for no context. Fails as set
 * fails. */
SD_API SD_MUST_CHECK sd_status sd_context_inject(const sd_context *context, sd_carrier_set_fn *set,
                                                 void *carrier);

#define SD_TRACEPARENT_SIZE 56
/* "00-<trace id>-<span id>-<flags>" into dst of SD_TRACEPARENT_SIZE bytes; "" for no context. Returns dst. */
SD_API char *sd_context_traceparent(const sd_context *context, char *dst);
/* Parses one traceparent of len bytes (no NUL needed); SD_INVALID leaves *ret_context as it was. Sets
 * `remote`. */
SD_API SD_MUST_CHECK sd_status sd_context_parse_traceparent(const char *text, size_t len,
                                                            sd_context *ret_context);
/* Reads TRACEPARENT, TRACESTATE and BAGGAGE of the environment; otherwise as sd_context_extract. */
SD_API SD_MUST_CHECK sd_status sd_context_from_environment(sd_context *ret_context);

/* ---- Spans
 * -------------------------------------------------------------------------------------------------- */

typedef enum sd_span_kind {
  SD_SPAN_INTERNAL = 1,
  SD_SPAN_SERVER = 2,
  SD_SPAN_CLIENT = 3,
  SD_SPAN_PRODUCER = 4,
  SD_SPAN_CONSUMER = 5
} sd_span_kind;

typedef enum sd_span_status { SD_SPAN_UNSET = 0, SD_SPAN_OK = 1, SD_SPAN_ERROR = 2 } sd_span_status;

typedef struct sd_link {
  sd_context context;
  const sd_attribute *attributes;
  size_t attribute_count;
} sd_link;

/* A zeroed struct (with struct_size) is an internal span under the current context, from now. */
typedef struct sd_span_options {
  size_t struct_size;
  sd_span_kind kind;        /* 0: internal */
  const sd_context *parent; /* NULL: the thread's current context; one that is none: a new trace */
  const sd_attribute *attributes;
  size_t attribute_count;
  const sd_link *links;
  size_t link_count;
  int64_t start_unix_ns; /* 0: now */
  int level;           /* an sd_level; below the telemetry's minimum no span is made. 0: none. Exported as the
                          attribute logfire.level_num, which OTLP has no field for */
  const char *message; /* template with {attribute} placeholders, shown instead of the name; NULL: none */
} sd_span_options;

/* options may be NULL. name: not empty. NULL when nothing is recorded (no tracer, not sampled, below the
 * minimum level, no memory): use it like any span. A span that is not sampled has no object; it is told to
 * those below by the context: see sd_span_start_in. */
SD_API sd_span *sd_span_start(sd_tracer *tracer, const char *name, const sd_span_options *options);

/* As sd_span_start, and makes the span's context the thread's current one, also when it is not sampled (then
 * with the sampled flag clear, so that everything below it is left out too). *ret_previous is for
 * sd_context_restore. */
SD_API sd_span *sd_span_start_in(sd_tracer *tracer, const char *name, const sd_span_options *options,
                                 sd_context *ret_previous);

/* Ends the span now and gives it up. */
SD_API void sd_span_end(sd_span *span);
/* As sd_span_end at another time (not before the start, else the start). 0: now. */
SD_API void sd_span_end_at(sd_span *span, int64_t end_unix_ns);

SD_API void sd_span_set(sd_span *span, const char *key, sd_any value);
SD_API void sd_span_set_all(sd_span *span, const sd_attribute *attributes, size_t count);
/* The plain types without an sd_any in between; span is not NULL, text neither. */
SD_API void sd_span_write_text(sd_span *span, const char *key, const char *text, size_t len);
SD_API void sd_span_write_bool(sd_span *span, const char *key, bool value);
SD_API void sd_span_write_int(sd_span *span, const char *key, int64_t value);
SD_API void sd_span_write_double(sd_span *span, const char *key, double value);

/* What programs call: nothing but a test where nothing is recorded. */
static inline void sd_span_set_string(sd_span *span, const char *key, const char *text)
{
  if (!span)
    return;
  if (text)
    sd_span_write_text(span, key, text, strlen(text));
  else
    sd_span_set(span, key, sd_any_null());
}
static inline void sd_span_set_bool(sd_span *span, const char *key, bool value)
{
  if (span)
    sd_span_write_bool(span, key, value);
}
static inline void sd_span_set_int(sd_span *span, const char *key, int64_t value)
{
  if (span)
    sd_span_write_int(span, key, value);
}
static inline void sd_span_set_double(sd_span *span, const char *key, double value)
{
  if (span)
    sd_span_write_double(span, key, value);
}
SD_API void sd_span_set_name(sd_span *span, const char *name);
SD_API void sd_span_set_level(sd_span *span, int level);
/* SD_SPAN_OK is final; UNSET is ignored; a description is kept for ERROR only (OpenTelemetry trace API, Set
 * Status). */
SD_API void sd_span_set_status(sd_span *span, sd_span_status status, const char *description);
/* unix_ns 0: now. */
SD_API void sd_span_add_event(sd_span *span, const char *name, int64_t unix_ns,
                              const sd_attribute *attributes, size_t count);
SD_API void sd_span_add_link(sd_span *span, const sd_link *link);
/* An `exception` event: exception.type, exception.message, exception.stacktrace (NULL: left out),
 * exception.escaped
 * ("True" or "False" as Logfire writes it); status ERROR "type: message" when escaped. */
SD_API void sd_span_record_exception(sd_span *span, const char *type, const char *message,
                                     const char *stacktrace, bool escaped);
/* The same for our own errors, as escaped (status ERROR); the type is the source and code ("duckdb.IO",
 * "amqp:link:stolen", "errno.ECONNREFUSED", "http.503", "SD_TIMEOUT"). Nothing for SD_OK. */
SD_API void sd_span_record_error(sd_span *span, const sd_error *error);

#define SD_ERROR_TYPE_SIZE 96
/* What exception.type and error.type say about one of our own errors: few values, the same for the same
 * cause. Into dst of SD_ERROR_TYPE_SIZE bytes where it is not static; returns it. */
SD_API const char *sd_error_type(const sd_error *error, char *dst);

/* True when what is set is recorded. */
static inline bool sd_span_is_recording(const sd_span *span)
{
  return span != NULL;
}

/* ---- Logs
 * --------------------------------------------------------------------------------------------------- */

/* A log as Logfire has it: a span without duration under the current context. message is a template as in
 * sd_span_options and gives the name. */
SD_API void sd_tracer_log(sd_tracer *tracer, int level, const char *message, const sd_attribute *attributes,
                          size_t count);

/* A LogRecord of OpenTelemetry's Logs API. */
typedef struct sd_log_record {
  size_t struct_size;
  int64_t unix_ns; /* 0: not known; the observed time is always now */
  int severity;    /* OTLP severity_number 1 … 24; 0: none */
  const char *severity_text;
  sd_any body;
  const sd_attribute *attributes;
  size_t attribute_count;
  const char *event_name;
  const sd_context *context; /* NULL: the thread's current context */
} sd_log_record;
SD_API void sd_tracer_emit_log_record(sd_tracer *tracer, const sd_log_record *record);

/* ---- Sampling
 * ----------------------------------------------------------------------------------------------- */

typedef enum sd_sampling { SD_SAMPLING_DROP = 0, SD_SAMPLING_KEEP = 2 } sd_sampling;

typedef struct sd_sampling_input {
  const sd_context *parent; /* may be none */
  const uint8_t *trace_id;
  const char *name;
  sd_span_kind kind;
  const sd_attribute *attributes;
  size_t attribute_count;
} sd_sampling_input;

/* Any thread, at the start of a span. */
typedef sd_sampling sd_sampler_fn(void *user, const sd_sampling_input *input);

typedef enum sd_sampler_kind {
  SD_SAMPLER_ALWAYS_ON = 0,
  SD_SAMPLER_ALWAYS_OFF = 1,
  SD_SAMPLER_RATIO =
      2, /* keeps where the low 64 bits of the trace id < ratio * 2^64, as Go, Rust and Python do */
  SD_SAMPLER_CUSTOM = 3
} sd_sampler_kind;

typedef struct sd_sampler {
  sd_sampler_kind kind;
  bool parent_based; /* a parent's sampled flag decides; `kind` only for roots */
  double ratio;      /* 0 … 1 */
  sd_sampler_fn *custom;
  void *user;
} sd_sampler;

/* Tail rule: a trace is kept once one of its spans has level >= level (none counts as info, with status
 * error as error), or lasts longer
 * than duration_ns counted from the trace's start; otherwise with background_ratio. Spans wait for the
 * decision in bounded memory; a trace that does not fit is kept. Traces with a remote parent are kept. */
typedef struct sd_tail_sampling {
  bool enabled;
  int level;           /* 0: SD_LEVEL_NOTICE */
  int64_t duration_ns; /* 0: 5 s */
  double background_ratio;
} sd_tail_sampling;

/* ---- Telemetry
 * ---------------------------------------------------------------------------------------------- */

/* 0 is the default given behind each. */
typedef struct sd_span_limits {
  uint32_t attributes;           /* 128 */
  uint32_t events;               /* 128 */
  uint32_t links;                /* 128 */
  uint32_t attributes_per_event; /* 128 */
  uint32_t attributes_per_link;  /* 128 */
  uint32_t value_length;         /* characters of a string, bytes of bytes; 0: no limit */
} sd_span_limits;

/* What went wrong in telemetry itself, rate limited by the caller of it; any thread. */
typedef void sd_telemetry_diagnostic_fn(void *user, int level, const char *message);

/* Replaces what the scrubber found: returns the text to send instead (static or owned by user), NULL for the
 * standard replacement, or `value` itself to keep it. path is a JSON list as in logfire.scrubbed:
 * ["attributes", "password"]; value is text, JSON where it was none. The telemetry's thread. */
typedef const char *sd_scrub_callback_fn(void *user, const char *path, const char *matched,
                                         const char *value);

typedef struct sd_telemetry_options {
  size_t struct_size;
  const char *service_name; /* NULL: "unknown_service:<program>" */
  const char *service_version;
  const char *environment;      /* deployment.environment.name; NULL: none */
  const sd_attribute *resource; /* replaces detected ones of the same key */
  size_t resource_count;
  sd_sampler sampler;
  sd_tail_sampling tail;
  sd_span_limits limits;
  int min_level;                     /* spans and logs given a lower level are not made; 0: all */
  size_t ring_bytes;                 /* 0: SD_TELEMETRY_RING_DEFAULT */
  uint32_t batch_records;            /* 0: SD_TELEMETRY_BATCH_DEFAULT */
  uint32_t delay_ms;                 /* longest wait of a record; 0: SD_TELEMETRY_DELAY_DEFAULT_MS */
  uint32_t metric_interval_ms;       /* 0: 60000 */
  bool logfire_ids;                  /* trace ids begin with 48 bits of milliseconds */
  bool scrub_off;                    /* keep values whose key or text looks like a secret */
  const char *const *scrub_patterns; /* further words, matched without case; ends with NULL. NULL: none */
  sd_scrub_callback_fn *scrub_callback;
  void *scrub_user;
  sd_exporter *const *exporters; /* become the telemetry's when sd_telemetry_new succeeds */
  size_t exporter_count;
  sd_telemetry_diagnostic_fn *diagnostic; /* NULL: silent */
  void *diagnostic_user;
} sd_telemetry_options;

SD_API SD_MUST_CHECK sd_status sd_telemetry_new(const sd_telemetry_options *options,
                                                sd_telemetry **ret_telemetry, sd_error *error);

/* A text that must never leave, wherever it appears in a value (at least 6 bytes). Copied. Any thread. */
SD_API sd_status sd_telemetry_add_secret(sd_telemetry *telemetry, const char *secret);

/* An instrumentation scope; the same name and version give the same tracer. It lives as long as the
 * telemetry. NULL past SD_TRACERS_MAX or without memory. version may be NULL. */
SD_API sd_tracer *sd_telemetry_tracer(sd_telemetry *telemetry, const char *name, const char *version);

/* Everything recorded before the call is exported, metrics too. SD_TIMEOUT when the deadline passes first. */
SD_API sd_status sd_telemetry_flush(sd_telemetry *telemetry, uint32_t timeout_ms, sd_error *error);

/* As flush, then ends the thread and the exporters, all under one deadline; what could not be sent is counted
 * as dropped. Later records are ignored. Once. */
SD_API sd_status sd_telemetry_shutdown(sd_telemetry *telemetry, uint32_t timeout_ms, sd_error *error);

/* Shuts down with 3 s where that was not done. No span, tracer or instrument of it may be used any more. NULL
 * is allowed. */
SD_API void sd_telemetry_free(sd_telemetry *telemetry);

/* False where a span or log given this level would not be made: for callers that would have to prepare a lot.
 * NULL: false. Sampling may still leave it out. */
SD_API bool sd_tracer_enabled(const sd_tracer *tracer, int level);

typedef struct sd_telemetry_stats {
  size_t struct_size;
  uint64_t spans_started;
  uint64_t spans_live;
  uint64_t records_queued;     /* in the rings now */
  uint64_t records_exported;   /* answered with success, per exporter added up */
  uint64_t dropped_queue_full; /* the ring had no room */
  uint64_t dropped_export;     /* refused, or given up after retries */
  uint64_t dropped_shutdown;   /* deadline */
  uint64_t dropped_fork;       /* in a child: what its parent owns */
  uint64_t dropped_attributes; /* past limits, in spans that were kept */
  uint64_t export_calls;
  uint64_t export_retries;
  uint64_t bytes_sent; /* of requests, compressed */
} sd_telemetry_stats;
SD_API void sd_telemetry_get_stats(const sd_telemetry *telemetry, sd_telemetry_stats *ret_stats);

#ifdef __cplusplus
}
#endif
#endif
