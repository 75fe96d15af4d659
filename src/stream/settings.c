/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The caller's options, checked and copied. */
#include "stream/settings.h"

#include "base/alloc.h"
#include "batch/sink.h"
#include "stream/database.h"
#include "stream/memory.h"

#include <stdalign.h>
#include <strings.h>

enum { SETTINGS_BLOCK = 16 * 1024 };

/* The members up to here were in the first version of the struct. */
#define MAPPING_SIZE_MIN (offsetof(sd_stream_mapping, batch_timeout_ms) + sizeof(uint32_t))
#define OPTIONS_SIZE_MIN (offsetof(sd_stream_options, log_user) + sizeof(void *))

static bool is_empty(const char *text)
{
  return !text || text[0] == '\0';
}

static sd_status need(const sd_stream_mapping *mapping, const char *option, const char *value,
                      sd_error *error)
{
  if (is_empty(value))
    return sd_error_set(error, SD_CONFIG, "mapping %d: %s is missing", mapping->number, option);
  if (strlen(value) >= SD_SINK_NAME_MAX)
    return sd_error_set(error, SD_CONFIG, "mapping %d: %s is longer than %d bytes", mapping->number, option,
                        SD_SINK_NAME_MAX - 1);
  return SD_OK;
}

static sd_status check_names(const sd_stream_mapping *mapping, sd_error *error)
{
  const struct {
    const char *option;
    const char *value;
  } names[] = {
      {"host", mapping->host},     {"hub", mapping->hub},
      {"schema", mapping->schema}, {"consumer_group", mapping->consumer_group},
      {"table", mapping->table},
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    sd_status status = need(mapping, names[i].option, names[i].value, error);
    if (status != SD_OK)
      return status;
  }
  if (is_empty(mapping->database))
    return sd_error_set(error, SD_CONFIG, "mapping %d: database is missing", mapping->number);
  return SD_OK;
}

static sd_status check_mapping(const sd_stream_mapping *mapping, sd_error *error)
{
  sd_status status = check_names(mapping, error);
  if (status != SD_OK)
    return status;
  if (is_empty(mapping->sas_token) && (is_empty(mapping->sas_key_name) || is_empty(mapping->sas_key)))
    return sd_error_set(
        error, SD_CONFIG,
        "mapping %d: sas_key_name and sas_key, or sas_token, are missing: signing in without a "
        "connection string is not possible",
        mapping->number);
  if (mapping->motherduck && is_empty(mapping->motherduck_token))
    return sd_error_set(error, SD_CONFIG, "mapping %d: motherduck_token is missing for database %s",
                        mapping->number, mapping->database);
  if ((int)mapping->start < SD_START_EARLIEST || (int)mapping->start > SD_START_OFFSET)
    return sd_error_set(error, SD_CONFIG, "mapping %d: start %d is unknown", mapping->number,
                        (int)mapping->start);
  if (mapping->start == SD_START_OFFSET && is_empty(mapping->start_offset))
    return sd_error_set(error, SD_CONFIG, "mapping %d: start_offset is missing", mapping->number);
  return SD_OK;
}

/* Two such mappings on one database would take each event away from one another. */
static bool collide(const sd_stream_mapping *a, const sd_stream_mapping *b)
{
  return strcasecmp(a->host, b->host) == 0 && strcasecmp(a->hub, b->hub) == 0 &&
         strcasecmp(a->consumer_group, b->consumer_group) == 0 && strcasecmp(a->schema, b->schema) == 0 &&
         strcasecmp(a->table, b->table) == 0;
}

static sd_status group_databases(sd_settings *settings, sd_error *error)
{
  size_t count = settings->mapping_count;
  settings->database_of = sd_arena_alloc(&settings->arena, count * sizeof(size_t), alignof(size_t));
  const char **keys = sd_arena_alloc(&settings->arena, count * sizeof(char *), alignof(char *));
  if (!settings->database_of || !keys)
    return sd_error_set(error, SD_NOMEM, "no memory for the options");
  for (size_t i = 0; i < count; i++) {
    char *key = sd_database_key(&settings->mappings[i]);
    keys[i] = key ? sd_arena_copy(&settings->arena, key, strlen(key)) : NULL;
    sd_free(key);
    if (!keys[i])
      return sd_error_set(error, SD_NOMEM, "no memory for the options");
    size_t first = 0;
    while (strcmp(keys[first], keys[i]) != 0)
      first++;
    settings->database_of[i] = first;
  }
  return SD_OK;
}

static sd_status check_pairs(const sd_settings *settings, sd_error *error)
{
  for (size_t i = 0; i < settings->mapping_count; i++) {
    for (size_t j = 0; j < i; j++) {
      const sd_stream_mapping *a = &settings->mappings[j];
      const sd_stream_mapping *b = &settings->mappings[i];
      if (a->number == b->number)
        return sd_error_set(error, SD_CONFIG, "two mappings have the number %d", a->number);
      if (settings->database_of[i] == settings->database_of[j] && collide(a, b))
        return sd_error_set(
            error, SD_CONFIG,
            "mappings %d and %d read hub %s with consumer group %s into the same table %s.%s.%s", a->number,
            b->number, a->hub, a->consumer_group, a->database, a->schema, a->table);
    }
  }
  return SD_OK;
}

static bool copy_text(sd_settings *settings, const char **text)
{
  if (is_empty(*text)) {
    *text = NULL;
    return true;
  }
  *text = sd_arena_copy(&settings->arena, *text, strlen(*text));
  return *text != NULL;
}

static bool copy_texts(sd_settings *settings, sd_stream_mapping *mapping)
{
  const char **texts[] = {
      &mapping->host,          &mapping->ca_file,      &mapping->hub,
      &mapping->sas_key_name,  &mapping->sas_key,      &mapping->sas_token,
      &mapping->start_offset,  &mapping->database,     &mapping->motherduck_token,
      &mapping->schema,        &mapping->table,        &mapping->legacy_database,
      &mapping->legacy_schema, &mapping->legacy_table, &mapping->consumer_group,
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (!copy_text(settings, texts[i]))
      return false;
  }
  return true;
}

static void fill_in(sd_stream_mapping *mapping)
{
  if (mapping->batch_rows == 0)
    mapping->batch_rows = SD_SETTINGS_BATCH_ROWS;
  if (mapping->batch_bytes == 0)
    mapping->batch_bytes = SD_SETTINGS_BATCH_BYTES;
  if (mapping->batch_timeout_ms == 0)
    mapping->batch_timeout_ms =
        mapping->motherduck ? SD_SETTINGS_TIMEOUT_SHARED_MS : SD_SETTINGS_TIMEOUT_LOCAL_MS;
}

/* The caller's structs may be those of an older or a newer header: struct_size tells. */
static sd_status copy_mappings(sd_settings *settings, const sd_stream_options *options, sd_error *error)
{
  size_t stride = options->mappings->struct_size;
  if (stride < MAPPING_SIZE_MIN)
    return sd_error_set(error, SD_CONFIG, "struct_size of the first mapping is %zu, not %zu", stride,
                        sizeof(sd_stream_mapping));
  size_t known = stride < sizeof(sd_stream_mapping) ? stride : sizeof(sd_stream_mapping);
  settings->mappings = sd_arena_alloc(&settings->arena, options->mapping_count * sizeof *settings->mappings,
                                      alignof(sd_stream_mapping));
  if (!settings->mappings)
    return sd_error_set(error, SD_NOMEM, "no memory for %zu mappings", options->mapping_count);
  memset(settings->mappings, 0, options->mapping_count * sizeof *settings->mappings);
  for (size_t i = 0; i < options->mapping_count; i++) {
    sd_stream_mapping *mapping = &settings->mappings[i];
    memcpy(mapping, (const uint8_t *)options->mappings + i * stride, known);
    if (mapping->struct_size != stride)
      return sd_error_set(error, SD_CONFIG, "struct_size differs between mappings");
    mapping->struct_size = sizeof *mapping;
    sd_status status = check_mapping(mapping, error);
    if (status != SD_OK)
      return status;
    if (!copy_texts(settings, mapping))
      return sd_error_set(error, SD_NOMEM, "no memory for the options of mapping %d", mapping->number);
    fill_in(mapping);
    settings->mapping_count = i + 1;
  }
  return SD_OK;
}

sd_status sd_settings_init(sd_settings *settings, const sd_stream_options *options, sd_error *error)
{
  memset(settings, 0, sizeof *settings);
  if (options->struct_size < OPTIONS_SIZE_MIN)
    return sd_error_set(error, SD_CONFIG, "struct_size of the options is %zu, not %zu", options->struct_size,
                        sizeof *options);
  if (options->mapping_count == 0 || options->mapping_count > SD_STREAM_MAPPINGS_MAX || !options->mappings)
    return sd_error_set(error, SD_CONFIG, "%zu mappings are given; 1 to %d are possible",
                        options->mapping_count, SD_STREAM_MAPPINGS_MAX);
  sd_arena_init(&settings->arena, SETTINGS_BLOCK, SD_SETTINGS_BYTES_MAX);
  sd_status status = copy_mappings(settings, options, error);
  if (status == SD_OK)
    status = group_databases(settings, error);
  if (status == SD_OK)
    status = check_pairs(settings, error);
  if (status == SD_OK)
    status = sd_memory_share(options->memory_bytes, options->mapping_count, &settings->share, error);
  settings->libduckdb = options->libduckdb;
  settings->until_caught_up = options->until_caught_up;
  if (options->struct_size >=
      offsetof(sd_stream_options, motherduck_extension) + sizeof options->motherduck_extension)
    settings->motherduck_extension = options->motherduck_extension;
  if (status == SD_OK &&
      (!copy_text(settings, &settings->libduckdb) || !copy_text(settings, &settings->motherduck_extension)))
    status = sd_error_set(error, SD_NOMEM, "no memory for the options");
  if (status != SD_OK)
    sd_settings_release(settings);
  return status;
}

void sd_settings_release(sd_settings *settings)
{
  sd_arena_release(&settings->arena);
  memset(settings, 0, sizeof *settings);
}

enum { SECRETS = 3 };

/* The mapping's secrets that are long enough to be looked for; how many. */
static size_t secrets_of(const sd_stream_mapping *mapping, const char *ret_secrets[SECRETS])
{
  const char *secrets[SECRETS] = {mapping->sas_key, mapping->sas_token, mapping->motherduck_token};
  size_t count = 0;
  for (size_t i = 0; i < SECRETS; i++) {
    if (secrets[i] && strlen(secrets[i]) >= SD_SCRUB_SECRET_MIN_LEN)
      ret_secrets[count++] = secrets[i];
  }
  return count;
}

static sd_status not_hidden(const sd_stream_mapping *mapping, sd_status status, sd_error *error)
{
  return sd_error_set(error, status, "mapping %d: a secret could not be registered for hiding: %s",
                      mapping->number, sd_status_text(status));
}

sd_status sd_settings_hide(const sd_settings *settings, sd_scrubber *scrubber, sd_error *error)
{
  for (size_t i = 0; i < settings->mapping_count; i++) {
    const char *secrets[SECRETS];
    size_t count = secrets_of(&settings->mappings[i], secrets);
    for (size_t j = 0; j < count; j++) {
      sd_status status = sd_scrubber_add(scrubber, secrets[j]);
      if (status != SD_OK)
        return not_hidden(&settings->mappings[i], status, error);
    }
  }
  return SD_OK;
}

sd_status sd_settings_hide_from(const sd_settings *settings, sd_telemetry *telemetry, sd_error *error)
{
  for (size_t i = 0; i < settings->mapping_count; i++) {
    const char *secrets[SECRETS];
    size_t count = secrets_of(&settings->mappings[i], secrets);
    for (size_t j = 0; j < count; j++) {
      sd_status status = sd_telemetry_add_secret(telemetry, secrets[j]);
      if (status != SD_OK)
        return not_hidden(&settings->mappings[i], status, error);
    }
  }
  return SD_OK;
}
