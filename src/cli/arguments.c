/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The command line of one command. */
#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>

/* Calls for each row of the command's tables until one matches. */
typedef bool matcher(const sd_option *option, const void *wanted);

static const sd_option *search(const sd_command *command, matcher *matches, const void *wanted)
{
  for (size_t t = 0; t < SD_COMMAND_OPTION_TABLES_MAX && command->options[t]; t++) {
    for (const sd_option *o = command->options[t]; !sd_option_is_end(o); o++) {
      if (o->flag && matches(o, wanted))
        return o;
    }
  }
  return NULL;
}

static bool matches_flag(const sd_option *option, const void *wanted)
{
  return sd_bytes_equal_text(*(const sd_bytes *)wanted, option->flag);
}

static bool matches_letter(const sd_option *option, const void *wanted)
{
  return option->letter && option->letter == *(const char *)wanted;
}

static const sd_option *find_flag(const sd_command *command, sd_bytes name)
{
  return search(command, matches_flag, &name);
}

static sd_status unknown_flag(const sd_command *command, sd_bytes name, sd_error *error)
{
  char text[SD_OPTION_NAME_MAX];
  sd_bytes_to_text(name, text, sizeof text);
  const sd_option *best = NULL;
  unsigned best_distance = UINT32_MAX;
  for (size_t t = 0; t < SD_COMMAND_OPTION_TABLES_MAX && command->options[t]; t++) {
    for (const sd_option *o = command->options[t]; !sd_option_is_end(o); o++) {
      unsigned distance = o->flag ? sd_option_distance(text, o->flag) : UINT32_MAX;
      if (distance < best_distance) {
        best = o;
        best_distance = distance;
      }
    }
  }
  if (best && sd_option_is_near(best_distance, text))
    return sd_error_set(error, SD_INVALID, "%s has no option --%s; did you mean --%s?", command->name, text,
                        best->flag);
  return sd_error_set(error, SD_INVALID, "%s has no option --%s; `streamduck %s --help` lists them",
                      command->name, text, command->name);
}

static sd_status add(sd_arguments *arguments, const sd_option *option, const char *text, sd_error *error)
{
  if (arguments->count == SD_ARGUMENTS_MAX)
    return sd_error_set(error, SD_LIMIT, "more than %d arguments", (int)SD_ARGUMENTS_MAX);
  sd_argument item = {.option = option, .text = text};
  if (option) {
    char name[SD_OPTION_NAME_MAX];
    snprintf(name, sizeof name, "--%s", option->flag);
    sd_status status = sd_option_parse(option, name, text, &item.value, error);
    if (status != SD_OK)
      return SD_INVALID;
  }
  arguments->items[arguments->count++] = item;
  return SD_OK;
}

typedef struct cursor {
  int argc;
  char **argv;
  int next;
} cursor;

/* The values of an option whose flag has just been read; attached is what stood behind '=' or the letter. */
static sd_status take_values(sd_arguments *arguments, const sd_option *option, const char *attached,
                             cursor *at, sd_error *error)
{
  if (option->type == SD_OPTION_BOOLEAN)
    return add(arguments, option, attached ? attached : "true", error);
  if (attached)
    return add(arguments, option, attached, error);
  if (at->next >= at->argc)
    return sd_error_set(error, SD_INVALID, "--%s needs a value: --%s %s", option->flag, option->flag,
                        sd_option_value_name(option));
  sd_status status = add(arguments, option, at->argv[at->next++], error);
  bool more = (option->flags & SD_OPTION_REPEATED) && !arguments->command->operands;
  while (status == SD_OK && more && at->next < at->argc && at->argv[at->next][0] != '-')
    status = add(arguments, option, at->argv[at->next++], error);
  return status;
}

static sd_status parse_long(sd_arguments *arguments, const char *word, cursor *at, sd_error *error)
{
  const char *equals = strchr(word, '=');
  sd_bytes name = sd_bytes_make(word, equals ? (size_t)(equals - word) : strlen(word));
  const sd_option *option = find_flag(arguments->command, name);
  if (!option && !equals && strncmp(word, "no-", 3) == 0) {
    option = find_flag(arguments->command, sd_bytes_of(word + 3));
    if (option && option->type == SD_OPTION_BOOLEAN)
      return add(arguments, option, "false", error);
    option = NULL;
  }
  if (!option)
    return unknown_flag(arguments->command, name, error);
  return take_values(arguments, option, equals ? equals + 1 : NULL, at, error);
}

static sd_status parse_letters(sd_arguments *arguments, const char *word, cursor *at, sd_error *error)
{
  for (const char *p = word; *p; p++) {
    const sd_option *option = search(arguments->command, matches_letter, p);
    if (!option)
      return sd_error_set(error, SD_INVALID, "%s has no option -%c; `streamduck %s --help` lists them",
                          arguments->command->name, *p, arguments->command->name);
    if (option->type != SD_OPTION_BOOLEAN)
      return take_values(arguments, option, p[1] ? p + 1 : NULL, at, error);
    sd_status status = add(arguments, option, "true", error);
    if (status != SD_OK)
      return status;
  }
  return SD_OK;
}

static sd_status add_operand(sd_arguments *arguments, const char *word, sd_error *error)
{
  const sd_command *command = arguments->command;
  if (!command->operands)
    return sd_error_set(error, SD_INVALID,
                        "%s takes no argument \"%s\"; `streamduck %s --help` shows its use", command->name,
                        word, command->name);
  if (sd_arguments_operands(arguments) >= (size_t)command->operands_max)
    return sd_error_set(error, SD_INVALID, "%s takes at most %d argument%s: %s", command->name,
                        command->operands_max, command->operands_max == 1 ? "" : "s", command->operands);
  return add(arguments, NULL, word, error);
}

sd_status sd_arguments_parse(sd_arguments *arguments, const sd_command *command, int argc, char **argv,
                             int first, sd_error *error)
{
  arguments->command = command;
  arguments->count = 0;
  arguments->help = false;
  /* Help is given whatever else stands on the line. */
  for (int i = first; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      arguments->help = true;
      return SD_OK;
    }
  }
  cursor at = {.argc = argc, .argv = argv, .next = first};
  bool options_ended = false;
  while (at.next < argc) {
    const char *word = argv[at.next++];
    sd_status status;
    if (options_ended || word[0] != '-' || !word[1])
      status = add_operand(arguments, word, error);
    else if (strcmp(word, "--") == 0) {
      options_ended = true;
      continue;
    } else if (word[1] == '-')
      status = parse_long(arguments, word + 2, &at, error);
    else
      status = parse_letters(arguments, word + 1, &at, error);
    if (status != SD_OK)
      return status;
  }
  return SD_OK;
}

static const sd_option *require_flag(const sd_arguments *arguments, const char *flag)
{
  const sd_option *option = find_flag(arguments->command, sd_bytes_of(flag));
  if (!option)
    abort();
  return option;
}

static const sd_argument *last_of(const sd_arguments *arguments, const sd_option *option)
{
  for (size_t i = arguments->count; i > 0; i--) {
    if (arguments->items[i - 1].option == option)
      return &arguments->items[i - 1];
  }
  return NULL;
}

bool sd_arguments_given(const sd_arguments *arguments, const char *flag)
{
  return last_of(arguments, require_flag(arguments, flag)) != NULL;
}

const char *sd_arguments_text(const sd_arguments *arguments, const char *flag)
{
  const sd_option *option = require_flag(arguments, flag);
  const sd_argument *item = last_of(arguments, option);
  return item ? item->text : option->default_value;
}

sd_option_value sd_arguments_value(const sd_arguments *arguments, const char *flag)
{
  const sd_option *option = require_flag(arguments, flag);
  const sd_argument *item = last_of(arguments, option);
  sd_option_value value = {.text = NULL};
  if (item)
    return item->value;
  if (option->default_value && sd_option_parse(option, flag, option->default_value, &value, NULL) != SD_OK)
    abort();
  return value;
}

bool sd_arguments_is_on(const sd_arguments *arguments, const char *flag)
{
  return sd_arguments_value(arguments, flag).number != 0;
}

size_t sd_arguments_count(const sd_arguments *arguments, const char *flag)
{
  const sd_option *option = require_flag(arguments, flag);
  size_t count = 0;
  for (size_t i = 0; i < arguments->count; i++)
    count += arguments->items[i].option == option;
  return count;
}

/* The index-th item of the option (NULL: positional). */
static const char *nth(const sd_arguments *arguments, const sd_option *option, size_t index)
{
  for (size_t i = 0; i < arguments->count; i++) {
    if (arguments->items[i].option == option && index-- == 0)
      return arguments->items[i].text;
  }
  return NULL;
}

const char *sd_arguments_nth(const sd_arguments *arguments, const char *flag, size_t index)
{
  return nth(arguments, require_flag(arguments, flag), index);
}

size_t sd_arguments_operands(const sd_arguments *arguments)
{
  size_t count = 0;
  for (size_t i = 0; i < arguments->count; i++)
    count += arguments->items[i].option == NULL;
  return count;
}

const char *sd_arguments_operand(const sd_arguments *arguments, size_t index)
{
  return nth(arguments, NULL, index);
}
