/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The command tree as data. A command is a row: its name, words for people, its tables of options and a
 * function. Parsing, `--help`, the man page and the reference are made from the rows.
 *
 * To add a command: write `command_<name>.c` with a `const sd_command sd_command_<name>`, declare it below,
 * add its pointer to `sd_commands` in command_list.c and the file to meson.build. The man page and the
 * reference that are kept in the tree come from the rows: run `tools/generate-docs` afterwards.
 *
 * The function gets its options parsed and checked already; it prints results to context->out, everything
 * else through sd_command_print_error and sd_command_fail (which take secrets out), and returns an sd_exit.
 */
#ifndef SD_CLI_COMMAND_H
#define SD_CLI_COMMAND_H

#include "base/option.h"
#include "base/scrub.h"

#include <stdio.h>

/* What the program returns. */
typedef enum sd_exit {
  SD_EXIT_OK = 0,
  SD_EXIT_CONFIG = 1,  /* the configuration, or what it names, is not good */
  SD_EXIT_USAGE = 2,   /* the command line */
  SD_EXIT_HALTED = 3,  /* at least one mapping halted */
  SD_EXIT_ABORTED = 4, /* a second signal */
} sd_exit;

enum {
  SD_COMMAND_OPTION_TABLES_MAX = 6,
  SD_ARGUMENTS_MAX = 256 /* values of options and positional arguments of one call */
};

typedef struct sd_command sd_command;
typedef struct sd_arguments sd_arguments;

typedef struct sd_command_context {
  const sd_command *command;
  const sd_arguments *arguments;
  const char *program; /* path by which the program was called */
  FILE *out;
  FILE *err;
  sd_scrubber *scrubber; /* every secret that becomes known is registered here */
} sd_command_context;

struct sd_command {
  const char *name;
  const char *summary;     /* one line, no full stop */
  const char *description; /* paragraphs, a line break between them */
  const char *operands;    /* "[COMMAND]": positional arguments in the synopsis; NULL: none are allowed */
  int operands_max;
  bool hidden; /* not in the list of commands */
  /* The command's options, besides --help that each has. Ends with NULL or at the maximum. */
  const sd_option *options[SD_COMMAND_OPTION_TABLES_MAX];
  sd_exit (*run)(sd_command_context *context);
};

extern const sd_command sd_command_run;
extern const sd_command sd_command_validate_config;
extern const sd_command sd_command_check_credentials;
extern const sd_command sd_command_status;
extern const sd_command sd_command_monitor;
extern const sd_command sd_command_import_checkpoints;
extern const sd_command sd_command_demo;
extern const sd_command sd_command_demo_send; /* hidden: started by demo */
extern const sd_command sd_command_emulator;
extern const sd_command sd_command_version;
extern const sd_command sd_command_help;

/* All commands in the order of help; ends with NULL. */
extern const sd_command *const sd_commands[];

/* NULL when there is none. */
const sd_command *sd_command_find(const char *name);
/* The command whose name is nearest to a misspelt one, NULL when none is near. */
const sd_command *sd_command_nearest(const char *name);

/* The whole program: finds the command, parses, runs. Returns the exit code. */
int sd_cli_main(int argc, char **argv, FILE *out, FILE *err);

/* What the command line gave. `flag` is a row's flag without dashes; asking for one that the command does not
 * have is a mistake in the program and aborts. */
bool sd_arguments_given(const sd_arguments *arguments, const char *flag);
/* The last value given, else the row's default, else NULL. For every type that takes a value. */
const char *sd_arguments_text(const sd_arguments *arguments, const char *flag);
/* As above, typed; number is 0 and text NULL without value and default. */
sd_option_value sd_arguments_value(const sd_arguments *arguments, const char *flag);
bool sd_arguments_is_on(const sd_arguments *arguments, const char *flag); /* SD_OPTION_BOOLEAN */
/* Of an SD_OPTION_REPEATED option. */
size_t sd_arguments_count(const sd_arguments *arguments, const char *flag);
const char *sd_arguments_nth(const sd_arguments *arguments, const char *flag, size_t index);
/* Positional arguments. */
size_t sd_arguments_operands(const sd_arguments *arguments);
const char *sd_arguments_operand(const sd_arguments *arguments, size_t index);

/* Prints "streamduck: <message>" to context->err without secrets. */
void sd_command_print_error(const sd_command_context *context, const char *format, ...) SD_PRINTF(2, 3);
/* The same and returns code, so that `return sd_command_fail(context, SD_EXIT_CONFIG, "…")` ends a command.
 */
sd_exit sd_command_fail(const sd_command_context *context, sd_exit code, const char *format, ...)
    SD_PRINTF(3, 4);

/* Says that there is no such command and which is near; SD_EXIT_USAGE. */
sd_exit sd_command_unknown(const sd_command_context *context, const char *name);

/* Output for people: colours only where the file is a terminal and NO_COLOR is not set. */
bool sd_terminal_is(FILE *file);
bool sd_terminal_has_colour(FILE *file);

#endif
