/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The job that a configuration describes: its mappings as the engine takes them, and everything that is wrong
 * with it, collected. Making a job opens no connection, no database and loads no library. One thread at a
 * time.
 */
#ifndef SD_CLI_JOB_H
#define SD_CLI_JOB_H

#include "base/arena.h"
#include "cli/command.h"
#include "cli/job_telemetry.h"
#include "config/settings.h"
#include "eventhubs/connection_string.h"
#include "json/json.h"

#include <streamduck/stream.h>

typedef struct sd_job_mapping {
  int number;
  bool complete;            /* `stream` is good; otherwise problems tell why not */
  sd_stream_mapping stream; /* texts live as long as the job */
  sd_connection_string connection;
  const char *connection_variable; /* where the connection string came from */
} sd_job_mapping;

struct sd_job {
  sd_settings *settings;
  sd_problems problems;
  sd_job_mapping *mappings; /* by number; with errors not all are complete */
  size_t mapping_count;
  sd_job_telemetry telemetry;
  sd_arena arena; /* private */
};

/* --env-file and --set. A command that makes a job has these and sd_config_options among its options. */
extern const sd_option sd_job_options[];

/* Reads the command's options, the environment and .env. SD_EXIT_OK also when the job has problems;
 * otherwise there is no job and context->err has been told why. */
sd_exit sd_job_new(sd_command_context *context, sd_job **ret_job);
/* NULL is allowed. */
void sd_job_free(sd_job *job);

/* From settings that are loaded already: fills mappings and problems. SD_NOMEM is the only failure. */
SD_MUST_CHECK sd_status sd_job_judge(sd_job *job, sd_scrubber *scrubber);

/* Looks at the files that the job names (folders of databases, certificates), changing nothing; adds
 * problems. */
void sd_job_check_files(sd_job *job);

/* Folder of the sockets: --state-dir or STREAMDUCK_STATE_DIR, else below $XDG_STATE_HOME or $HOME, else "".
 */
const char *sd_job_state_dir(sd_job *job);

/* Prints what would run, for people. */
void sd_job_print(const sd_job *job, const sd_command_context *context);
/* The same as a JSON array of mappings; NULL when memory is short. */
json_t *sd_job_to_json(const sd_job *job);

/* Prints the problems, one per line, without secrets. */
void sd_job_print_problems(const sd_job *job, const sd_command_context *context, FILE *file);
/* All problems as a JSON array of {level, variable, message}; NULL when memory is short. */
json_t *sd_job_problems_to_json(const sd_job *job);

/* "earliest", "@2026-01-31T08:00:00Z", "offset:123": where a mapping begins without a checkpoint. */
void sd_job_start_text(const sd_stream_mapping *mapping, sd_buf *out);

/* True when the value of MOTHERDUCK_{N}_DATABASE names a local file. */
bool sd_job_is_local_file(const char *database);

#endif
