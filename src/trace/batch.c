/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From the ring's blocks to the exporters: one order for all shards, tail sampling, scrubbing, batches. */
#include "trace/otlp_fields.h"
#include "trace/protobuf.h"
#include "trace/span.h"

/* Where the reader stands in one shard's blocks. */
typedef struct cursor {
  sd_ring_block *block;
  uint32_t at;
  const sd_ring_record *record; /* at `at` */
} cursor;

/* ---- Reading a record
 * ---------------------------------------------------------------------------------------- */

static void read_span(sd_record *record, const uint8_t *otlp, size_t len)
{
  memcpy(record->trace_id, otlp + SD_SPAN_AT_TRACE_ID, SD_TRACE_ID_SIZE);
  memcpy(record->span_id, otlp + SD_SPAN_AT_SPAN_ID, SD_SPAN_ID_SIZE);
  record->span_kind = otlp[SD_SPAN_AT_KIND];
  record->start_unix_ns = (int64_t)sd_pb_get_fixed64(otlp + SD_SPAN_AT_START);
  record->end_unix_ns = record->kind == SD_RECORD_PENDING ? record->start_unix_ns
                                                          : (int64_t)sd_pb_get_fixed64(otlp + SD_SPAN_AT_END);
  record->parent_remote = otlp[SD_SPAN_AT_FLAGS + 1] & (SD_OTLP_FLAG_REMOTE >> 8) ? 1 : 0;
  sd_bytes rest = sd_bytes_make(otlp + SD_SPAN_AT_PARENT, len - SD_SPAN_AT_PARENT);
  sd_pb_field field;
  while (sd_pb_next(&rest, &field)) {
    if (field.number == SD_OTLP_SPAN_PARENT_ID && field.bytes.len == SD_SPAN_ID_SIZE) {
      memcpy(record->parent_id, field.bytes.data, SD_SPAN_ID_SIZE);
    } else {
      record->name = (const char *)field.bytes.data;
      record->name_len = field.bytes.len;
      return;
    }
  }
}

static void read_log(sd_record *record, sd_bytes otlp)
{
  sd_pb_field field;
  while (sd_pb_next(&otlp, &field)) {
    if (field.number == SD_OTLP_LOG_TIME)
      record->start_unix_ns = (int64_t)field.integer;
    else if (field.number == SD_OTLP_LOG_OBSERVED && !record->start_unix_ns)
      record->start_unix_ns = (int64_t)field.integer;
    else if (field.number == SD_OTLP_LOG_TRACE_ID && field.bytes.len == SD_TRACE_ID_SIZE)
      memcpy(record->trace_id, field.bytes.data, SD_TRACE_ID_SIZE);
    else if (field.number == SD_OTLP_LOG_SPAN_ID && field.bytes.len == SD_SPAN_ID_SIZE)
      memcpy(record->span_id, field.bytes.data, SD_SPAN_ID_SIZE);
    else if (field.number == SD_OTLP_LOG_EVENT_NAME) {
      record->name = (const char *)field.bytes.data;
      record->name_len = field.bytes.len;
    }
  }
  record->end_unix_ns = record->start_unix_ns;
}

static void read_record(const sd_ring_record *from, sd_record *record)
{
  const uint8_t *bytes = (const uint8_t *)(from + 1);
  memset(record, 0, sizeof *record);
  record->kind = (sd_record_kind)from->kind;
  record->tracer = from->tracer;
  record->status = from->status;
  record->is_log = from->is_log;
  record->level = from->level;
  record->name = "";
  if (from->message_len > 0) {
    record->message = (const char *)bytes;
    record->message_len = from->message_len;
  }
  record->otlp = bytes + from->message_len;
  record->otlp_len = from->otlp_len;
  if (record->kind == SD_RECORD_LOG)
    read_log(record, sd_bytes_make(record->otlp, record->otlp_len));
  else
    read_span(record, record->otlp, record->otlp_len);
}

/* ---- Batches
 * ------------------------------------------------------------------------------------------------- */

static size_t choose_finished(const sd_record *records, size_t count, sd_record *chosen)
{
  size_t n = 0;
  for (size_t i = 0; i < count; i++) {
    if (records[i].kind != SD_RECORD_PENDING)
      chosen[n++] = records[i];
  }
  return n;
}

/* Hands the batch to every exporter. `busy` is free meanwhile: an exporter may take its time, a fork may not.
 */
static void dispatch(sd_telemetry *telemetry)
{
  sd_processor *processor = &telemetry->processor;
  size_t count = processor->count;
  if (count == 0)
    return;
  const sd_record *finished = processor->records;
  size_t finished_count = count - processor->pending_count;
  if (processor->pending_count > 0) {
    choose_finished(processor->records, count, processor->chosen);
    finished = processor->chosen;
  }
  pthread_mutex_unlock(&processor->busy);
  for (size_t i = 0; i < telemetry->exporter_count; i++) {
    sd_exporter *exporter = telemetry->exporters[i];
    bool all = exporter->traits.wants_pending;
    const sd_record *records = all ? processor->records : finished;
    size_t n = all ? count : finished_count;
    if (!exporter->vtable->export_records || n == 0)
      continue;
    if (sd_processor_enter(telemetry, exporter)) {
      exporter->vtable->export_records(exporter->self, records, n);
      sd_processor_leave(telemetry);
    } else {
      atomic_fetch_add_explicit(&telemetry->dropped_shutdown, n, memory_order_relaxed);
    }
  }
  pthread_mutex_lock(&processor->busy);
  processor->count = 0;
  processor->pending_count = 0;
  sd_arena_reset(&processor->scrubbed);
  sd_tail_forget(&processor->tail);
}

/* Moves what scrubbing wrote out of the scratch buffer, whose memory the next record uses. */
static bool keep_scrubbed(sd_processor *processor, sd_record *record)
{
  const uint8_t *from = processor->scratch.data;
  size_t len = processor->scratch.len;
  if (len == 0)
    return true;
  uint8_t *to = sd_arena_copy(&processor->scrubbed, from, len);
  if (!to)
    return false;
  if (record->otlp >= from && record->otlp < from + len)
    record->otlp = to + (record->otlp - from);
  if ((const uint8_t *)record->name >= from && (const uint8_t *)record->name < from + len)
    record->name = (const char *)to + ((const uint8_t *)record->name - from);
  if ((const uint8_t *)record->message >= from && (const uint8_t *)record->message < from + len)
    record->message = (const char *)to + ((const uint8_t *)record->message - from);
  return true;
}

void sd_batch_emit(void *user, const sd_ring_record *from)
{
  sd_telemetry *telemetry = user;
  sd_processor *processor = &telemetry->processor;
  sd_record read;
  sd_record clean;
  read_record(from, &read);
  sd_buf_clear(&processor->scratch);
  if (sd_record_scrub(telemetry->scrubber, &read, &processor->scratch, &clean) != SD_OK ||
      !keep_scrubbed(processor, &clean)) {
    atomic_fetch_add_explicit(&telemetry->dropped_unclean, 1, memory_order_relaxed);
    return;
  }
  processor->records[processor->count++] = clean;
  processor->pending_count += clean.kind == SD_RECORD_PENDING;
  if (processor->count == processor->batch)
    dispatch(telemetry);
}

/* ---- Blocks
 * -------------------------------------------------------------------------------------------------- */

/* Moves to the next record. Blocks that were read go to *used: the batch may still point into them. */
static void advance(cursor *at, sd_ring_block **used)
{
  at->at += at->record ? at->record->size : 0;
  while (at->block && at->at >= at->block->used) {
    sd_ring_block *done = at->block;
    at->block = done->next;
    at->at = 0;
    done->next = *used;
    *used = done;
  }
  at->record = at->block ? sd_ring_record_at(at->block, at->at) : NULL;
}

static cursor *earliest(cursor *cursors, uint32_t count)
{
  cursor *found = NULL;
  for (uint32_t i = 0; i < count; i++) {
    if (cursors[i].record && (!found || cursors[i].record->stamp < found->record->stamp))
      found = &cursors[i];
  }
  return found;
}

static void give_back(sd_ring *ring, sd_ring_block **used)
{
  while (*used) {
    sd_ring_block *block = *used;
    *used = block->next;
    sd_ring_give_back(ring, block);
  }
}

static void take(sd_telemetry *telemetry, const sd_ring_record *record)
{
  sd_tail *tail = &telemetry->processor.tail;
  atomic_store_explicit(&telemetry->ring.taken,
                        atomic_load_explicit(&telemetry->ring.taken, memory_order_relaxed) + 1,
                        memory_order_relaxed);
  if (tail->enabled)
    sd_tail_add(tail, record);
  else
    sd_batch_emit(telemetry, record);
}

static void take_all(sd_telemetry *telemetry)
{
  sd_ring *ring = &telemetry->ring;
  sd_ring_block *heads[SD_RING_SHARDS_MAX];
  if (!sd_ring_drain(ring, heads))
    return;
  cursor cursors[SD_RING_SHARDS_MAX];
  sd_ring_block *used = NULL;
  uint32_t count = 0;
  for (uint32_t i = 0; i <= ring->shard_mask; i++) {
    if (heads[i]) {
      cursors[count] = (cursor){.block = heads[i]};
      advance(&cursors[count++], &used);
    }
  }
  for (cursor *at; (at = earliest(cursors, count));) {
    take(telemetry, at->record);
    advance(at, &used);
    /* An empty batch points nowhere. */
    if (used && telemetry->processor.count == 0)
      give_back(ring, &used);
  }
  dispatch(telemetry);
  give_back(ring, &used);
}

void sd_batch_process(sd_telemetry *telemetry, bool is_last)
{
  sd_processor *processor = &telemetry->processor;
  pthread_mutex_lock(&processor->busy);
  take_all(telemetry);
  if (processor->tail.enabled) {
    sd_tail_look(&processor->tail, sd_unix_ns());
    if (is_last)
      sd_tail_finish(&processor->tail);
    dispatch(telemetry);
    sd_tail_forget(&processor->tail);
  }
  pthread_mutex_unlock(&processor->busy);
}
