/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A mapping's source: what it delivers and what it says. */
#include "base/alloc.h"
#include "base/hook.h"
#include "stream/mapping_internal.h"

#include <inttypes.h>

enum { GAP_WARNING_INTERVAL_MS = 10000 };

static void out_of_memory(sd_mapping *mapping, uint32_t partitions)
{
  sd_error error;
  sd_error_set(&error, SD_NOMEM, "no memory for %" PRIu32 " partitions", partitions);
  sd_mapping_halt(mapping, &error, false);
}

static void on_ready(void *owner, const sd_source_partition *partitions, uint32_t count,
                     const char *incarnation)
{
  sd_mapping *mapping = owner;
  if (!sd_mapping_fetches(mapping) || mapping->ready)
    return;
  if (count == 0 || count > SD_BATCH_PARTITIONS_MAX) {
    sd_error error;
    sd_error_set(&error, SD_LIMIT, "hub %s has %" PRIu32 " partitions; 1 to %d can be read",
                 mapping->settings->hub, count, SD_BATCH_PARTITIONS_MAX);
    sd_mapping_halt(mapping, &error, false);
    sd_mapping_pump(mapping);
    return;
  }
  mapping->partitions = sd_calloc(count, sizeof *mapping->partitions);
  mapping->partition_snapshots = sd_calloc(count, sizeof *mapping->partition_snapshots);
  mapping->claims = sd_calloc(count, sizeof *mapping->claims);
  mapping->claim_partition = sd_calloc(count, sizeof *mapping->claim_partition);
  if (!mapping->partitions || !mapping->partition_snapshots || !mapping->claims ||
      !mapping->claim_partition) {
    out_of_memory(mapping, count);
    sd_mapping_pump(mapping);
    return;
  }
  for (uint32_t i = 0; i < count; i++)
    sd_partition_init(&mapping->partitions[i], &partitions[i]);
  mapping->partition_count = count;
  (void)sd_bytes_to_text(sd_bytes_of(incarnation), mapping->incarnation, sizeof mapping->incarnation);
  const sd_stream_mapping *settings = mapping->settings;
  sd_batcher_init(&mapping->batcher, count, mapping->memory.share, settings->batch_rows,
                  settings->batch_bytes, settings->batch_timeout_ms, settings->body_is_blob);
  sd_mapping_spans_watch(mapping);
  mapping->ready = true;
  mapping->claim_due_ms = 0;
  mapping->refresh_due_ms = sd_mapping_now(mapping) + mapping->env.timings.refresh_ms;
  sd_mapping_pump(mapping);
}

static void warn_of_gap(sd_mapping *mapping, const sd_partition *partition, uint64_t gap)
{
  mapping->counters.gaps += gap;
  mapping->gaps_unwarned += gap;
  uint64_t now = sd_mapping_now(mapping);
  if (mapping->gap_warned_ms && now - mapping->gap_warned_ms < GAP_WARNING_INTERVAL_MS)
    return;
  mapping->gap_warned_ms = now ? now : 1;
  sd_mapping_log(mapping, SD_LOG_WARNING,
                 "%" PRIu64 " sequence numbers never came, the last before %" PRId64
                 " of partition %s: expired or "
                 "compacted at the broker (%" PRIu64 " since the start)",
                 mapping->gaps_unwarned, partition->received, partition->id, mapping->counters.gaps);
  const sd_attribute attributes[] = {
      sd_attribute_int("gap", (int64_t)mapping->gaps_unwarned),
      sd_attribute_string("partition_id", partition->id),
      sd_attribute_int("sequence_number", partition->received),
  };
  sd_mapping_say(mapping, SD_LEVEL_WARN, "{gap} sequence numbers never came to partition {partition_id}",
                 attributes, sizeof attributes / sizeof *attributes);
  mapping->gaps_unwarned = 0;
}

static size_t event_bytes(const sd_event *event)
{
  return event->body.len + event->offset.len + event->properties.len + event->system_properties.len;
}

/* The event was not taken; the source resumes the partition before it later. */
static sd_status refuse_event(sd_mapping *mapping, const sd_partition *partition, const sd_event *event,
                              sd_status status)
{
  if (status == SD_LIMIT || status == SD_INVALID) {
    sd_error error;
    sd_error_set(&error, status,
                 "event %" PRId64
                 " of partition %s has %zu bytes and does not fit into the mapping's memory of "
                 "%zu: raise memory_bytes",
                 event->sequence_number, partition->id, event_bytes(event), mapping->memory.share);
    sd_mapping_halt(mapping, &error, true);
  }
  mapping->refused_bytes = event_bytes(event);
  sd_mapping_pump(mapping);
  return SD_AGAIN;
}

static sd_status on_event(void *owner, uint32_t index, const sd_event *event)
{
  sd_mapping *mapping = owner;
  if (index >= mapping->partition_count)
    return SD_INVALID;
  sd_partition *partition = &mapping->partitions[index];
  /* Each delivery uses up credit, taken or not. */
  mapping->memory.received += event_bytes(event);
  /* Closed meanwhile; or delivered before. */
  if (!partition->open || event->sequence_number <= partition->received)
    return SD_OK;
  uint64_t now = mapping->batcher.open ? 0 : sd_mapping_now(mapping);
  sd_status status = sd_batcher_append(&mapping->batcher, index, partition->id, partition->epoch, event, now);
  if (status != SD_OK)
    return refuse_event(mapping, partition, event, status);
  sd_phase_enter(SD_PHASE_RECEIVING);
  uint64_t gap = sd_partition_take(partition, event->sequence_number);
  if (gap)
    warn_of_gap(mapping, partition, gap);
  mapping->counters.received++;
  mapping->counters.received_bytes += event->body.len;
  if (mapping->spans.each_event && mapping->batcher.open)
    sd_mapping_spans_event(mapping, index, event);
  if (mapping->batcher.waiting)
    sd_mapping_pump(mapping);
  return SD_OK;
}

static void on_idle(void *owner)
{
  sd_mapping_pump(owner);
}

static void partition_lost(sd_mapping *mapping, sd_partition *partition, const sd_error *error)
{
  if (partition->state != SD_PARTITION_OWNED)
    return;
  uint32_t lease = sd_lease_duration_ms(mapping);
  sd_mapping_log(mapping, SD_LOG_WARNING,
                 "partition %s was taken by another reader, tried again in %" PRIu32 " s: %s", partition->id,
                 lease / 1000, error->message);
  sd_mapping_fenced(mapping, partition);
  /* The source has closed it already. */
  partition->open = false;
  sd_lease_lose(mapping, partition, sd_mapping_now(mapping) + lease);
}

static void offset_refused(sd_mapping *mapping, sd_partition *partition, const sd_error *error)
{
  if (partition->state != SD_PARTITION_OWNED)
    return;
  partition->open = false;
  partition->refused = true;
  partition->unsure = true;
  partition->asked = false;
  partition->offset[0] = '\0';
  sd_mapping_log(mapping, SD_LOG_WARNING, "partition %s: the broker refuses the position: %s", partition->id,
                 error->message);
  const sd_attribute attribute = sd_attribute_string("partition_id", partition->id);
  sd_mapping_say_error(mapping, SD_LEVEL_WARN, "the broker refuses the position of partition {partition_id}",
                       error, &attribute, 1);
  sd_mapping_catch_up_refresh(mapping);
}

/* While it was read. Its numbers start again and would meet the old ones here, so that everything begins
 * anew: what is here lands, a new source asks for the hub's incarnation, and the claim compares it with the
 * stored one. */
static void hub_made_anew(sd_mapping *mapping, const sd_error *error)
{
  if (!mapping->settings->earliest_on_offset_lost || !mapping->env.source_new) {
    sd_error told = *error;
    sd_error_prefix(&told, "offset lost");
    sd_mapping_halt(mapping, &told, true);
    return;
  }
  sd_mapping_log(mapping, SD_LOG_WARNING, "%s; goes on with the oldest event, as it was told to",
                 error->message);
  sd_mapping_say_error(mapping, SD_LEVEL_WARN, "the hub was made anew, reading its oldest events", error,
                       NULL, 0);
  mapping->restarting = true;
  sd_mapping_receive_stop(mapping);
  sd_batcher_close(&mapping->batcher);
}

static void for_partitions(sd_mapping *mapping, uint32_t index, const sd_error *error,
                           void (*act)(sd_mapping *, sd_partition *, const sd_error *))
{
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    if (index == SD_SOURCE_ALL_PARTITIONS || index == i)
      act(mapping, &mapping->partitions[i], error);
  }
}

static void on_trouble(void *owner, uint32_t index, sd_trouble trouble, const sd_error *error)
{
  sd_mapping *mapping = owner;
  if (!sd_mapping_fetches(mapping))
    return;
  switch (trouble) {
  case SD_TROUBLE_RETRYING:
    mapping->source_error = *error;
    sd_mapping_log(mapping, SD_LOG_WARNING, "the source tries again: %s", error->message);
    sd_mapping_say_error(mapping, SD_LEVEL_WARN, "the broker is lost, connecting again", error, NULL, 0);
    break;
  case SD_TROUBLE_PARTITION_LOST:
    for_partitions(mapping, index, error, partition_lost);
    break;
  case SD_TROUBLE_OFFSET_LOST:
    if (index == SD_SOURCE_ALL_PARTITIONS)
      hub_made_anew(mapping, error);
    else
      for_partitions(mapping, index, error, offset_refused);
    break;
  case SD_TROUBLE_STOP:
    sd_mapping_halt(mapping, error, true);
    break;
  }
  sd_mapping_pump(mapping);
}

static void on_recovered(void *owner)
{
  sd_mapping *mapping = owner;
  mapping->counters.reconnects++;
  sd_error_clear(&mapping->source_error);
  sd_mapping_log(mapping, SD_LOG_INFO, "the source receives again");
  sd_mapping_say(mapping, SD_LEVEL_NOTICE, "the broker is back", NULL, 0);
  sd_mapping_pump(mapping);
}

static bool set_back(const sd_partition *partition, const sd_source_partition *said)
{
  return partition->state == SD_PARTITION_OWNED && !partition->unsure &&
         partition->landed_when_asked > said->last_sequence;
}

static void on_refreshed(void *owner, const sd_source_partition *partitions, uint32_t count,
                         const sd_error *error)
{
  sd_mapping *mapping = owner;
  uint64_t now = sd_mapping_now(mapping);
  mapping->refresh_busy = false;
  if (!sd_mapping_fetches(mapping))
    return;
  if (error || count != mapping->partition_count) {
    mapping->refresh_due_ms = now + mapping->env.timings.refresh_soon_ms;
    sd_mapping_pump(mapping);
    return;
  }
  mapping->refresh_answered = true;
  mapping->answered_ms = now;
  mapping->refresh_due_ms = now + sd_mapping_catch_up_period_ms(mapping);
  for (uint32_t i = 0; i < count && !mapping->ending; i++) {
    sd_partition *partition = &mapping->partitions[i];
    bool was_set_back = set_back(partition, &partitions[i]);
    sd_partition_refresh(partition, &partitions[i]);
    if (was_set_back) {
      sd_error lost;
      sd_error_set(
          &lost, SD_NOT_FOUND,
          "offset lost: partition %s landed sequence number %" PRId64 ", but the broker's last is now "
          "%" PRId64 ": the hub was made anew while it was read; start again to choose where to go on",
          partition->id, partition->landed_when_asked, partitions[i].last_sequence);
      sd_mapping_halt(mapping, &lost, true);
    } else if (partition->unsure && partition->asked) {
      sd_lease_settle(mapping, partition);
    } else if (partition->unsure) {
      sd_mapping_catch_up_refresh(mapping);
    }
  }
  sd_mapping_pump(mapping);
}

static void on_stopped(void *owner)
{
  sd_mapping *mapping = owner;
  mapping->source_working = false;
  mapping->source_stopping = false;
  sd_mapping_pump(mapping);
}

static const sd_source_handler handler = {
    .struct_size = sizeof(sd_source_handler),
    .on_ready = on_ready,
    .on_event = on_event,
    .on_idle = on_idle,
    .on_trouble = on_trouble,
    .on_recovered = on_recovered,
    .on_refreshed = on_refreshed,
    .on_stopped = on_stopped,
};

const sd_source_handler *sd_mapping_source_handler(void)
{
  return &handler;
}

static void close_partitions(sd_mapping *mapping)
{
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    mapping->partitions[i].open = false;
    mapping->partitions[i].reset = false;
  }
}

void sd_mapping_receive_stop(sd_mapping *mapping)
{
  close_partitions(mapping);
  if (!mapping->source_working || mapping->source_stopping)
    return;
  mapping->source_stopping = true;
  mapping->source->vtable->stop(mapping->source);
}

void sd_mapping_receive_abort(sd_mapping *mapping)
{
  close_partitions(mapping);
  if (!mapping->source_working)
    return;
  mapping->source_stopping = true;
  mapping->source->vtable->abort(mapping->source);
}

static void forget_hub(sd_mapping *mapping)
{
  sd_batcher_release(&mapping->batcher);
  sd_free(mapping->partitions);
  sd_free(mapping->partition_snapshots);
  sd_free(mapping->claims);
  sd_free(mapping->claim_partition);
  mapping->partitions = NULL;
  mapping->partition_snapshots = NULL;
  mapping->claims = NULL;
  mapping->claim_partition = NULL;
  mapping->partition_count = 0;
  mapping->ready = false;
  mapping->refused_bytes = 0;
  mapping->refresh_busy = false;
  mapping->refresh_answered = false;
  mapping->refresh_due_ms = UINT64_MAX;
  mapping->claim_due_ms = UINT64_MAX;
  mapping->renew_due_ms = UINT64_MAX;
  mapping->caught_up_ms = 0;
  sd_memory_init(&mapping->memory, mapping->memory.share);
}

void sd_mapping_receive_restart(sd_mapping *mapping)
{
  if (sd_mapping_is_busy(mapping) || mapping->failing || mapping->retry_at_ms || mapping->source_working ||
      !sd_batcher_empty(&mapping->batcher))
    return;
  mapping->source->vtable->free(mapping->source);
  mapping->source = NULL;
  forget_hub(mapping);
  mapping->restarting = false;
  mapping->link = LINK_DETACHED;
  mapping->state = SD_MAPPING_STARTING;
  sd_error error;
  sd_status status = mapping->env.source_new(mapping->env.user, mapping, &mapping->source, &error);
  if (status == SD_OK) {
    mapping->source_working = true;
    status = mapping->source->vtable->start(mapping->source, &error);
  }
  if (status != SD_OK) {
    mapping->source_working = false;
    sd_mapping_halt(mapping, &error, false);
  }
  mapping->pump_again = true;
}

void sd_mapping_receive_grant(sd_mapping *mapping)
{
  if (!mapping->ready)
    return;
  const sd_batcher *batcher = &mapping->batcher;
  if (mapping->refused_bytes && sd_batcher_has_room(batcher, mapping->refused_bytes)) {
    /* The source waits for a word, even if as much is free as it was told last. */
    mapping->refused_bytes = 0;
    mapping->memory.told = false;
  }
  size_t held = sd_batcher_has_room(batcher, 0) ? sd_batcher_held(batcher) : mapping->memory.share;
  size_t free_bytes;
  if (sd_memory_regrant(&mapping->memory, held, &free_bytes))
    mapping->source->vtable->grant(mapping->source, free_bytes);
}
