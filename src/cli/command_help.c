/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* `streamduck help`: help, and the documents that are made from the tables. */
#include "cli/document.h"
#include "cli/help.h"

static const sd_option options[] = {
    {.flag = "env-example", .type = SD_OPTION_BOOLEAN, .text = "Prints a .env to fill in."},
    {.flag = "markdown",
     .type = SD_OPTION_BOOLEAN,
     .text = "Prints the reference of variables and commands."},
    {.flag = "man", .type = SD_OPTION_BOOLEAN, .text = "Prints the man page."},
    {.variable = NULL},
};

static const struct document {
  const char *flag;
  void (*print)(FILE *file);
} documents[] = {
    {"env-example", sd_document_env_example},
    {"markdown", sd_document_markdown},
    {"man", sd_document_man},
};

static sd_exit run_help(sd_command_context *context)
{
  for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
    if (sd_arguments_is_on(context->arguments, documents[i].flag)) {
      documents[i].print(context->out);
      return SD_EXIT_OK;
    }
  }
  const char *name = sd_arguments_operand(context->arguments, 0);
  if (!name) {
    sd_help_print_commands(context->out);
    return SD_EXIT_OK;
  }
  const sd_command *command = sd_command_find(name);
  if (!command)
    return sd_command_unknown(context, name);
  sd_help_print_command(command, context->out);
  return SD_EXIT_OK;
}

const sd_command sd_command_help = {
    .name = "help",
    .summary = "Show help",
    .description = "Without an argument the list of commands, else the help of one command.",
    .operands = "[COMMAND]",
    .operands_max = 1,
    .options = {options},
    .run = run_help,
};
