/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sums over mappings and the block of statistics. */
#include "cli/totals.h"

#include <inttypes.h>
#include <stdio.h>

sd_totals sd_totals_of(const sd_stream_snapshot *snapshot)
{
  sd_totals t = {.mappings = snapshot->mapping_count};
  for (size_t i = 0; i < snapshot->mapping_count; i++) {
    const sd_mapping_snapshot *m = &snapshot->mappings[i];
    t.halted += m->state == SD_MAPPING_HALTED;
    t.received += m->received;
    t.received_bytes += m->received_bytes;
    t.landed += m->landed;
    t.dead_letters += m->dead_letters;
    t.batches += m->batches;
    t.transactions += m->transactions;
    t.retries += m->retries;
    t.attempts_failed += m->attempts_failed;
    t.gaps += m->gaps;
    t.buffered_bytes += m->buffered_bytes;
    t.lag += m->lag;
  }
  return t;
}

double sd_totals_success_rate(const sd_totals *totals)
{
  uint64_t attempts = totals->transactions + totals->attempts_failed;
  return attempts ? (double)totals->transactions / (double)attempts : 1.0;
}

void sd_totals_append_count(uint64_t count, sd_buf *out)
{
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%" PRIu64, count);
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0)
      sd_buf_append_byte(out, ',');
    sd_buf_append_byte(out, (uint8_t)digits[i]);
  }
}

void sd_totals_append_bytes(uint64_t bytes, sd_buf *out)
{
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  double value = (double)bytes;
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < sizeof units / sizeof *units) {
    value /= 1000;
    unit++;
  }
  sd_buf_appendf(out, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void append_row(const char *name, uint64_t count, sd_buf *out)
{
  sd_buf_appendf(out, "  %-14s", name);
  sd_totals_append_count(count, out);
  sd_buf_append_byte(out, '\n');
}

static void append_mapping(const sd_mapping_snapshot *m, sd_buf *out)
{
  sd_buf_appendf(out, "  mapping %d: %s, %s, ", m->number, m->name ? m->name : "",
                 sd_mapping_state_name(m->state));
  sd_totals_append_count(m->landed, out);
  sd_buf_append_text(out, " landed, ");
  sd_totals_append_count(m->dead_letters, out);
  sd_buf_append_text(out, " dead letters, lag ");
  sd_totals_append_count(m->lag > 0 ? (uint64_t)m->lag : 0, out);
  if (m->gaps)
    sd_buf_appendf(out, ", %" PRIu64 " sequence numbers never came", m->gaps);
  sd_buf_append_byte(out, '\n');
  if (m->last_error.code != SD_OK)
    sd_buf_appendf(out, "    last error: %s\n", m->last_error.message);
}

void sd_totals_append_block(const sd_stream_snapshot *snapshot, double seconds, sd_buf *out)
{
  sd_totals t = sd_totals_of(snapshot);
  sd_buf_append_text(out, "statistics\n");
  append_row("mappings", t.mappings, out);
  append_row("messages", t.landed + t.dead_letters, out);
  append_row("batches", t.batches, out);
  append_row("transactions", t.transactions, out);
  append_row("retries", t.retries, out);
  sd_buf_appendf(out, "  %-14s%.2f %% (attempts to write that were committed, of all attempts)\n",
                 "success rate", 100.0 * sd_totals_success_rate(&t));
  append_row("dead letters", t.dead_letters, out);
  sd_buf_appendf(out, "  %-14s%.1f", "seconds", seconds);
  if (seconds > 0) {
    sd_buf_append_text(out, " (");
    sd_totals_append_count((uint64_t)((double)(t.landed + t.dead_letters) / seconds), out);
    sd_buf_append_text(out, " messages/s)");
  }
  sd_buf_append_byte(out, '\n');
  for (size_t i = 0; i < snapshot->mapping_count; i++)
    append_mapping(&snapshot->mappings[i], out);
}

json_t *sd_totals_to_json(const sd_totals *t)
{
  return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I}", "mappings", (json_int_t)t->mappings,
                   "halted", (json_int_t)t->halted, "messages", (json_int_t)(t->landed + t->dead_letters),
                   "landed", (json_int_t)t->landed, "batches", (json_int_t)t->batches, "transactions",
                   (json_int_t)t->transactions, "retries", (json_int_t)t->retries, "attempts_failed",
                   (json_int_t)t->attempts_failed, "success_rate", sd_totals_success_rate(t), "dead_letters",
                   (json_int_t)t->dead_letters);
}
