/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One partition: places, counters, lag. */
#include "stream/partition.h"

#include <inttypes.h>

void sd_partition_init(sd_partition *partition, const sd_source_partition *said)
{
  memset(partition, 0, sizeof *partition);
  memcpy(partition->id, said->id, sizeof partition->id);
  partition->id[sizeof partition->id - 1] = '\0';
  partition->state = SD_PARTITION_CLOSED;
  partition->epoch = SD_EPOCH_NONE;
  partition->received = -1;
  partition->landed = -1;
  partition->stored = -1;
  partition->heard_last = -1;
  partition->landed_when_asked = -1;
  sd_partition_refresh(partition, said);
}

void sd_partition_refresh(sd_partition *partition, const sd_source_partition *said)
{
  partition->answered_last = said->last_sequence;
  partition->empty = said->empty || said->last_sequence < 0;
  partition->begin = partition->empty ? said->last_sequence + 1 : said->begin_sequence;
  partition->last_enqueued_us = said->last_enqueued_us;
  if (said->last_sequence > partition->heard_last)
    partition->heard_last = said->last_sequence;
}

/* Up to which sequence number nothing is left to land: what has landed, and what the broker does not keep. */
static int64_t done_up_to(const sd_partition *partition, int64_t reached)
{
  return reached < 0 && partition->begin > 0 ? partition->begin - 1 : reached;
}

int64_t sd_partition_lag(const sd_partition *partition)
{
  if (partition->state == SD_PARTITION_ELSEWHERE || partition->empty)
    return 0;
  int64_t lag = partition->heard_last - done_up_to(partition, partition->landed);
  return lag > 0 ? lag : 0;
}

bool sd_partition_caught_up(const sd_partition *partition)
{
  return partition->state == SD_PARTITION_OWNED && !partition->unsure &&
         (partition->empty || partition->landed >= partition->answered_last);
}

bool sd_partition_received_all(const sd_partition *partition)
{
  return partition->state == SD_PARTITION_OWNED && !partition->unsure &&
         (partition->empty || partition->received >= partition->answered_last);
}

static void begin_after(sd_partition *partition, int64_t sequence, bool anchored)
{
  partition->received = sequence;
  partition->landed = sequence;
  partition->landed_when_asked = -1;
  partition->anchored = anchored;
}

static sd_position at_sequence(int64_t sequence)
{
  return (sd_position){.kind = SD_POSITION_SEQUENCE, .sequence = sequence};
}

static sd_position at_offset_or_sequence(const char *offset, int64_t sequence)
{
  if (offset[0] != '\0')
    return (sd_position){.kind = SD_POSITION_OFFSET, .offset = offset, .sequence = sequence};
  return at_sequence(sequence);
}

static sd_position at_earliest(void)
{
  return (sd_position){.kind = SD_POSITION_EARLIEST};
}

/* Skips what the broker holds now. By number, not by "latest": events that come between this moment and the
 * link's attach would otherwise be lost. */
static sd_position skip_present(sd_partition *partition)
{
  begin_after(partition, partition->heard_last, partition->heard_last >= 0);
  return partition->heard_last >= 0 ? at_sequence(partition->heard_last) : at_earliest();
}

static sd_position at_start(sd_partition *partition, const sd_stream_mapping *settings)
{
  partition->stored = -1;
  begin_after(partition, -1, false);
  if (partition->from_earliest)
    return at_earliest();
  switch (settings->start) {
  case SD_START_LATEST:
    return skip_present(partition);
  case SD_START_TIME:
    if (partition->answered_last >= 0 && partition->last_enqueued_us <= settings->start_time_us) {
      skip_present(partition);
      partition->anchored = false;
    }
    return (sd_position){.kind = SD_POSITION_TIME, .unix_us = settings->start_time_us};
  case SD_START_OFFSET:
    return (sd_position){.kind = SD_POSITION_OFFSET, .offset = settings->start_offset, .sequence = -1};
  case SD_START_EARLIEST:
  default:
    return at_earliest();
  }
}

/* What follows `sequence` has been deleted by the broker's retention. The oldest kept number only ever grows,
 * so that an old answer proves it too. */
static bool is_expired(const sd_partition *partition, int64_t sequence)
{
  return sequence >= 0 && partition->begin > sequence + 1;
}

static void explain_expired(const sd_partition *partition, int64_t sequence, sd_error *error)
{
  sd_error_set(error, SD_NOT_FOUND,
               "offset lost: partition %s landed sequence number %" PRId64 ", but the broker's oldest event "
               "is %" PRId64 ": %" PRId64 " events have expired unread",
               partition->id, sequence, partition->begin, partition->begin - sequence - 1);
}

static void explain_above(const sd_partition *partition, sd_error *error)
{
  sd_error_set(error, SD_NOT_FOUND,
               "offset lost: partition %s landed sequence number %" PRId64
               ", but the broker's last is %" PRId64 ": the hub was made anew or set back",
               partition->id, partition->landed, partition->answered_last);
}

sd_place sd_partition_place(sd_partition *partition, const sd_checkpoint *checkpoint, const char *incarnation,
                            const sd_stream_mapping *settings, sd_position *ret_position, sd_error *error)
{
  partition->unsure = false;
  bool known = checkpoint->found && (checkpoint->offset[0] != '\0' || checkpoint->sequence_number >= 0);
  if (!known) {
    *ret_position = at_start(partition, settings);
    partition->reset = false;
    return SD_PLACE_START;
  }
  int64_t sequence = checkpoint->sequence_number;
  begin_after(partition, sequence, sequence >= 0);
  partition->stored = sequence;
  partition->landed_enqueued_us = checkpoint->enqueued_us;
  memcpy(partition->offset, checkpoint->offset, sizeof partition->offset);
  if (partition->reset) {
    sd_error_set(error, SD_INTERNAL, "partition %s: the void checkpoint %" PRId64 " is still in the table",
                 partition->id, sequence);
    return SD_PLACE_LOST;
  }
  if (checkpoint->incarnation[0] != '\0' && incarnation[0] != '\0' &&
      strcmp(checkpoint->incarnation, incarnation) != 0) {
    sd_error_set(error, SD_NOT_FOUND,
                 "offset lost: partition %s landed sequence number %" PRId64
                 " of the hub made at %s; the hub "
                 "of this name was made anew at %s and its last sequence number is %" PRId64,
                 partition->id, sequence, checkpoint->incarnation, incarnation, partition->answered_last);
    partition->reset = true;
    return SD_PLACE_LOST;
  }
  if (is_expired(partition, sequence)) {
    explain_expired(partition, sequence, error);
    return SD_PLACE_LOST;
  }
  if (sequence > partition->heard_last) {
    partition->unsure = true;
    partition->asked = false;
    return SD_PLACE_ASK;
  }
  *ret_position = at_offset_or_sequence(checkpoint->offset, sequence);
  return SD_PLACE_CHECKPOINT;
}

sd_place sd_partition_settle(sd_partition *partition, sd_position *ret_position, sd_error *error)
{
  partition->unsure = false;
  if (partition->landed > partition->answered_last) {
    explain_above(partition, error);
    partition->reset = true;
    return SD_PLACE_LOST;
  }
  if (is_expired(partition, partition->received)) {
    explain_expired(partition, partition->received, error);
    return SD_PLACE_LOST;
  }
  if (partition->refused) {
    sd_error_set(error, SD_NOT_FOUND,
                 "offset lost: partition %s received sequence number %" PRId64 ", the broker holds %" PRId64
                 " to %" PRId64 " but does not know the offset",
                 partition->id, partition->received, partition->begin, partition->answered_last);
    return SD_PLACE_LOST;
  }
  *ret_position = at_offset_or_sequence(partition->offset, partition->received);
  return SD_PLACE_CHECKPOINT;
}

bool sd_partition_restart(sd_partition *partition, sd_position *ret_position)
{
  partition->from_earliest = true;
  partition->refused = false;
  if (partition->reset)
    return false;
  *ret_position = at_earliest();
  return true;
}

void sd_partition_take_snapshot(const sd_partition *partition, sd_partition_snapshot *ret_snapshot)
{
  memcpy(ret_snapshot->partition_id, partition->id, sizeof ret_snapshot->partition_id);
  ret_snapshot->state = partition->state;
  ret_snapshot->epoch = partition->epoch;
  ret_snapshot->received_sequence = partition->received;
  ret_snapshot->landed_sequence = partition->landed;
  ret_snapshot->broker_last_sequence = partition->heard_last;
  ret_snapshot->lag = sd_partition_lag(partition);
  ret_snapshot->landed_enqueued_us = partition->landed_enqueued_us;
  ret_snapshot->gaps = partition->gaps;
}
