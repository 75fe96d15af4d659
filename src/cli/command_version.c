/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck version`. */
#include "cli/command.h"

static const sd_option options[] = {
    {.flag = "json", .type = SD_OPTION_BOOLEAN, .text = "Prints one JSON object."},
    {.variable = NULL},
};

static const char compiler[] =
#if defined(__clang__)
    "clang " __clang_version__;
#else
    "gcc " __VERSION__;
#endif

static sd_exit run_version(sd_command_context *context)
{
  if (sd_arguments_is_on(context->arguments, "json"))
    fprintf(context->out,
            "{\"name\":\"streamduck\",\"version\":\"%s\",\"duckdb\":\"%s\",\"compiler\":\"%s\"}\n",
            SD_VERSION, SD_DUCKDB_VERSION, compiler);
  else
    fprintf(context->out, "streamduck %s (for DuckDB %s)\n", SD_VERSION, SD_DUCKDB_VERSION);
  return SD_EXIT_OK;
}

const sd_command sd_command_version = {
    .name = "version",
    .summary = "Print the version",
    .description =
        "Prints the program's version and the version of libduckdb that it works with. Loads nothing.",
    .options = {options},
    .run = run_version,
};
