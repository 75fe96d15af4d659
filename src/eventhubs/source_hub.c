/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the broker says about the hub: its partitions, their state, and whether it is still the same one. */
#include "base/alloc.h"
#include "base/clock.h"
#include "eventhubs/source_internal.h"

#include <stdio.h>

/* The hub was deleted and made anew: old positions mean nothing in it. */
void sd_source_hub_was_recreated(sd_eventhubs_source *s, const char *incarnation)
{
  sd_error error;
  sd_error_set(
      &error, SD_NOT_FOUND,
      "hub \"%s\" at %s was deleted and created anew (at %s, before at %s): positions in the old one "
      "are lost",
      s->settings.hub, s->settings.host, incarnation, s->incarnation);
  snprintf(s->incarnation, sizeof s->incarnation, "%s", incarnation);
  for (uint32_t i = 0; i < s->count; i++)
    sd_receiver_close(&s->receivers[i]);
  sd_source_tell(s, SD_SOURCE_ALL_PARTITIONS, SD_TROUBLE_OFFSET_LOST, &error);
}

sd_status sd_source_make_receivers(sd_eventhubs_source *s, const sd_hub_info *info)
{
  sd_receiver *receivers = sd_calloc(info->count, sizeof *receivers);
  sd_source_partition *partitions = sd_calloc(info->count, sizeof *partitions);
  if (!receivers || !partitions) {
    sd_free(receivers);
    sd_free(partitions);
    return SD_NOMEM;
  }
  memcpy(partitions, info->partitions, info->count * sizeof *partitions);
  for (uint32_t i = 0; i < info->count; i++)
    sd_receiver_init(&receivers[i], s, i, partitions[i].id);
  s->receivers = receivers;
  s->partitions = partitions;
  s->count = info->count;
  memcpy(s->incarnation, info->incarnation, sizeof s->incarnation);
  return SD_OK;
}

bool sd_source_is_same_hub(const sd_eventhubs_source *s, const sd_hub_info *info)
{
  if (strcmp(s->incarnation, info->incarnation) != 0 || info->count < s->count)
    return false;
  for (uint32_t i = 0; i < s->count; i++) {
    if (strcmp(s->partitions[i].id, info->partitions[i].id) != 0)
      return false;
  }
  return true;
}

static void warn_of_more(sd_eventhubs_source *s, const sd_hub_info *info)
{
  if (info->count <= s->count || s->more_warned)
    return;
  s->more_warned = true;
  sd_log_warning(s->settings.log, "eventhubs",
                 "hub \"%s\" has %u partitions now, %u at the start: restart to receive from the new ones",
                 s->settings.hub, info->count, s->count);
}

void sd_source_finish_refresh(sd_eventhubs_source *s, const sd_error *error)
{
  s->refreshing = false;
  s->refresh_waits = false;
  if (s->handler.on_refreshed && !s->stopping)
    s->handler.on_refreshed(s->owner, error ? NULL : s->partitions, error ? 0 : s->count, error);
}

void sd_source_take_state(sd_eventhubs_source *s, const sd_hub_info *info)
{
  warn_of_more(s, info);
  memcpy(s->partitions, info->partitions, s->count * sizeof *s->partitions);
  for (uint32_t i = 0; i < s->count; i++)
    sd_receiver_watch(&s->receivers[i], &s->partitions[i]);
}

static void on_refresh_answer(void *owner, const sd_hub_info *info, const sd_error *error)
{
  sd_eventhubs_source *s = owner;
  if (!sd_source_is_active(s) || !s->refreshing)
    return;
  if (info && !sd_source_is_same_hub(s, info)) {
    sd_source_hub_was_recreated(s, info->incarnation);
    sd_error changed;
    sd_error_set(&changed, SD_NOT_FOUND, "hub \"%s\" is another one now", s->settings.hub);
    if (sd_source_is_active(s))
      sd_source_finish_refresh(s, &changed);
    return;
  }
  if (info)
    sd_source_take_state(s, info);
  sd_source_finish_refresh(s, error);
}

static void on_verified(void *owner, const sd_hub_info *info, const sd_error *error)
{
  sd_eventhubs_source *s = owner;
  s->verifying = false;
  if (!sd_source_is_active(s))
    return;
  if (error) {
    sd_hub_connection_fail(s->connection, error);
    return;
  }
  s->verify = false;
  if (!sd_source_is_same_hub(s, info)) {
    sd_source_hub_was_recreated(s, info->incarnation);
    return;
  }
  uint64_t now = sd_clock_monotonic_ms();
  sd_hub_connection_wake_at(s->connection, now); /* for those that are due later */
  for (uint32_t i = 0; i < s->count; i++)
    sd_receiver_attach_if_due(&s->receivers[i], now);
}

/* Waits while another question is under way, or memory is short. */
void sd_source_ask_refresh(sd_eventhubs_source *s)
{
  if (!s->refresh_waits || !s->connection)
    return;
  if (sd_hub_connection_inquire(s->connection, true, on_refresh_answer) == SD_OK)
    s->refresh_waits = false;
  else
    sd_hub_connection_wake_at(s->connection, sd_clock_monotonic_ms() + s->settings.timing.pause_ms);
}

/* While a refresh is under way it waits for the next turn. */
void sd_source_verify_hub(sd_eventhubs_source *s)
{
  if (!s->verify || s->verifying || !s->connection)
    return;
  s->verifying = sd_hub_connection_inquire(s->connection, false, on_verified) == SD_OK;
  if (!s->verifying)
    sd_hub_connection_wake_at(s->connection, sd_clock_monotonic_ms() + s->settings.timing.pause_ms);
}
