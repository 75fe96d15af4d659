/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Help for the terminal, made from the tables. */
#ifndef SD_CLI_HELP_H
#define SD_CLI_HELP_H

#include "cli/command.h"

/* What the program is, its commands, exit codes. */
void sd_help_print_commands(FILE *file);
/* Use, options and exit codes of one command. */
void sd_help_print_command(const sd_command *command, FILE *file);

typedef struct sd_exit_row {
  sd_exit code;
  const char *text;
} sd_exit_row;
/* Ends with a row without text. */
extern const sd_exit_row sd_exit_rows[];

/* One sentence on what the program does. */
extern const char sd_program_summary[];

/* "[--dry-run] [--env-file FILE]": the options' part of a synopsis, into out. */
sd_status sd_help_synopsis(const sd_command *command, sd_buf *out);
/* "-e, --env-file FILE" */
sd_status sd_help_option_title(const sd_option *option, sd_buf *out);
/* Breaks text into lines of at most `width` columns, `indent` spaces before each line but the first. */
void sd_help_wrap(FILE *file, const char *text, unsigned indent, unsigned width);

#endif
