/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The man page. */
#include "cli/document.h"
#include "cli/help.h"
#include "config/settings.h"

enum { TEXT_MAX = 8192 };

/* Text for roff: '-' is a hyphen there, '\' an escape, and '.' or ''' at a line's beginning a request. */
static void put(FILE *file, const char *text)
{
  bool at_start = true;
  for (; *text; text++) {
    if (at_start && (*text == '.' || *text == '\''))
      fputs("\\&", file);
    if (*text == '-')
      fputs("\\-", file);
    else if (*text == '\\')
      fputs("\\e", file);
    else
      fputc(*text, file);
    at_start = *text == '\n';
  }
}

static void put_line(FILE *file, const char *text)
{
  put(file, text);
  fputc('\n', file);
}

static void put_paragraphs(FILE *file, const char *text)
{
  for (; *text; text++) {
    if (*text == '\n')
      fputs("\n.PP\n", file);
    else
      put(file, (const char[]){*text, '\0'});
  }
  fputc('\n', file);
}

static void put_details(FILE *file, const sd_option *option)
{
  sd_buf text;
  sd_buf_init(&text, TEXT_MAX);
  sd_buf_append_text(&text, option->text);
  if (option->needed)
    sd_buf_appendf(&text, " Needed %s.", option->needed);
  if (option->type != SD_OPTION_TEXT && option->type != SD_OPTION_SECRET &&
      (option->variable || option->min || option->max)) {
    sd_buf_append_text(&text, " Value: ");
    sd_option_describe_type(option, &text);
    sd_buf_append_text(&text, ".");
  }
  if (option->default_text || option->default_value)
    sd_buf_appendf(&text, " Default: %s.",
                   option->default_text ? option->default_text : option->default_value);
  put_line(file, sd_buf_text(&text));
  sd_buf_release(&text);
}

static void put_command(FILE *file, const sd_command *command)
{
  fprintf(file, ".SS ");
  put(file, command->name);
  fprintf(file, "%s%s\n", command->operands ? " " : "", command->operands ? command->operands : "");
  put(file, command->summary);
  fputs(".\n.PP\n", file);
  if (command->description)
    put_paragraphs(file, command->description);
  for (size_t t = 0; t < SD_COMMAND_OPTION_TABLES_MAX && command->options[t]; t++) {
    if (command->options[t] == sd_config_options)
      continue;
    for (const sd_option *o = command->options[t]; !sd_option_is_end(o); o++) {
      sd_buf title;
      if (!o->flag)
        continue;
      sd_buf_init(&title, TEXT_MAX);
      sd_help_option_title(o, &title);
      fputs(".TP\n.B ", file);
      put_line(file, sd_buf_text(&title));
      put_details(file, o);
      sd_buf_release(&title);
    }
  }
}

static void put_environment(FILE *file)
{
  const char *section = NULL;
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    if (!section || strcmp(section, o->section) != 0) {
      section = o->section;
      fputs(".SS ", file);
      put_line(file, section);
    }
    fputs(".TP\n.B ", file);
    put(file, o->variable);
    if (o->flag) {
      fputs(", \\-\\-", file);
      put(file, o->flag);
    }
    fputc('\n', file);
    put_details(file, o);
  }
}

void sd_document_man(FILE *file)
{
  fputs(".\\\" Generated from the tables of the program by tools/generate-docs; change those instead.\n",
        file);
  fprintf(file, ".TH STREAMDUCK 1 \"\" \"streamduck %s\" \"User Commands\"\n", SD_VERSION);
  fputs(".SH NAME\nstreamduck \\- events from Azure Event Hubs into DuckDB or MotherDuck, each exactly once\n"
        ".SH SYNOPSIS\n.B streamduck\n.I COMMAND\n[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n",
        file);
  put_line(file, sd_program_summary);
  fputs("Settings are variables, taken from the command line, the environment and a file .env, in this "
        "order; {N} in\n"
        "their names is the number of a mapping.\n.SH COMMANDS\nEach command prints its options with\n"
        ".BR \\-\\-help .\nThe options that stand beside variables below are taken by all commands that read "
        "the\n"
        "configuration.\n",
        file);
  for (size_t i = 0; sd_commands[i]; i++) {
    if (!sd_commands[i]->hidden)
      put_command(file, sd_commands[i]);
  }
  fputs(".SH ENVIRONMENT\n", file);
  put_environment(file);
  fputs(".SH FILES\n.TP\n.B .env\nSettings, read from the working folder.\n.TP\n"
        ".B ~/.local/state/streamduck\nSockets of running instances.\n.SH EXIT STATUS\n",
        file);
  for (const sd_exit_row *row = sd_exit_rows; row->text; row++) {
    fprintf(file, ".TP\n.B %d\n", (int)row->code);
    put_line(file, row->text);
  }
}
