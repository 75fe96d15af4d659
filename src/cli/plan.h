/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration means: the mappings as the engine takes them, and everything that is wrong, collected.
 * Making a plan opens no connection, no database and loads no library. One thread at a time.
 */
#ifndef SD_CLI_PLAN_H
#define SD_CLI_PLAN_H

#include "base/arena.h"
#include "cli/command.h"
#include "config/settings.h"
#include "eventhubs/connection_string.h"
#include "json/json.h"

#include <streamduck/stream.h>

typedef struct sd_plan_mapping {
  int number;
  bool complete;            /* `stream` is good; otherwise problems tell why not */
  sd_stream_mapping stream; /* texts live as long as the plan */
  sd_connection_string connection;
  const char *connection_variable; /* where the connection string came from */
} sd_plan_mapping;

typedef struct sd_plan {
  sd_settings *settings;
  sd_problems problems;
  sd_plan_mapping *mappings; /* by number; with errors not all are complete */
  size_t mapping_count;
  sd_arena arena; /* private */
} sd_plan;

/* --env-file and --set. A command that makes a plan has these and sd_config_options among its options. */
extern const sd_option sd_plan_options[];

/* Reads the command's options, the environment and .env. SD_EXIT_OK also when the plan has problems;
 * otherwise there is no plan and context->err has been told why. */
sd_exit sd_plan_new(sd_command_context *context, sd_plan **ret_plan);
/* NULL is allowed. */
void sd_plan_free(sd_plan *plan);

/* From settings that are loaded already: fills mappings and problems. SD_NOMEM is the only failure. */
SD_MUST_CHECK sd_status sd_plan_judge(sd_plan *plan, sd_scrubber *scrubber);

/* Looks at the files that the plan names (folders of databases, certificates), changing nothing; adds
 * problems. */
void sd_plan_check_files(sd_plan *plan);

/* Folder of the sockets: --state-dir or STREAMDUCK_STATE_DIR, else below $XDG_STATE_HOME or $HOME, else "".
 */
const char *sd_plan_state_dir(sd_plan *plan);

/* Prints what would run, for people. */
void sd_plan_print(const sd_plan *plan, const sd_command_context *context);
/* The same as a JSON array of mappings; NULL when memory is short. */
json_t *sd_plan_to_json(const sd_plan *plan);

/* Prints the problems, one per line, without secrets. */
void sd_plan_print_problems(const sd_plan *plan, const sd_command_context *context, FILE *file);
/* All problems as a JSON array of {level, variable, message}; NULL when memory is short. */
json_t *sd_plan_problems_to_json(const sd_plan *plan);

/* "earliest", "@2026-01-31T08:00:00Z", "offset:123": where a mapping begins without a checkpoint. */
void sd_plan_start_text(const sd_stream_mapping *mapping, sd_buf *out);

/* True when the value of MOTHERDUCK_{N}_DATABASE names a local file. */
bool sd_plan_is_local_file(const char *database);

#endif
