/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The mappings that a sink serves, and what it knows of their partitions. */
#include "base/alloc.h"
#include "duck/quote.h"
#include "sink/sink_private.h"

static bool same_text(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_target(const sd_target *a, const sd_target *b)
{
  return same_text(a->ns, b->ns) && same_text(a->hub, b->hub) &&
         same_text(a->consumer_group, b->consumer_group) && same_text(a->schema, b->schema) &&
         same_text(a->table, b->table);
}

/* A copy of optional text; *failed when memory is short. */
static const char *copy_text(const char *text, bool *failed)
{
  char *copy = text ? sd_strdup(text) : NULL;
  if (text && !copy)
    *failed = true;
  return copy;
}

static void free_text(const char *text)
{
  sd_free((char *)(uintptr_t)text);
}

static void free_mapping(sd_sink_mapping *mapping)
{
  sd_legacy_close(mapping);
  free_text(mapping->target.ns);
  free_text(mapping->target.hub);
  free_text(mapping->target.consumer_group);
  free_text(mapping->target.schema);
  free_text(mapping->target.table);
  free_text(mapping->target.legacy_database);
  free_text(mapping->target.legacy_schema);
  free_text(mapping->target.legacy_table);
  for (size_t i = 0; i < SD_SINK_EVENT_COLUMNS; i++)
    sd_free(mapping->columns[i]);
  sd_free(mapping->key_target);
  sd_free(mapping->partitions);
  sd_free(mapping->legacy_rows);
  sd_free(mapping);
}

static void lower(char *text)
{
  for (; *text; text++) {
    if (*text >= 'A' && *text <= 'Z')
      *text = (char)(*text + 32);
  }
}

static sd_sink_mapping *new_mapping(const sd_target *target)
{
  sd_sink_mapping *mapping = sd_calloc(1, sizeof *mapping);
  if (!mapping)
    return NULL;
  bool failed = false;
  mapping->target = *target;
  mapping->target.ns = copy_text(target->ns, &failed);
  mapping->target.hub = copy_text(target->hub, &failed);
  mapping->target.consumer_group = copy_text(target->consumer_group, &failed);
  mapping->target.schema = copy_text(target->schema, &failed);
  mapping->target.table = copy_text(target->table, &failed);
  mapping->target.legacy_database = copy_text(target->legacy_database, &failed);
  mapping->target.legacy_schema = copy_text(target->legacy_schema, &failed);
  mapping->target.legacy_table = copy_text(target->legacy_table, &failed);
  mapping->key_target = sd_strdup(target->table);
  if (failed || !mapping->key_target) {
    free_mapping(mapping);
    return NULL;
  }
  lower(mapping->key_target);
  mapping->legacy_off = !target->legacy_database || !target->legacy_schema || !target->legacy_table;
  mapping->end = (sd_op **)(void *)&mapping->first;
  return mapping;
}

sd_status sd_sink_find_mapping(sd_duck_sink *sink, const sd_target *target, sd_sink_mapping **ret_mapping)
{
  for (sd_sink_mapping *mapping = sink->mappings; mapping; mapping = mapping->next) {
    if (same_target(&mapping->target, target)) {
      *ret_mapping = mapping;
      return SD_OK;
    }
  }
  if (sink->mapping_count == SD_SINK_MAPPINGS_MAX)
    return SD_LIMIT;
  sd_sink_mapping *mapping = new_mapping(target);
  if (!mapping)
    return SD_NOMEM;
  mapping->next = sink->mappings;
  sink->mappings = mapping;
  sink->mapping_count++;
  *ret_mapping = mapping;
  return SD_OK;
}

void sd_sink_free_mappings(sd_duck_sink *sink)
{
  while (sink->mappings) {
    sd_sink_mapping *mapping = sink->mappings;
    sink->mappings = mapping->next;
    free_mapping(mapping);
  }
}

sd_sink_partition *sd_sink_find_partition(sd_sink_mapping *mapping, const char *id, int64_t epoch)
{
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    sd_sink_partition *partition = &mapping->partitions[i];
    if (strcmp(partition->id, id) == 0)
      return partition->epoch == epoch ? partition : NULL;
  }
  return NULL;
}

sd_status sd_sink_keep_partition(sd_sink_mapping *mapping, const char *id, int64_t epoch,
                                 int64_t sequence_number)
{
  sd_sink_partition *partition = NULL;
  for (uint32_t i = 0; i < mapping->partition_count && !partition; i++) {
    if (strcmp(mapping->partitions[i].id, id) == 0)
      partition = &mapping->partitions[i];
  }
  if (!partition) {
    if (mapping->partition_count == mapping->partition_capacity) {
      uint32_t capacity = mapping->partition_capacity ? mapping->partition_capacity * 2 : 32;
      if (capacity > 2 * SD_BATCH_PARTITIONS_MAX)
        return SD_LIMIT;
      sd_sink_partition *grown = sd_realloc(mapping->partitions, capacity * sizeof *grown);
      if (!grown)
        return SD_NOMEM;
      mapping->partitions = grown;
      mapping->partition_capacity = capacity;
    }
    partition = &mapping->partitions[mapping->partition_count++];
    sd_bytes_to_text(sd_bytes_of(id), partition->id, sizeof partition->id);
  }
  partition->epoch = epoch;
  partition->sequence_number = sequence_number;
  return SD_OK;
}

void sd_sink_append_table(sd_buf *sql, const sd_duck_sink *sink, const sd_sink_mapping *mapping,
                          const char *table)
{
  sd_duck_quote_table(sql, sink->catalog, mapping->target.schema, table);
}

void sd_sink_append_key(sd_buf *sql, const sd_sink_mapping *mapping)
{
  sd_buf_append_text(sql, "c.namespace = ");
  sd_duck_quote_text(sql, mapping->target.ns);
  sd_buf_append_text(sql, " AND c.hub = ");
  sd_duck_quote_text(sql, mapping->target.hub);
  sd_buf_append_text(sql, " AND c.consumer_group = ");
  sd_duck_quote_text(sql, mapping->target.consumer_group);
  sd_buf_append_text(sql, " AND c.target = ");
  sd_duck_quote_text(sql, mapping->key_target);
}
