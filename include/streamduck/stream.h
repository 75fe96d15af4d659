/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The streaming engine: mappings from Event Hubs to DuckDB or MotherDuck tables, each event landed exactly
 * once.
 *
 * One thread calls sd_stream_run, which works until it is stopped; the engine adds one thread per database.
 * Signals, files of settings and printing are the caller's business; the program must ignore SIGPIPE, because
 * a peer may be gone when its socket is written to.
 */
#ifndef STREAMDUCK_STREAM_H
#define STREAMDUCK_STREAM_H

#include <stddef.h>
#include <streamduck/error.h>
#include <streamduck/trace.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  SD_STREAM_MAPPINGS_MAX = 256,
  SD_STREAM_MEMORY_DEFAULT = 192 * 1024 * 1024, /* all mappings together */
  SD_STREAM_MAPPING_MEMORY_MAX = 96 * 1024 * 1024
};

typedef enum sd_start_kind {
  SD_START_EARLIEST = 0, /* default */
  SD_START_LATEST = 1,
  SD_START_TIME = 2,
  SD_START_OFFSET = 3
} sd_start_kind;

/* One mapping. All strings are copied. */
typedef struct sd_stream_mapping {
  size_t struct_size;
  int number; /* N of EVENTHUBNAME_N and MOTHERDUCK_N; names the mapping in messages */
  /* source */
  const char *host; /* broker's host name */
  uint16_t port;    /* 0: 5671 with TLS, 5672 without */
  bool tls;
  const char *ca_file; /* NULL: the system's trust store */
  const char *hub;
  const char *consumer_group;
  const char *sas_key_name; /* with sas_key; or sas_token alone */
  const char *sas_key;
  const char *sas_token; /* a ready SharedAccessSignature */
  sd_start_kind start;   /* where to begin without a checkpoint */
  int64_t start_time_us;
  const char *start_offset;
  bool earliest_on_offset_lost; /* false: stop the mapping when the broker no longer has the checkpoint's
                                   offset */
  /* destination */
  const char *database; /* a file's path, or a MotherDuck database's name when motherduck */
  bool motherduck;
  const char *motherduck_token;
  const char *schema;
  const char *table;
  bool body_is_blob;
  const char *legacy_database; /* the Python original's control table; NULL: none */
  const char *legacy_schema;
  const char *legacy_table;
  /* limits of a batch */
  uint32_t batch_rows; /* 0: 1000; at most a row group of 122,880 counts */
  size_t batch_bytes;  /* of the events' own bytes; 0: 24 MB; at most half the mapping's memory counts */
  uint32_t batch_timeout_ms; /* after the batch's first event; 0: 1000, for MotherDuck 60,000 */
} sd_stream_mapping;

typedef void sd_stream_log_fn(void *user, int level, const char *subsystem, const char *message);

typedef struct sd_stream_options {
  size_t struct_size;
  const sd_stream_mapping *mappings;
  size_t mapping_count;
  size_t memory_bytes; /* 0: SD_STREAM_MEMORY_DEFAULT */
  const char
      *libduckdb; /* path; NULL: $STREAMDUCK_LIBDUCKDB, then beside the program, then the default names */
  bool until_caught_up;  /* end when every partition has landed what the broker holds */
  int log_level;         /* 0 debug … 3 error: messages below are not made */
  sd_stream_log_fn *log; /* any thread, calls are serialised; secrets are taken out. NULL: silent */
  void *log_user;
  sd_telemetry *telemetry;          /* spans and metrics (docs/telemetry); borrowed until free. NULL: none */
  const char *motherduck_extension; /* file of MotherDuck's extension; NULL:
                                       $STREAMDUCK_MOTHERDUCK_EXTENSION, else DuckDB fetches it */
} sd_stream_options;

typedef enum sd_mapping_state {
  SD_MAPPING_STARTING = 0,
  SD_MAPPING_RUNNING = 1,
  SD_MAPPING_BACKING_OFF = 2, /* a retry is due at retry_at_ms */
  SD_MAPPING_STOPPING = 3,
  SD_MAPPING_STOPPED = 4, /* in order */
  SD_MAPPING_HALTED = 5   /* by an error that needs somebody; checkpoint unmoved */
} sd_mapping_state;

enum { SD_PARTITION_OWNED = 0, SD_PARTITION_ELSEWHERE = 1, SD_PARTITION_CLOSED = 2 };

typedef struct sd_partition_snapshot {
  char partition_id[16];
  int state; /* SD_PARTITION_… */
  int64_t epoch;
  int64_t received_sequence;    /* -1: none */
  int64_t landed_sequence;      /* -1: none */
  int64_t broker_last_sequence; /* as last heard; -1: none */
  int64_t lag;                  /* broker_last_sequence - landed_sequence, events; where nothing landed, what
                                   the broker keeps; 0 while the partition is elsewhere */
  int64_t landed_enqueued_us;
  uint64_t gaps; /* sequence numbers that never came */
} sd_partition_snapshot;

typedef struct sd_mapping_snapshot {
  int number;
  sd_mapping_state state;
  const char *name; /* "hub → database.schema.table" */
  const char *hub;
  const char *consumer_group;
  const char *database; /* as configured */
  const char *schema;
  const char *table;
  const char *owner;       /* this process's id in the control table */
  uint64_t received;       /* events */
  uint64_t received_bytes; /* of bodies */
  uint64_t landed;         /* rows in the target */
  uint64_t dead_letters;
  uint64_t batches; /* committed */
  uint64_t transactions;
  uint64_t retries;
  uint64_t attempts_failed; /* write attempts that failed */
  uint64_t fenced;          /* partitions lost to another owner */
  uint64_t gaps;
  uint64_t reconnects;
  int64_t lag;             /* events, sum over partitions */
  uint64_t buffered_bytes; /* memory held by batches */
  int64_t last_commit_us;  /* wall clock, 0: none yet */
  sd_error last_error;     /* SD_OK: none */
  const sd_partition_snapshot *partitions;
  size_t partition_count;
} sd_mapping_snapshot;

typedef struct sd_stream_snapshot {
  size_t struct_size;
  uint64_t uptime_ms;
  const sd_mapping_snapshot *mappings;
  size_t mapping_count;
} sd_stream_snapshot;

typedef struct sd_stream sd_stream;

/* Checks the options and copies them; opens nothing. SD_CONFIG with a message that names the option. */
SD_API SD_MUST_CHECK sd_status sd_stream_new(const sd_stream_options *options, sd_stream **ret_stream,
                                             sd_error *error);

/* Called on the running thread about once per interval_ms with the current state; views are good for the
 * call. */
typedef void sd_stream_observer_fn(void *user, const sd_stream_snapshot *snapshot);
/* Before run. One observer; interval at least 10 ms. */
SD_API void sd_stream_observe(sd_stream *stream, uint32_t interval_ms, sd_stream_observer_fn *observer,
                              void *user);

/* Works until stopped, caught up, or every mapping has ended. SD_OK: all mappings ended in order.
 * SD_CANCELLED: aborted by a second stop. Any other: at least one mapping halted; the error is the first
 * one's, snapshots tell all. */
SD_API SD_MUST_CHECK sd_status sd_stream_run(sd_stream *stream, sd_error *error);

/* First call: stop fetching, land what is in flight, release, end run. Second call: abort at once (safe: what
 * has not been committed is read again next time). Any thread, also from a signal handler. */
SD_API void sd_stream_stop(sd_stream *stream);

/* The final state, after run. Good until free. */
SD_API const sd_stream_snapshot *sd_stream_last_snapshot(sd_stream *stream);

/* NULL is allowed. Not while run works. */
SD_API void sd_stream_free(sd_stream *stream);

/* "running" … */
SD_API const char *sd_mapping_state_name(sd_mapping_state state);

#ifdef __cplusplus
}
#endif
#endif
