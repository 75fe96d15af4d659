/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The reference in Markdown and .env.example. */
#include "cli/document.h"

#include "cli/help.h"
#include "config/settings.h"

enum { TEXT_MAX = 8192, ENV_WIDTH = 100 };

/* A text for a Markdown table: '|' would end the cell, '<' and '{' are shown as they are. */
static void put_cell(FILE *file, const char *text)
{
  for (; *text; text++) {
    if (*text == '|')
      fputc('\\', file);
    if (*text == '<')
      fputs("&lt;", file);
    else
      fputc(*text, file);
  }
}

static void put_type(FILE *file, const sd_option *option)
{
  sd_buf text;
  sd_buf_init(&text, TEXT_MAX);
  sd_option_describe_type(option, &text);
  put_cell(file, sd_buf_text(&text));
  sd_buf_release(&text);
}

static void put_default(FILE *file, const sd_option *option)
{
  if (option->default_text)
    put_cell(file, option->default_text);
  else if (option->default_value)
    fprintf(file, "`%s`", option->default_value);
  else
    fputs("none", file);
}

static void put_variables(FILE *file)
{
  const char *section = NULL;
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    if (!section || strcmp(section, o->section) != 0) {
      section = o->section;
      fprintf(file, "\n### %s\n\n| variable | value | default | meaning |\n|---|---|---|---|\n", section);
    }
    fprintf(file, "| `%s`", o->variable);
    if (o->flag)
      fprintf(file, ", `--%s`", o->flag);
    fputs(" | ", file);
    put_type(file, o);
    fputs(" | ", file);
    put_default(file, o);
    fputs(" | ", file);
    put_cell(file, o->text);
    if (o->needed) {
      fputs(" Needed ", file);
      put_cell(file, o->needed);
      fputc('.', file);
    }
    fputs(" |\n", file);
  }
}

static void put_options(FILE *file, const sd_command *command)
{
  bool any = false;
  for (size_t t = 0; t < SD_COMMAND_OPTION_TABLES_MAX && command->options[t]; t++) {
    if (command->options[t] == sd_config_options)
      continue;
    for (const sd_option *o = command->options[t]; !sd_option_is_end(o); o++) {
      sd_buf title;
      if (!o->flag)
        continue;
      if (!any)
        fputs("\n| option | value | default | meaning |\n|---|---|---|---|\n", file);
      any = true;
      sd_buf_init(&title, TEXT_MAX);
      sd_help_option_title(o, &title);
      fputs("| `", file);
      put_cell(file, sd_buf_text(&title));
      fputs("` | ", file);
      if (o->type != SD_OPTION_BOOLEAN)
        put_type(file, o);
      fputs(" | ", file);
      if (o->type != SD_OPTION_BOOLEAN)
        put_default(file, o);
      fputs(" | ", file);
      put_cell(file, o->text);
      fputs(" |\n", file);
      sd_buf_release(&title);
    }
  }
}

static bool has_table(const sd_command *command, const sd_option *table)
{
  for (size_t t = 0; t < SD_COMMAND_OPTION_TABLES_MAX && command->options[t]; t++) {
    if (command->options[t] == table)
      return true;
  }
  return false;
}

static void put_commands(FILE *file)
{
  for (size_t i = 0; sd_commands[i]; i++) {
    const sd_command *command = sd_commands[i];
    if (command->hidden)
      continue;
    fprintf(file, "\n### streamduck %s%s%s\n\n%s.", command->name, command->operands ? " " : "",
            command->operands ? command->operands : "", command->summary);
    if (command->description) {
      fputc(' ', file);
      for (const char *p = command->description; *p; p++)
        fputs(*p == '\n' ? "\n\n" : (const char[]){*p, '\0'}, file);
    }
    fputc('\n', file);
    put_options(file, command);
    if (has_table(command, sd_config_options))
      fputs("\nAlso takes the options that stand beside variables above.\n", file);
  }
}

void sd_document_markdown(FILE *file)
{
  fputs("<!-- Generated from the tables of the program by tools/generate-docs; change those instead. -->\n"
        "# Configuration and commands\n\n"
        "Settings are variables. A variable is taken from the first of these that has it: the command line "
        "(its option, "
        "or `--set NAME=VALUE`), the environment, the file `.env` in the working folder (or the one that "
        "`--env-file` "
        "names instead). `{N}` is a number: `EVENTHUBNAME_1` goes to `MOTHERDUCK_1_…`.\n\n"
        "`.env` has lines `NAME=VALUE`, with or without `export`; `#` begins a comment; a value may stand "
        "between "
        "single or double quotes. Nothing in it is evaluated. An empty value counts as not set. A variable "
        "in the "
        "file that looks like one of these and is none is an error, in the environment a warning.\n\n"
        "`streamduck validate-config` lists everything that is wrong; `streamduck help --env-example` prints "
        "a file to "
        "fill in. A secret is printed as `***`.\n\n"
        "## Variables\n",
        file);
  put_variables(file);
  fputs("\n## Commands\n\nEach command prints its options with `--help`.\n", file);
  put_commands(file);
  fputs("\n## Exit codes\n\n| code | meaning |\n|---|---|\n", file);
  for (const sd_exit_row *row = sd_exit_rows; row->text; row++)
    fprintf(file, "| %d | %s |\n", (int)row->code, row->text);
}

/* --- .env.example
 * -------------------------------------------------------------------------------------------- */

static void put_comment(FILE *file, const char *text)
{
  size_t column = 0;
  while (*text) {
    size_t word = strcspn(text, " ");
    if (column == 0) {
      fputs("#", file);
      column = 1;
    } else if (column + 1 + word > ENV_WIDTH) {
      fputs("\n#", file);
      column = 1;
    }
    fprintf(file, " %.*s", (int)word, text);
    column += 1 + word;
    text += word;
    while (*text == ' ')
      text++;
  }
  fputc('\n', file);
}

static void put_example(FILE *file, const sd_option *option)
{
  char name[SD_OPTION_NAME_MAX];
  const char *value = option->example ? option->example : option->default_value ? option->default_value : "";
  sd_buf text;
  if (!sd_option_name(option, 1, name, sizeof name))
    return;
  sd_buf_init(&text, TEXT_MAX);
  sd_buf_append_text(&text, option->text);
  if (option->needed)
    sd_buf_appendf(&text, " Needed %s.", option->needed);
  else if (option->default_text)
    sd_buf_appendf(&text, " Default: %s.", option->default_text);
  put_comment(file, sd_buf_text(&text));
  sd_buf_release(&text);
  fprintf(file, "%s%s=%s\n", option->flags & SD_OPTION_TO_FILL ? "" : "#", name, value);
}

void sd_document_env_example(FILE *file)
{
  fputs("# Settings of streamduck. Copy this file to .env, fill in the lines that are not comments, and run\n"
        "# `streamduck validate-config`. Everything else has a default; remove the # in front of a name to "
        "change it.\n"
        "# For a second mapping repeat the names with 2. docs/configuration.md describes all of them.\n"
        "# Generated from the tables of the program by tools/generate-docs; change those instead.\n",
        file);
  const char *section = NULL;
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    if (!section || strcmp(section, o->section) != 0) {
      section = o->section;
      fprintf(file, "\n# --- %s ---\n", section);
    }
    fputc('\n', file);
    put_example(file, o);
  }
}
