/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Receivers: where they begin, and sending them what the log holds. */
#include "emulator/selector.h"
#include "emulator/state.h"

#include <inttypes.h>
#include <stdio.h>

enum { ANNOTATIONS_MAX = 1024, TAG_SIZE = 16 };

static sd_status invalid_offset(const emu_partition *partition, sd_bytes offset, sd_error *error)
{
  char text[64];
  char last[24] = "-1";
  (void)sd_bytes_to_text(offset, text, sizeof text);
  sd_utf8_repair(text, strlen(text));
  if (emu_log_next_sequence(partition->log) > 0)
    (void)snprintf(last, sizeof last, "%" PRIu64,
                   emu_offset_base(partition->hub) + emu_log_last_position(partition->log));
  return sd_error_set(error, SD_INVALID,
                      "The supplied offset '%s' is invalid. The last offset in the system is '%s'", text,
                      last);
}

static sd_status start_at_offset(emu_partition *partition, const emu_selector *selector,
                                 uint64_t *ret_position, sd_error *error)
{
  int64_t number = 0;
  uint64_t base = emu_offset_base(partition->hub);
  bool good = sd_bytes_to_int64(selector->offset, &number) && number >= 0 && (uint64_t)number >= base &&
              emu_log_next_sequence(partition->log) > 0 &&
              (uint64_t)number - base <= emu_log_last_position(partition->log);
  if (!good)
    return invalid_offset(partition, selector->offset, error);
  uint64_t at = (uint64_t)number - base;
  return emu_log_find_position(partition->log, selector->inclusive ? at : at + 1,
                               &partition->hub->emulator->space, ret_position, error);
}

static sd_status start_at_sequence(emu_partition *partition, const emu_selector *selector,
                                   uint64_t *ret_position, sd_error *error)
{
  int64_t next = emu_log_next_sequence(partition->log);
  int64_t first = selector->number;
  if (!selector->inclusive && first < INT64_MAX)
    first++;
  if (first > next)
    return sd_error_set(error, SD_INVALID,
                        "The supplied sequence number '%" PRId64
                        "' is invalid. The last sequence number in the system is '%" PRId64 "'",
                        selector->number, next - 1);
  return emu_log_find_sequence(partition->log, first, &partition->hub->emulator->space, ret_position, error);
}

sd_status emu_receiver_start(emu_partition *partition, sd_bytes filter_raw, uint64_t *ret_position,
                             sd_error *error)
{
  emu_selector selector;
  sd_status status = emu_selector_from_filter(filter_raw, &selector, error);
  if (status != SD_OK)
    return status;
  switch (selector.start) {
  case EMU_START_LATEST:
    *ret_position = emu_log_end_position(partition->log);
    return SD_OK;
  case EMU_START_OFFSET:
    return start_at_offset(partition, &selector, ret_position, error);
  case EMU_START_SEQUENCE:
    return start_at_sequence(partition, &selector, ret_position, error);
  case EMU_START_TIME: {
    int64_t first = selector.number;
    if (!selector.inclusive && first < INT64_MAX)
      first++;
    return emu_log_find_time(partition->log, first, &partition->hub->emulator->space, ret_position, error);
  }
  case EMU_START_EARLIEST:
    break;
  }
  *ret_position = emu_log_begin_position(partition->log);
  return SD_OK;
}

/* What the partition holds at this moment, as the receiver asked for (eventhubs.md §4.2). */
static void put_metrics(const emu_partition *partition, int64_t now_ms, sd_buf *out)
{
  char offset[24];
  int len = snprintf(offset, sizeof offset, "%" PRIu64,
                     emu_offset_base(partition->hub) + emu_log_last_position(partition->log));
  sd_amqp_put_section(out, SD_AMQP_SECTION_DELIVERY_ANNOTATIONS);
  size_t mark = sd_amqp_begin_map(out);
  sd_amqp_put_symbol(out, sd_bytes_of("last_enqueued_sequence_number"));
  sd_amqp_put_long(out, emu_log_next_sequence(partition->log) - 1);
  sd_amqp_put_symbol(out, sd_bytes_of("last_enqueued_offset"));
  sd_amqp_put_string(out, sd_bytes_make(offset, (size_t)len));
  sd_amqp_put_symbol(out, sd_bytes_of("last_enqueued_time_utc"));
  sd_amqp_put_timestamp(out, emu_log_last_enqueued_ms(partition->log));
  sd_amqp_put_symbol(out, sd_bytes_of("runtime_info_retrieval_time_utc"));
  sd_amqp_put_timestamp(out, now_ms);
  sd_amqp_end_map(out, mark, 8);
}

static sd_status send_record(emu_link *link, const emu_record *record)
{
  sd_emulator *emulator = link->connection->emulator;
  uint8_t tag[TAG_SIZE];
  uint64_t count = ++link->tag;
  memcpy(tag, &emulator->tag_prefix, sizeof emulator->tag_prefix);
  memcpy(tag + sizeof emulator->tag_prefix, &count, sizeof count);
  sd_amqp_send_options options = {
      .struct_size = sizeof options, .tag = sd_bytes_make(tag, sizeof tag), .settled = link->settled};
  sd_bytes parts[3] = {record->payload};
  size_t part_count = 1;
  if (link->metrics) {
    sd_buf_clear(&emulator->scratch);
    put_metrics(link->partition, emu_wall_ms(emulator), &emulator->scratch);
    sd_status status = sd_buf_status(&emulator->scratch);
    if (status != SD_OK)
      return status;
    parts[0] = sd_bytes_make(record->payload.data, record->head_size);
    parts[1] = sd_buf_bytes(&emulator->scratch);
    parts[2] =
        sd_bytes_make(record->payload.data + record->head_size, record->payload.len - record->head_size);
    part_count = 3;
  }
  uint32_t id = 0;
  sd_status status = sd_amqp_send(link->amqp, &options, parts, part_count, &id);
  if (status != SD_OK)
    link->tag--;
  return status;
}

/* After the N-th delivery the connection breaks without a word; what was delivered is on its way. */
static bool cut_here(emu_link *link)
{
  emu_faults *faults = &link->partition->faults;
  if (faults->cut_after == 0 || --faults->cut_after > 0)
    return false;
  link->connection->cut_after_turn = true;
  return true;
}

/* Sends records until the turn is over, the peer takes no more (then *ret_blocked) or the end is reached. */
static sd_status send_some(emu_link *link, uint64_t *ret_sent, bool *ret_blocked, sd_error *error)
{
  emu_partition *partition = link->partition;
  sd_bytes records;
  uint64_t at = 0;
  size_t bytes = 0;
  sd_status status =
      emu_log_read(partition->log, link->position, &partition->hub->emulator->space, &at, &records, error);
  emu_record record;
  while (status == SD_OK && bytes < EMU_TURN_BYTES && emu_log_next(&records, &at, &record)) {
    status = send_record(link, &record);
    if (status == SD_AGAIN) {
      *ret_blocked = true;
      return SD_OK;
    }
    if (status != SD_OK)
      return sd_error_set(error, status, "The event %" PRId64 " cannot be sent.", record.sequence);
    link->position = at;
    bytes += record.payload.len;
    partition->sent++;
    ++*ret_sent;
    if (cut_here(link)) {
      *ret_blocked = true;
      return SD_OK;
    }
  }
  return status;
}

/* For a link that is not sendable: the engine tells on_flow when a send that it refused may succeed, and only
 * then also of a window that opens for the whole session, or of output that has gone. Always true. */
static bool wait_until_sendable(emu_link *link)
{
  const sd_amqp_send_options nothing = {.struct_size = sizeof nothing};
  return sd_amqp_send(link->amqp, &nothing, NULL, 0, NULL) != SD_OK;
}

emu_turn emu_receiver_turn(emu_link *link)
{
  emu_partition *partition = link->partition;
  sd_emulator *emulator = link->connection->emulator;
  uint64_t end = emu_log_end_position(partition->log);
  bool blocked = false;
  uint64_t sent = 0;
  if (partition->faults.stalled) {
    blocked = true;
  } else if (partition->faults.delay_ms > 0 && emu_now_ms(emulator) < link->not_before_ms) {
    emu_wake_at(emulator, link->not_before_ms);
    return EMU_TURN_IDLE;
  } else if (link->position < end) {
    sd_error error;
    if (!sd_amqp_sendable(link->amqp))
      blocked = wait_until_sendable(link);
    else if (send_some(link, &sent, &blocked, &error) != SD_OK) {
      emu_link_detach(link, "amqp:internal-error", "%s", error.message);
      return EMU_TURN_IDLE;
    }
  }
  if (link->drain && (blocked || link->position >= end)) {
    link->drain = false;
    sd_amqp_link_drained(link->amqp);
  }
  if (partition->faults.delay_ms > 0 && sent > 0) {
    link->not_before_ms = emu_now_ms(emulator) + partition->faults.delay_ms;
    emu_wake_at(emulator, link->not_before_ms);
    return EMU_TURN_IDLE;
  }
  return blocked || link->position >= end ? EMU_TURN_IDLE : EMU_TURN_MORE;
}
