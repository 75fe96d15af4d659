/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A mapping and its partitions' ownership: open, claim, where to begin, renew, lose, release. */
#include "base/random.h"
#include "stream/mapping_internal.h"

#include <inttypes.h>

uint32_t sd_lease_duration_ms(const sd_mapping *mapping)
{
  return mapping->settings->motherduck ? mapping->env.timings.lease_shared_ms
                                       : mapping->env.timings.lease_local_ms;
}

static void note_claim_due(sd_mapping *mapping)
{
  uint64_t due = UINT64_MAX;
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    const sd_partition *partition = &mapping->partitions[i];
    if (partition->reset)
      due = 0;
    else if (partition->state != SD_PARTITION_OWNED && partition->claim_at_ms < due)
      due = partition->claim_at_ms;
  }
  mapping->claim_due_ms = due;
}

void sd_lease_lose(sd_mapping *mapping, sd_partition *partition, uint64_t claim_at_ms)
{
  uint32_t index = (uint32_t)(partition - mapping->partitions);
  if (partition->open && mapping->source_working && !mapping->ending)
    mapping->source->vtable->close_partition(mapping->source, index);
  partition->open = false;
  partition->unsure = false;
  partition->reset = false;
  partition->state = SD_PARTITION_ELSEWHERE;
  partition->epoch = SD_EPOCH_NONE;
  partition->claim_at_ms = claim_at_ms;
  /* A later claim brings a new epoch; a batch takes a partition's epoch at its first row. */
  sd_batcher_close_partition(&mapping->batcher, index);
  if (claim_at_ms < mapping->claim_due_ms)
    mapping->claim_due_ms = claim_at_ms;
}

static void open_at_source(sd_mapping *mapping, sd_partition *partition, const sd_position *position)
{
  partition->open = true;
  partition->refused = false;
  mapping->source->vtable->open_partition(mapping->source, (uint32_t)(partition - mapping->partitions),
                                          position, partition->epoch);
}

/* The broker no longer has what follows the checkpoint. */
static void offset_lost(sd_mapping *mapping, sd_partition *partition, sd_error *error)
{
  if (!mapping->settings->earliest_on_offset_lost || error->code == SD_INTERNAL) {
    partition->reset = false;
    sd_mapping_halt(mapping, error, true);
    return;
  }
  sd_mapping_log(mapping, SD_LOG_WARNING, "%s; goes on with the oldest event, as it was told to",
                 error->message);
  const sd_attribute attribute = sd_attribute_string("partition_id", partition->id);
  sd_mapping_say_error(mapping, SD_LEVEL_WARN,
                       "the offset of partition {partition_id} is lost, going on with the oldest event",
                       error, &attribute, 1);
  sd_position position;
  if (sd_partition_restart(partition, &position))
    open_at_source(mapping, partition, &position);
}

typedef struct claim_summary {
  uint32_t resumed;
  uint32_t imported;
  uint32_t started;
  uint32_t elsewhere;
} claim_summary;

static const char *start_text(const sd_stream_mapping *settings)
{
  switch (settings->start) {
  case SD_START_LATEST:
    return "latest";
  case SD_START_TIME:
    return "the given time";
  case SD_START_OFFSET:
    return "the given offset";
  case SD_START_EARLIEST:
  default:
    return "earliest";
  }
}

static void log_summary(const sd_mapping *mapping, const claim_summary *summary)
{
  if (summary->started)
    sd_mapping_log(mapping, SD_LOG_INFO, "%" PRIu32 " partitions have no checkpoint: start position %s",
                   summary->started, start_text(mapping->settings));
  if (summary->resumed)
    sd_mapping_log(mapping, SD_LOG_INFO, "%" PRIu32 " partitions resume behind their checkpoints",
                   summary->resumed);
  if (summary->imported)
    sd_mapping_log(mapping, SD_LOG_INFO, "%" PRIu32 " checkpoints were imported from %s", summary->imported,
                   mapping->settings->legacy_table ? mapping->settings->legacy_table
                                                   : "the original's table");
  if (summary->elsewhere)
    sd_mapping_log(mapping, SD_LOG_INFO,
                   "%" PRIu32 " partitions are held by another owner and tried again later",
                   summary->elsewhere);
}

/* A partition that was not ours: where does it begin? */
static void begin_partition(sd_mapping *mapping, sd_partition *partition, const sd_claim *claim,
                            claim_summary *summary)
{
  partition->state = SD_PARTITION_OWNED;
  if (!sd_mapping_fetches(mapping))
    return;
  sd_position position;
  sd_error error;
  switch (sd_partition_place(partition, &claim->checkpoint, mapping->incarnation, mapping->settings,
                             &position, &error)) {
  case SD_PLACE_CHECKPOINT:
    summary->resumed++;
    summary->imported += claim->checkpoint.imported;
    open_at_source(mapping, partition, &position);
    break;
  case SD_PLACE_START:
    summary->started += !partition->from_earliest;
    open_at_source(mapping, partition, &position);
    break;
  case SD_PLACE_ASK:
    sd_mapping_catch_up_refresh(mapping);
    break;
  case SD_PLACE_LOST:
    offset_lost(mapping, partition, &error);
    break;
  }
}

void sd_lease_settle(sd_mapping *mapping, sd_partition *partition)
{
  sd_position position;
  sd_error error;
  if (sd_partition_settle(partition, &position, &error) == SD_PLACE_LOST)
    offset_lost(mapping, partition, &error);
  else
    open_at_source(mapping, partition, &position);
  note_claim_due(mapping);
}

/* A partition that is ours and received: the table tells how much has landed, perhaps by a COMMIT whose
 * answer was lost. False: its events cannot go on from there. */
static bool continue_partition(sd_mapping *mapping, sd_partition *partition, int64_t old_epoch,
                               const sd_claim *claim)
{
  uint32_t index = (uint32_t)(partition - mapping->partitions);
  int64_t stored = claim->checkpoint.found ? claim->checkpoint.sequence_number : -1;
  if (stored < partition->stored) {
    sd_mapping_log(mapping, SD_LOG_WARNING,
                   "partition %s: the checkpoint went back from %" PRId64 " to %" PRId64
                   " (an older database was restored?); reads again from there",
                   partition->id, partition->stored, stored);
    return false;
  }
  if (stored > partition->stored) {
    /* Where somebody else has claimed in between, the rows may be theirs. */
    if (claim->epoch == old_epoch + 1)
      sd_mapping_write_count_landed(mapping, index, old_epoch, partition->stored, stored);
    partition->stored = stored;
    partition->landed_enqueued_us = claim->checkpoint.enqueued_us;
    if (stored > partition->landed)
      partition->landed = stored;
    if (stored > partition->received)
      partition->received = stored;
  }
  sd_batcher_change_epoch(&mapping->batcher, index, old_epoch, claim->epoch);
  return true;
}

static uint64_t next_claim_ms(const sd_mapping *mapping, const sd_claim *claim)
{
  int64_t left_us = claim->held_until_us - mapping->env.unix_us(mapping->env.user);
  uint64_t least = mapping->env.timings.backoff_base_ms;
  uint64_t most = sd_lease_duration_ms(mapping);
  uint64_t wait = left_us > 0 ? (uint64_t)left_us / 1000 + 1 : 0;
  wait = wait > most ? most : wait;
  wait = wait < least ? least : wait;
  return sd_mapping_now(mapping) + wait + sd_random_below(least);
}

static void take_claim(sd_mapping *mapping, sd_partition *partition, const sd_claim *claim,
                       claim_summary *summary)
{
  if (!claim->claimed) {
    summary->elsewhere++;
    if (partition->state == SD_PARTITION_OWNED) {
      sd_mapping_fenced(mapping, partition);
      sd_mapping_log(mapping, SD_LOG_WARNING, "partition %s was taken over by %.63s", partition->id,
                     claim->held_by);
    }
    sd_lease_lose(mapping, partition, next_claim_ms(mapping, claim));
    return;
  }
  int64_t old_epoch = partition->epoch;
  bool continues = partition->state == SD_PARTITION_OWNED && !partition->reset &&
                   (partition->open || partition->unsure || !sd_mapping_fetches(mapping));
  if (continues && !continue_partition(mapping, partition, old_epoch, claim)) {
    sd_lease_lose(mapping, partition, 0);
    continues = false;
  }
  partition->epoch = claim->epoch;
  partition->lease_at_ms = sd_mapping_now(mapping);
  if (!continues)
    begin_partition(mapping, partition, claim, summary);
}

/* Everything is good again only when nothing is left that failed before. */
static void attached(sd_mapping *mapping)
{
  mapping->link = LINK_ATTACHED;
  mapping->renew_due_ms = mapping->settings->motherduck
                              ? sd_mapping_now(mapping) + sd_lease_duration_ms(mapping) / 3
                              : UINT64_MAX;
  if (sd_batcher_empty(&mapping->batcher)) {
    mapping->failures = 0;
    sd_backoff_reset(&mapping->backoff);
    sd_error_clear(&mapping->sink_error);
  }
  if (!mapping->ending)
    mapping->state = SD_MAPPING_RUNNING;
}

void sd_lease_claim_replied(sd_mapping *mapping)
{
  mapping->lease_busy = false;
  if (mapping->lease_op.base.error.code != SD_OK) {
    sd_error_prefix(&mapping->lease_op.base.error, "reading checkpoints");
    sd_mapping_fail(mapping, &mapping->lease_op.base.error);
    return;
  }
  claim_summary summary = {0};
  for (uint32_t i = 0; i < mapping->lease_op.count; i++)
    take_claim(mapping, &mapping->partitions[mapping->claim_partition[i]], &mapping->claims[i], &summary);
  note_claim_due(mapping);
  log_summary(mapping, &summary);
  if (mapping->link == LINK_OPEN)
    attached(mapping);
}

void sd_lease_renew_replied(sd_mapping *mapping)
{
  mapping->lease_busy = false;
  if (mapping->lease_op.base.error.code != SD_OK) {
    sd_error_prefix(&mapping->lease_op.base.error, "renewing leases");
    sd_mapping_fail(mapping, &mapping->lease_op.base.error);
    return;
  }
  for (uint32_t i = 0; i < mapping->lease_op.count; i++) {
    sd_partition *partition = &mapping->partitions[mapping->claim_partition[i]];
    const sd_claim *claim = &mapping->claims[i];
    if (partition->state != SD_PARTITION_OWNED || partition->epoch != claim->epoch)
      continue;
    if (claim->claimed) {
      partition->lease_at_ms = sd_mapping_now(mapping);
      continue;
    }
    sd_mapping_fenced(mapping, partition);
    sd_mapping_log(mapping, SD_LOG_WARNING, "partition %s was taken over by another owner", partition->id);
    sd_lease_lose(mapping, partition, sd_mapping_now(mapping) + sd_lease_duration_ms(mapping));
  }
}

void sd_lease_open_replied(sd_mapping *mapping)
{
  mapping->open_busy = false;
  if (mapping->open_op.base.error.code != SD_OK) {
    sd_mapping_fail(mapping, &mapping->open_op.base.error);
    return;
  }
  mapping->link = LINK_OPEN;
  if (mapping->open_op.created_table)
    sd_mapping_log(mapping, SD_LOG_INFO, "made the table %s.%s", mapping->settings->schema,
                   mapping->settings->table);
}

static void add_claim(sd_mapping *mapping, uint32_t index)
{
  const sd_partition *partition = &mapping->partitions[index];
  uint32_t at = mapping->lease_op.count++;
  sd_claim *claim = &mapping->claims[at];
  memset(claim, 0, sizeof *claim);
  memcpy(claim->partition_id, partition->id, sizeof claim->partition_id);
  claim->epoch = partition->epoch;
  claim->reset = partition->reset;
  mapping->claim_partition[at] = index;
}

static void send_lease_op(sd_mapping *mapping, sd_sink_op_type type)
{
  mapping->lease_op.incarnation = mapping->incarnation;
  mapping->lease_op.forced = !mapping->settings->motherduck;
  mapping->lease_op.claims = mapping->claims;
  mapping->lease_busy = sd_mapping_submit(mapping, &mapping->lease_op.base, type);
}

/* With the first claim of a generation all that is owned is claimed again. */
static void claim_due(sd_mapping *mapping)
{
  uint64_t now = sd_mapping_now(mapping);
  bool first = mapping->link == LINK_OPEN;
  mapping->lease_op.count = 0;
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    const sd_partition *partition = &mapping->partitions[i];
    bool due = partition->state == SD_PARTITION_OWNED
                   ? first || partition->reset
                   : sd_mapping_fetches(mapping) && partition->claim_at_ms <= now;
    if (due)
      add_claim(mapping, i);
  }
  if (mapping->lease_op.count > 0) {
    send_lease_op(mapping, SD_SINK_CLAIM);
  } else if (first) {
    /* Rows of partitions that all belong to others now. */
    sd_batcher_discard(&mapping->batcher);
    attached(mapping);
  }
}

static void renew_due(sd_mapping *mapping)
{
  uint64_t now = sd_mapping_now(mapping);
  uint64_t third = sd_lease_duration_ms(mapping) / 3;
  uint64_t next = now + third;
  mapping->lease_op.count = 0;
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    const sd_partition *partition = &mapping->partitions[i];
    if (partition->state != SD_PARTITION_OWNED)
      continue;
    if (partition->lease_at_ms + third <= now)
      add_claim(mapping, i);
    else if (partition->lease_at_ms + third < next)
      next = partition->lease_at_ms + third;
  }
  for (uint32_t i = 0; i < mapping->lease_op.count; i++)
    mapping->claims[i].claimed = true;
  if (mapping->lease_op.count > 0)
    send_lease_op(mapping, SD_SINK_RENEW);
  if (mapping->lease_op.count == 0 || mapping->lease_busy)
    mapping->renew_due_ms = next;
}

void sd_lease_step(sd_mapping *mapping)
{
  if (mapping->link == LINK_DETACHED) {
    if (mapping->ending && sd_batcher_empty(&mapping->batcher))
      return;
    mapping->generation++;
    mapping->open_op.created_table = false;
    mapping->open_op.base.context = mapping->spans.sink_context;
    mapping->open_busy = sd_mapping_submit(mapping, &mapping->open_op.base, SD_SINK_OPEN);
    if (mapping->open_busy)
      mapping->link = LINK_OPENING;
    return;
  }
  if (mapping->link == LINK_OPENING || mapping->lease_busy || !mapping->ready)
    return;
  if (mapping->ending && (mapping->link == LINK_ATTACHED || sd_batcher_empty(&mapping->batcher)))
    return;
  uint64_t now = sd_mapping_now(mapping);
  if (mapping->link == LINK_OPEN || mapping->claim_due_ms <= now)
    claim_due(mapping);
  else if (mapping->renew_due_ms <= now)
    renew_due(mapping);
}

bool sd_lease_release(sd_mapping *mapping)
{
  if (mapping->release_tried || !mapping->sink)
    return true;
  if (mapping->link != LINK_ATTACHED) {
    /* After a failure only a lease that others wait for is worth another try. */
    if (!mapping->settings->motherduck)
      return true;
    mapping->generation++;
  }
  mapping->lease_op.count = 0;
  for (uint32_t i = 0; i < mapping->partition_count; i++) {
    if (mapping->partitions[i].state == SD_PARTITION_OWNED)
      add_claim(mapping, i);
  }
  if (mapping->lease_op.count == 0)
    return true;
  send_lease_op(mapping, SD_SINK_RELEASE);
  /* A closed sink is a failure that leaves nothing to do; a full one is tried again. */
  mapping->release_tried = mapping->lease_busy || mapping->failing;
  return false;
}
