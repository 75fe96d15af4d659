/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Collecting the settings from where they may stand. */
#include "config/settings.h"

#include "base/alloc.h"
#include "config/env_file.h"
#include "config/unknown.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { SETTINGS_MAX = 8192 };

struct sd_settings {
  sd_setting *items;
  size_t count;
  size_t capacity;
  char *file;
  size_t from_file;
};

typedef struct loader {
  sd_settings *settings;
  sd_problems *problems;
  sd_scrubber *scrubber;
  const char *file;
  bool out_of_memory;
} loader;

const sd_option *sd_config_option(const char *variable)
{
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    if (strcmp(o->variable, variable) == 0)
      return o;
  }
  return NULL;
}

static const sd_option *match(const char *name, int *ret_number)
{
  for (const sd_option *o = sd_config_options; !sd_option_is_end(o); o++) {
    if (sd_option_match(o, name, ret_number))
      return o;
  }
  return NULL;
}

static sd_setting *find_slot(const sd_settings *settings, const sd_option *option, int number)
{
  for (size_t i = 0; i < settings->count; i++) {
    if (settings->items[i].option == option && settings->items[i].number == number)
      return &settings->items[i];
  }
  return NULL;
}

static char *copy_trimmed(const char *value)
{
  while (isspace((unsigned char)*value))
    value++;
  size_t len = strlen(value);
  while (len && isspace((unsigned char)value[len - 1]))
    len--;
  return sd_strndup(value, len);
}

static sd_setting *add_slot(loader *load)
{
  sd_settings *settings = load->settings;
  if (settings->count == settings->capacity) {
    size_t capacity = settings->capacity ? settings->capacity * 2 : 64;
    sd_setting *items =
        capacity <= SETTINGS_MAX ? sd_realloc(settings->items, capacity * sizeof *items) : NULL;
    if (!items) {
      load->out_of_memory = true;
      return NULL;
    }
    settings->items = items;
    settings->capacity = capacity;
  }
  return &settings->items[settings->count];
}

/* Takes a variable from one source unless a better one has it already. */
static void take(loader *load, sd_setting_origin origin, unsigned line, const char *name, const char *value)
{
  int number = 0;
  const sd_option *option = match(name, &number);
  if (!option) {
    sd_unknown_report(load->problems, origin, load->file, line, name);
    return;
  }
  sd_setting *known = find_slot(load->settings, option, number);
  if (known && known->origin != origin)
    return;
  char *text = copy_trimmed(value);
  if (!text) {
    load->out_of_memory = true;
    return;
  }
  if (known) {
    if (origin == SD_ORIGIN_FILE)
      sd_problems_add(load->problems, SD_PROBLEM_WARNING, name,
                      "%s stands twice in %s (lines %u and %u): line %u holds; remove the other", name,
                      load->file, known->line, line, line);
    sd_free(known->text);
    known->text = text;
    known->line = line;
    return;
  }
  sd_setting *slot = add_slot(load);
  if (!slot) {
    sd_free(text);
    return;
  }
  *slot = (sd_setting){.option = option, .number = number, .origin = origin, .line = line, .text = text};
  sd_bytes_to_text(sd_bytes_of(name), slot->name, sizeof slot->name);
  load->settings->count++;
}

static void on_entry(void *user, unsigned line, const char *name, const char *value)
{
  take(user, SD_ORIGIN_FILE, line, name, value);
}

static void on_problem(void *user, unsigned line, const char *message)
{
  loader *load = user;
  sd_problems_add(load->problems, SD_PROBLEM_ERROR, NULL, "%s, line %u: %s", load->file, line, message);
}

static void load_environment(loader *load, char *const *environment)
{
  for (; environment && *environment; environment++) {
    const char *equals = strchr(*environment, '=');
    char name[SD_OPTION_NAME_MAX];
    /* A longer name is none of ours. */
    if (equals &&
        sd_bytes_to_text(sd_bytes_make(*environment, (size_t)(equals - *environment)), name, sizeof name))
      take(load, SD_ORIGIN_ENVIRONMENT, 0, name, equals + 1);
  }
}

static void load_file(loader *load, bool is_optional)
{
  static const sd_env_handler handler = {.entry = on_entry, .problem = on_problem};
  sd_buf text;
  sd_error error;
  sd_buf_init(&text, SD_ENV_FILE_MAX);
  sd_status status = sd_env_read_file(load->file, &text, &error);
  if (status == SD_NOT_FOUND && is_optional)
    goto out;
  if (status == SD_NOMEM) {
    load->out_of_memory = true;
    goto out;
  }
  if (status != SD_OK) {
    sd_problems_add(load->problems, SD_PROBLEM_ERROR, NULL, "%s", error.message);
    goto out;
  }
  load->settings->file = sd_strdup(load->file);
  if (!load->settings->file || sd_env_parse(sd_buf_bytes(&text), &handler, load) != SD_OK)
    load->out_of_memory = true;
out:
  sd_buf_release(&text);
}

/* "<your-token>": what the examples have where a value belongs. */
static bool is_placeholder(const char *text)
{
  size_t len = strlen(text);
  return len >= 3 && text[0] == '<' && text[len - 1] == '>' && !strpbrk(text + 1, " \t") &&
         strchr(text, '>') == text + len - 1;
}

static void validate(loader *load, sd_setting *setting)
{
  const sd_option *option = setting->option;
  sd_error error;
  if (!setting->text[0])
    return;
  if (is_placeholder(setting->text)) {
    if (!(option->flags & (SD_OPTION_UNUSED | SD_OPTION_SWITCHED)))
      sd_problems_add(load->problems, SD_PROBLEM_ERROR, setting->name,
                      "%s still holds the placeholder of the example: put your value there or remove it",
                      setting->name);
    return;
  }
  if (option->type == SD_OPTION_SECRET && load->scrubber) {
    sd_status status = sd_scrubber_add(load->scrubber, setting->text);
    if (status == SD_NOMEM)
      load->out_of_memory = true;
  }
  if (sd_option_parse(option, setting->name, setting->text, &setting->value, &error) != SD_OK) {
    sd_problems_add(load->problems, SD_PROBLEM_ERROR, setting->name, "%s", error.message);
    return;
  }
  setting->valid = true;
  if (strstr(setting->text, "${") && setting->origin == SD_ORIGIN_FILE)
    sd_problems_add(load->problems, SD_PROBLEM_WARNING, setting->name,
                    "%s contains ${…}, which is taken as it stands: write the value itself", setting->name);
}

static int compare(const void *a, const void *b)
{
  const sd_setting *left = a, *right = b;
  if (left->option != right->option)
    return left->option < right->option ? -1 : 1;
  return (left->number > right->number) - (left->number < right->number);
}

sd_status sd_settings_load(const sd_settings_sources *sources, sd_scrubber *scrubber, sd_problems *problems,
                           sd_settings **ret_settings)
{
  sd_settings *settings = sd_calloc(1, sizeof *settings);
  if (!settings)
    return SD_NOMEM;
  loader load = {.settings = settings, .problems = problems, .scrubber = scrubber, .file = sources->file};
  for (size_t i = 0; i < sources->command_line_count; i++)
    take(&load, SD_ORIGIN_COMMAND_LINE, 0, sources->command_line[i].name, sources->command_line[i].value);
  load_environment(&load, sources->environment);
  if (sources->file)
    load_file(&load, sources->file_is_optional);
  if (settings->count)
    qsort(settings->items, settings->count, sizeof *settings->items, compare);
  for (size_t i = 0; i < settings->count; i++) {
    settings->from_file += settings->items[i].origin == SD_ORIGIN_FILE;
    validate(&load, &settings->items[i]);
  }
  if (load.out_of_memory) {
    sd_settings_free(settings);
    return SD_NOMEM;
  }
  *ret_settings = settings;
  return SD_OK;
}

void sd_settings_free(sd_settings *settings)
{
  if (!settings)
    return;
  for (size_t i = 0; i < settings->count; i++)
    sd_free(settings->items[i].text);
  sd_free(settings->items);
  sd_free(settings->file);
  sd_free(settings);
}

static const sd_option *require_option(const char *variable)
{
  const sd_option *option = sd_config_option(variable);
  if (!option)
    abort();
  return option;
}

const sd_setting *sd_settings_find_any(const sd_settings *settings, const char *variable, int number)
{
  return find_slot(settings, require_option(variable), number);
}

const sd_setting *sd_settings_find(const sd_settings *settings, const char *variable, int number)
{
  const sd_setting *setting = sd_settings_find_any(settings, variable, number);
  return setting && setting->valid ? setting : NULL;
}

const char *sd_settings_text(const sd_settings *settings, const char *variable, int number)
{
  const sd_setting *setting = sd_settings_find(settings, variable, number);
  return setting ? setting->text : require_option(variable)->default_value;
}

int64_t sd_settings_number(const sd_settings *settings, const char *variable, int number, int64_t fallback)
{
  const sd_setting *setting = sd_settings_find(settings, variable, number);
  if (setting)
    return setting->value.number;
  const sd_option *option = require_option(variable);
  sd_option_value value;
  if (!option->default_value ||
      sd_option_parse(option, variable, option->default_value, &value, NULL) != SD_OK)
    return fallback;
  return value.number;
}

size_t sd_settings_count(const sd_settings *settings)
{
  return settings->count;
}

const sd_setting *sd_settings_at(const sd_settings *settings, size_t index)
{
  return index < settings->count ? &settings->items[index] : NULL;
}

const char *sd_settings_file(const sd_settings *settings)
{
  return settings->file ? settings->file : "";
}

size_t sd_settings_from_file(const sd_settings *settings)
{
  return settings->from_file;
}
