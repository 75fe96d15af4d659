/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's progress. */
#include "cli/demo_progress.h"

#include "base/buf.h"
#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

enum { TERMINAL_MS = 200, LINE_MS = 1000, LINE_MAX = 4096, COUNT_MAX = 32, PARTITIONS_SHOWN_MAX = 8 };

char *sd_demo_count_text(uint64_t number, char text[32])
{
  char digits[COUNT_MAX];
  int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
  size_t at = 0;
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0)
      text[at++] = ',';
    text[at++] = digits[i];
  }
  text[at] = '\0';
  return text;
}

static void measure(sd_demo_progress *progress, uint64_t now, uint64_t landed)
{
  if (progress->last_ms && now > progress->last_ms && landed >= progress->last_landed) {
    double rate = (double)(landed - progress->last_landed) * 1000.0 / (double)(now - progress->last_ms);
    progress->rate = progress->rate > 0 ? progress->rate * 0.6 + rate * 0.4 : rate;
  }
  progress->last_ms = now;
  progress->last_landed = landed;
}

static void put_json(const sd_demo_progress *progress, sd_buf *line, uint64_t wanted, uint64_t accepted,
                     uint64_t landed, const sd_mapping_snapshot *snapshot)
{
  sd_buf_appendf(line,
                 "{\"event\":\"progress\",\"wanted\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"landed\":%" PRIu64
                 ",\"events_per_second\":%.0f,\"lag\":{",
                 wanted, accepted, landed, progress->rate);
  for (size_t i = 0; snapshot && i < snapshot->partition_count; i++) {
    const sd_partition_snapshot *p = &snapshot->partitions[i];
    sd_buf_appendf(line, "%s\"%s\":%" PRId64, i ? "," : "", p->partition_id, p->lag);
  }
  sd_buf_append_text(line, "}}\n");
}

static void put_text(const sd_demo_progress *progress, sd_buf *line, uint64_t wanted, uint64_t accepted,
                     uint64_t landed, const sd_mapping_snapshot *snapshot)
{
  char all[COUNT_MAX], sent[COUNT_MAX], rows[COUNT_MAX], rate[COUNT_MAX], lag[COUNT_MAX];
  sd_buf_appendf(line, "sent %s of %s, landed %s, %s events/s, lag", sd_demo_count_text(accepted, sent),
                 sd_demo_count_text(wanted, all), sd_demo_count_text(landed, rows),
                 sd_demo_count_text((uint64_t)progress->rate, rate));
  for (size_t i = 0; snapshot && i < snapshot->partition_count && i < PARTITIONS_SHOWN_MAX; i++) {
    const sd_partition_snapshot *p = &snapshot->partitions[i];
    sd_buf_appendf(line, "%s %s: %s", i ? "," : "", p->partition_id,
                   sd_demo_count_text(p->lag > 0 ? (uint64_t)p->lag : 0, lag));
  }
}

void sd_demo_progress_show(sd_demo_progress *progress, uint64_t wanted, uint64_t accepted, uint64_t landed,
                           const sd_mapping_snapshot *snapshot)
{
  uint64_t now = sd_clock_monotonic_ms();
  bool in_place = progress->terminal && !progress->json;
  if (progress->shown_ms && now - progress->shown_ms < (uint64_t)(in_place ? TERMINAL_MS : LINE_MS))
    return;
  measure(progress, now, landed);
  progress->shown_ms = now;
  sd_buf line;
  sd_buf_init(&line, LINE_MAX);
  if (progress->json) {
    put_json(progress, &line, wanted, accepted, landed, snapshot);
  } else {
    put_text(progress, &line, wanted, accepted, landed, snapshot);
    sd_buf_append_text(&line, in_place ? "\x1b[K\r" : "\n");
  }
  fputs(sd_buf_text(&line), progress->out);
  fflush(progress->out);
  sd_buf_release(&line);
}

void sd_demo_progress_end(sd_demo_progress *progress)
{
  if (progress->terminal && !progress->json && progress->shown_ms)
    fputc('\n', progress->out);
}
