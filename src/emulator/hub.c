/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Hubs: their folders, partitions and how an event finds its partition. */
#include "emulator/publication.h"
#include "emulator/state.h"

#include "base/alloc.h"
#include "json/json.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GENERATION_SHIFT = 44, HUB_FILE_MAX = 4096, PATH_PART_MAX = 4096 + 32 };

uint64_t emu_offset_base(const emu_hub *hub)
{
  return hub->generation << GENERATION_SHIFT;
}

emu_hub *emu_find_hub(sd_emulator *emulator, sd_bytes name)
{
  for (size_t i = 0; i < emulator->hub_count; i++) {
    if (sd_bytes_equal_nocase(name, sd_bytes_of(emulator->hubs[i].name)))
      return &emulator->hubs[i];
  }
  return NULL;
}

emu_partition *emu_find_partition(emu_hub *hub, const char *id)
{
  for (uint32_t i = 0; i < hub->partition_count; i++) {
    if (strcmp(hub->partitions[i].id, id) == 0)
      return &hub->partitions[i];
  }
  return NULL;
}

bool emu_find_group(const sd_emulator *emulator, const char *name, uint32_t *ret_group)
{
  for (uint32_t i = 0; i < emulator->group_count; i++) {
    if (strcasecmp(emulator->groups[i], name) == 0) {
      *ret_group = i;
      return true;
    }
  }
  return false;
}

/* ---- on disk ---- */

static bool hub_file(const emu_hub *hub, const char *suffix, char *path)
{
  int n = snprintf(path, PATH_PART_MAX, "%s/hub.json%s", hub->dir, suffix);
  return n > 0 && n < PATH_PART_MAX;
}

/* Whole and at once: written beside, then renamed. */
static sd_status save_hub(const emu_hub *hub, sd_error *error)
{
  char path[PATH_PART_MAX];
  char fresh[PATH_PART_MAX];
  if (!hub_file(hub, "", path) || !hub_file(hub, ".new", fresh))
    return sd_error_set(error, SD_LIMIT, "the data folder's path is too long");
  FILE *file = fopen(fresh, "we");
  if (!file)
    return sd_error_set_errno(error, SD_IO, errno, "cannot write %s", fresh);
  fprintf(file,
          "{\"name\":\"%s\",\"partitions\":%" PRIu32 ",\"created_ms\":%" PRId64 ",\"generation\":%" PRIu64
          "}\n",
          hub->name, hub->partition_count, hub->created_ms, hub->generation);
  bool bad = ferror(file) != 0;
  if (fclose(file) != 0 || bad || rename(fresh, path) != 0)
    return sd_error_set_errno(error, SD_IO, errno, "cannot write %s", path);
  return SD_OK;
}

/* SD_NOT_FOUND when there is none yet. */
static sd_status load_hub(emu_hub *hub, sd_error *error)
{
  char path[PATH_PART_MAX];
  char text[HUB_FILE_MAX];
  if (!hub_file(hub, "", path))
    return sd_error_set(error, SD_LIMIT, "the data folder's path is too long");
  FILE *file = fopen(path, "re");
  if (!file)
    return errno == ENOENT ? SD_NOT_FOUND : sd_error_set_errno(error, SD_IO, errno, "cannot read %s", path);
  size_t len = fread(text, 1, sizeof text, file);
  (void)fclose(file);
  json_t *json = NULL;
  if (sd_json_parse(sd_bytes_make(text, len), &json, NULL) != SD_OK)
    return sd_error_set(error, SD_CORRUPT, "%s is damaged; restore it, or move the folder away to begin anew",
                        path);
  json_int_t partitions = json_integer_value(json_object_get(json, "partitions"));
  hub->created_ms = json_integer_value(json_object_get(json, "created_ms"));
  hub->generation = (uint64_t)json_integer_value(json_object_get(json, "generation"));
  json_decref(json);
  if (hub->generation == 0)
    return sd_error_set(error, SD_CORRUPT, "%s is damaged; restore it, or move the folder away to begin anew",
                        path);
  if (partitions != (json_int_t)hub->partition_count)
    return sd_error_set(error, SD_CONFIG,
                        "hub %s has %lld partitions in the data folder, not %" PRIu32
                        "; a hub's partitions cannot change: give --hub %s:%lld, or another folder",
                        hub->name, (long long)partitions, hub->partition_count, hub->name,
                        (long long)partitions);
  return SD_OK;
}

static sd_status open_logs(emu_hub *hub, sd_error *error)
{
  for (uint32_t i = 0; i < hub->partition_count; i++) {
    emu_partition *partition = &hub->partitions[i];
    char dir[PATH_PART_MAX];
    /* Each generation has its folder, so that recreating is one rename of hub.json. */
    int n = snprintf(dir, sizeof dir, "%s/%" PRIu64 "-%s", hub->dir, hub->generation, partition->id);
    if (n < 0 || n >= (int)sizeof dir)
      return sd_error_set(error, SD_LIMIT, "the data folder's path is too long");
    sd_status status = emu_log_open(hub->dir[0] ? dir : NULL, 0, &partition->log, error);
    if (status != SD_OK)
      return status;
  }
  return SD_OK;
}

static sd_status open_folder(sd_emulator *emulator, emu_hub *hub, sd_error *error)
{
  char folder[EMU_NAME_MAX];
  for (size_t i = 0; i <= strlen(hub->name); i++)
    folder[i] = (char)tolower((unsigned char)hub->name[i]);
  int n = snprintf(hub->dir, sizeof hub->dir, "%s/%s", emulator->data_dir, folder);
  if (n < 0 || n >= (int)sizeof hub->dir)
    return sd_error_set(error, SD_LIMIT, "the data folder's path is too long");
  if (mkdir(hub->dir, 0755) != 0 && errno != EEXIST)
    return sd_error_set_errno(error, SD_IO, errno, "cannot make the folder %s", hub->dir);
  sd_status status = load_hub(hub, error);
  return status == SD_NOT_FOUND ? save_hub(hub, error) : status;
}

sd_status emu_hub_open(sd_emulator *emulator, const sd_emulator_hub *options, emu_hub *hub, sd_error *error)
{
  hub->emulator = emulator;
  (void)snprintf(hub->name, sizeof hub->name, "%s", options->name);
  hub->partition_count = options->partitions;
  hub->created_ms = emu_wall_ms(emulator);
  hub->generation = 1;
  hub->partitions = sd_calloc(options->partitions, sizeof *hub->partitions);
  if (!hub->partitions)
    return sd_error_set(error, SD_NOMEM, "cannot make hub %s", hub->name);
  for (uint32_t i = 0; i < hub->partition_count; i++) {
    emu_partition *partition = &hub->partitions[i];
    partition->hub = hub;
    partition->index = i;
    (void)snprintf(partition->id, sizeof partition->id, "%" PRIu32, i);
    partition->claims = sd_calloc(emulator->group_count, sizeof *partition->claims);
    if (!partition->claims)
      return sd_error_set(error, SD_NOMEM, "cannot make hub %s", hub->name);
  }
  sd_status status = emulator->data_dir ? open_folder(emulator, hub, error) : SD_OK;
  return status == SD_OK ? open_logs(hub, error) : status;
}

void emu_hub_release(emu_hub *hub)
{
  for (uint32_t i = 0; hub->partitions && i < hub->partition_count; i++) {
    emu_log_close(hub->partitions[i].log);
    sd_free(hub->partitions[i].claims);
  }
  sd_free(hub->partitions);
  hub->partitions = NULL;
}

sd_status emu_hub_recreate(emu_hub *hub, sd_error *error)
{
  emu_hub fresh = *hub;
  fresh.generation++;
  fresh.created_ms = emu_wall_ms(hub->emulator);
  fresh.partitions = sd_calloc(hub->partition_count, sizeof *fresh.partitions);
  if (!fresh.partitions)
    return sd_error_set(error, SD_NOMEM, "cannot make hub %s anew", hub->name);
  memcpy(fresh.partitions, hub->partitions, hub->partition_count * sizeof *fresh.partitions);
  for (uint32_t i = 0; i < hub->partition_count; i++)
    fresh.partitions[i].log = NULL;
  sd_status status = open_logs(&fresh, error);
  if (status == SD_OK && hub->dir[0])
    status = save_hub(&fresh, error);
  for (uint32_t i = 0; i < hub->partition_count; i++) {
    emu_log **old = &hub->partitions[i].log;
    emu_log *gone = status == SD_OK ? *old : fresh.partitions[i].log;
    if (status == SD_OK)
      *old = fresh.partitions[i].log;
    emu_log_destroy(gone);
  }
  if (status == SD_OK) {
    hub->generation = fresh.generation;
    hub->created_ms = fresh.created_ms;
  }
  sd_free(fresh.partitions);
  return status;
}

/* ---- appending ---- */

/* Without a data folder the oldest segment of all goes when memory is full. */
static void keep_within_memory(sd_emulator *emulator)
{
  if (emulator->data_dir)
    return;
  for (;;) {
    uint64_t held = 0;
    int64_t oldest_ms = INT64_MAX;
    emu_log *oldest = NULL;
    for (size_t h = 0; h < emulator->hub_count; h++) {
      for (uint32_t p = 0; p < emulator->hubs[h].partition_count; p++) {
        emu_log *log = emulator->hubs[h].partitions[p].log;
        int64_t at_ms = 0;
        held += emu_log_held_bytes(log);
        if (emu_log_droppable(log, &at_ms) && at_ms < oldest_ms) {
          oldest_ms = at_ms;
          oldest = log;
        }
      }
    }
    if (held <= emulator->memory_max || !oldest)
      return;
    emu_log_drop_oldest(oldest);
  }
}

static emu_partition *route(emu_hub *hub, const emu_publication *publication)
{
  sd_bytes key =
      publication->publisher ? sd_bytes_of(publication->publisher) : emu_publication_key(publication);
  uint32_t index = 0;
  if (key.len > 0)
    index = emu_partition_of_key(key, hub->partition_count);
  else
    index = hub->next_partition++ % hub->partition_count;
  return &hub->partitions[index];
}

sd_status emu_hub_append(emu_hub *hub, const emu_append *append, uint32_t *ret_events, sd_error *error)
{
  emu_publication publication = {.payload = append->payload,
                                 .message_format = append->message_format,
                                 .publisher = append->publisher,
                                 .offset_base = emu_offset_base(hub),
                                 .now_ms = emu_wall_ms(hub->emulator)};
  emu_partition *partition = append->partition ? append->partition : route(hub, &publication);
  uint32_t events = 0;
  uint64_t held = emu_log_held_bytes(partition->log);
  if (publication.now_ms < emu_log_last_enqueued_ms(partition->log))
    publication.now_ms = emu_log_last_enqueued_ms(partition->log);
  sd_status status = emu_publication_stage(&publication, partition->log, &events, error);
  if (status == SD_OK)
    status = emu_log_commit(partition->log, error);
  if (status != SD_OK)
    return status;
  /* Looking at all logs is worth it once per segment. */
  if (held / EMU_LOG_MEMORY_SEGMENT_BYTES !=
      emu_log_held_bytes(partition->log) / EMU_LOG_MEMORY_SEGMENT_BYTES)
    keep_within_memory(hub->emulator);
  for (emu_link *link = partition->receivers; link; link = link->next_receiver)
    emu_mark_dirty(link->connection);
  *ret_events = events;
  return SD_OK;
}
