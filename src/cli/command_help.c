/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck help`: help, and the documents that are made from the tables. */
#include "cli/help.h"

static sd_exit run_help(sd_command_context *context)
{
  const char *name = sd_arguments_operand(context->arguments, 0);
  if (!name) {
    sd_help_print_commands(context->out);
    return SD_EXIT_OK;
  }
  const sd_command *command = sd_command_find(name);
  if (!command)
    return sd_command_fail(context, SD_EXIT_USAGE,
                           "there is no command \"%s\"; `streamduck help` lists the commands", name);
  sd_help_print_command(command, context->out);
  return SD_EXIT_OK;
}

const sd_command sd_command_help = {
    .name = "help",
    .summary = "Show help",
    .description = "Without an argument the list of commands, else the help of one command.",
    .operands = "[COMMAND]",
    .operands_max = 1,
    .run = run_help,
};
