/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's progress. */
#include "cli/demo_progress.h"

#include "base/buf.h"
#include "base/clock.h"
#include "cli/totals.h"

#include <inttypes.h>
#include <string.h>

enum { TERMINAL_MS = 200, LINE_MS = 1000, LINE_MAX = 4096, PARTITIONS_SHOWN_MAX = 8 };

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

static void put_count(sd_buf *line, const char *before, uint64_t count)
{
  sd_buf_append_text(line, before);
  sd_totals_append_count(count, line);
}

static void put_text(const sd_demo_progress *progress, sd_buf *line, uint64_t wanted, uint64_t accepted,
                     uint64_t landed, const sd_mapping_snapshot *snapshot)
{
  put_count(line, "sent ", accepted);
  put_count(line, " of ", wanted);
  put_count(line, ", landed ", landed);
  put_count(line, ", ", (uint64_t)progress->rate);
  sd_buf_append_text(line, " events/s, lag");
  for (size_t i = 0; snapshot && i < snapshot->partition_count && i < PARTITIONS_SHOWN_MAX; i++) {
    const sd_partition_snapshot *p = &snapshot->partitions[i];
    sd_buf_appendf(line, "%s %s:", i ? "," : "", p->partition_id);
    put_count(line, " ", p->lag > 0 ? (uint64_t)p->lag : 0);
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
