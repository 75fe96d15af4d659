/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Help for the terminal. */
#include "cli/help.h"

enum { WIDTH = 100, OPTION_INDENT = 28, SYNOPSIS_MAX = 4096, TITLE_MAX = 512 };

const char sd_program_summary[] =
    "Events from Azure Event Hubs into DuckDB or MotherDuck tables, each exactly once.";

const sd_exit_row sd_exit_rows[] = {
    {SD_EXIT_OK, "done, or stopped in order by SIGINT or SIGTERM"},
    {SD_EXIT_CONFIG, "the configuration, or something that it names, is not good"},
    {SD_EXIT_USAGE, "the command line is not good"},
    {SD_EXIT_HALTED, "at least one mapping halted; the others ran on"},
    {SD_EXIT_ABORTED, "aborted by a second signal"},
    {SD_EXIT_OK, NULL},
};

static const sd_option help_option[] = {
    {.flag = "help", .letter = 'h', .type = SD_OPTION_BOOLEAN, .text = "Prints this help."},
    {.variable = NULL},
};

void sd_help_wrap(FILE *file, const char *text, unsigned indent, unsigned width)
{
  unsigned column = indent;
  bool at_start = true;
  while (*text) {
    if (*text == '\n') {
      fprintf(file, "\n%*s", (int)indent, "");
      column = indent;
      at_start = true;
      text++;
      continue;
    }
    size_t word = strcspn(text, " \n");
    if (!at_start && column + 1 + word > width) {
      fprintf(file, "\n%*s", (int)indent, "");
      column = indent;
      at_start = true;
    }
    fprintf(file, "%s%.*s", at_start ? "" : " ", (int)word, text);
    column += (unsigned)word + !at_start;
    at_start = false;
    text += word;
    while (*text == ' ')
      text++;
  }
  fputc('\n', file);
}

sd_status sd_help_option_title(const sd_option *option, sd_buf *out)
{
  if (option->letter)
    sd_buf_appendf(out, "-%c, ", option->letter);
  sd_buf_appendf(out, "--%s", option->flag);
  const char *value = sd_option_value_name(option);
  if (value[0])
    sd_buf_appendf(out, " %s", value);
  if (option->flags & SD_OPTION_REPEATED)
    sd_buf_append_text(out, " ...");
  return sd_buf_status(out);
}

sd_status sd_help_synopsis(const sd_command *command, sd_buf *out)
{
  for (size_t t = 0; t < SD_COMMAND_OPTION_TABLES_MAX && command->options[t]; t++) {
    for (const sd_option *o = command->options[t]; !sd_option_is_end(o); o++) {
      if (!o->flag)
        continue;
      bool needed = o->needed != NULL;
      const char *value = sd_option_value_name(o);
      sd_buf_appendf(out, "%s%s--%s%s%s%s%s", out->len ? " " : "", needed ? "" : "[", o->flag,
                     value[0] ? " " : "", value, o->flags & SD_OPTION_REPEATED ? " ..." : "",
                     needed ? "" : "]");
    }
  }
  if (command->operands)
    sd_buf_appendf(out, "%s%s", out->len ? " " : "", command->operands);
  return sd_buf_status(out);
}

static void print_option(const sd_option *option, FILE *file)
{
  sd_buf title, text;
  sd_buf_init(&title, TITLE_MAX);
  sd_buf_init(&text, SYNOPSIS_MAX);
  sd_help_option_title(option, &title);
  sd_buf_append_text(&text, option->text);
  bool described = option->type != SD_OPTION_TEXT && option->type != SD_OPTION_BOOLEAN &&
                   option->type != SD_OPTION_CHOICE && option->type != SD_OPTION_SECRET;
  if (described) {
    sd_buf_append_text(&text, " Value: ");
    sd_option_describe_type(option, &text);
    sd_buf_append_text(&text, ".");
  }
  if (option->default_text || option->default_value)
    sd_buf_appendf(&text, " Default: %s.",
                   option->default_text ? option->default_text : option->default_value);
  if (option->variable)
    sd_buf_appendf(&text, " Variable: %s.", option->variable);
  if (title.len + 4 > OPTION_INDENT)
    fprintf(file, "  %s\n%*s", sd_buf_text(&title), (int)OPTION_INDENT, "");
  else
    fprintf(file, "  %-*s", (int)OPTION_INDENT - 2, sd_buf_text(&title));
  sd_help_wrap(file, sd_buf_text(&text), OPTION_INDENT, WIDTH);
  sd_buf_release(&text);
  sd_buf_release(&title);
}

static void print_exit_codes(FILE *file)
{
  fputs("\nExit codes:\n", file);
  for (const sd_exit_row *row = sd_exit_rows; row->text; row++)
    fprintf(file, "  %d  %s\n", (int)row->code, row->text);
}

void sd_help_print_command(const sd_command *command, FILE *file)
{
  sd_buf synopsis;
  sd_buf_init(&synopsis, SYNOPSIS_MAX);
  sd_help_synopsis(command, &synopsis);
  int indent = fprintf(file, "Use: streamduck %s ", command->name);
  sd_help_wrap(file, sd_buf_text(&synopsis), indent > 0 ? (unsigned)indent : 0, WIDTH);
  sd_buf_release(&synopsis);
  fprintf(file, "\n%s.\n\n", command->summary);
  if (command->description) {
    sd_help_wrap(file, command->description, 0, WIDTH);
    fputc('\n', file);
  }
  fputs("Options:\n", file);
  const char *section = NULL;
  for (size_t t = 0; t < SD_COMMAND_OPTION_TABLES_MAX && command->options[t]; t++) {
    for (const sd_option *o = command->options[t]; !sd_option_is_end(o); o++) {
      if (!o->flag)
        continue;
      if (o->section && (!section || strcmp(section, o->section) != 0)) {
        section = o->section;
        fprintf(file, "\n%s:\n", section);
      }
      print_option(o, file);
    }
  }
  print_option(&help_option[0], file);
  print_exit_codes(file);
}

void sd_help_print_commands(FILE *file)
{
  fprintf(file, "Use: streamduck COMMAND [OPTION]...\n\n%s\n\nCommands:\n", sd_program_summary);
  for (size_t i = 0; sd_commands[i]; i++) {
    if (!sd_commands[i]->hidden)
      fprintf(file, "  %-20s %s\n", sd_commands[i]->name, sd_commands[i]->summary);
  }
  fputs(
      "\n`streamduck COMMAND --help` shows a command's options. Settings come from the environment and from "
      ".env;\n`streamduck help --env-example` prints a .env to fill in.\n",
      file);
  print_exit_codes(file);
}
