/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Parsing of a command line by a command's tables; reading is declared in command.h. */
#ifndef SD_CLI_ARGUMENTS_H
#define SD_CLI_ARGUMENTS_H

#include "cli/command.h"

typedef struct sd_argument {
  const sd_option *option; /* NULL: positional */
  const char *text;        /* of argv or the row; "true" for a boolean flag */
  sd_option_value value;
} sd_argument;

struct sd_arguments {
  const sd_command *command;
  sd_argument items[SD_ARGUMENTS_MAX];
  size_t count;
  bool help; /* --help or -h was given; the rest was not looked at */
};

/* argv[first …] is what follows the command's name; the texts are borrowed. SD_INVALID with a message that
 * names the word and the nearest known option. Understands --flag VALUE, --flag=VALUE, -fVALUE, -f VALUE,
 * --no-flag for booleans, and `--`. */
SD_MUST_CHECK sd_status sd_arguments_parse(sd_arguments *arguments, const sd_command *command, int argc,
                                           char **argv, int first, sd_error *error);

#endif
