/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration says about telemetry: whether spans are recorded, from which level on, and where they
 * go. Made with the job; opens no connection. Texts live as long as the job.
 */
#ifndef SD_CLI_JOB_TELEMETRY_H
#define SD_CLI_JOB_TELEMETRY_H

#include "base/scrub.h"
#include "json/json.h"

typedef struct sd_job sd_job;

enum {
  SD_JOB_LOGFIRE_TOKENS_MAX = 4, /* projects that get the same data */
  SD_JOB_OTLP_MAX = 3            /* one per signal at most */
};

typedef enum sd_telemetry_mode {
  SD_TELEMETRY_DISABLED = 0,
  SD_TELEMETRY_LOCAL_ONLY = 1,
  SD_TELEMETRY_CLOUD_ONLY = 2,
  SD_TELEMETRY_HYBRID = 3,
  SD_TELEMETRY_NO_OUTPUT = 4 /* Logfire is enabled, and sent to and printed are both off */
} sd_telemetry_mode;

typedef struct sd_job_logfire {
  const char *token;
  const char *base_url;
} sd_job_logfire;

typedef struct sd_job_otlp {
  int signals;          /* SD_SIGNAL_… of <streamduck/export.h> */
  const char *endpoint; /* for people: without user, password and query */
  const char *protocol;
} sd_job_otlp;

typedef struct sd_job_telemetry {
  bool switched_off; /* OTEL_SDK_DISABLED */
  bool enabled;      /* LOGFIRE_ENABLED */
  bool send;         /* LOGFIRE_SEND_TO_LOGFIRE; counts when enabled */
  bool console;      /* LOGFIRE_CONSOLE_LOGGING; counts when enabled */
  bool otel_console; /* an OTEL_…_EXPORTER is console */
  const char *service;
  const char *environment;                           /* NULL: none was given and Logfire is not enabled */
  const char *level_name;                            /* as LOGFIRE_LOG_LEVEL has it, in capitals */
  int level;                                         /* an sd_level */
  sd_job_logfire logfire[SD_JOB_LOGFIRE_TOKENS_MAX]; /* where to send; none when that is off */
  size_t logfire_count;
  sd_job_otlp otlp[SD_JOB_OTLP_MAX];
  size_t otlp_count;
} sd_job_telemetry;

/* Fills job->telemetry from job->settings and adds problems; secrets inside values go to the scrubber (may be
 * NULL). SD_NOMEM is the only failure. */
SD_MUST_CHECK sd_status sd_job_telemetry_judge(sd_job *job, sd_scrubber *scrubber);

/* What Logfire's variables come to. */
sd_telemetry_mode sd_job_telemetry_mode(const sd_job_telemetry *telemetry);
/* "disabled", "local-only", "cloud-only", "hybrid", "no output" */
const char *sd_telemetry_mode_name(sd_telemetry_mode mode);
/* True when something is recorded for some exporter. */
bool sd_job_telemetry_is_on(const sd_job_telemetry *telemetry);
/* The value of a variable of OpenTelemetry's as the settings have it, NULL when it is not set. An
 * sd_environment_fn; user is the job. */
const char *sd_job_telemetry_variable(void *user, const char *name);

/* "traces, metrics and logs" */
void sd_job_signals_text(int signals, sd_buf *out);
/* What `run` prints at its start; nothing when telemetry is off, unless OTEL_SDK_DISABLED overrules what is
 * set. */
void sd_job_telemetry_banner(const sd_job_telemetry *telemetry, sd_buf *out);
/* The blocks that `validate-config` prints. */
void sd_job_telemetry_describe(const sd_job_telemetry *telemetry, sd_buf *out);
/* {mode, service, …}; NULL when memory is short. */
json_t *sd_job_telemetry_to_json(const sd_job_telemetry *telemetry);

#endif
