/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One mapping between a fake source and a fake sink, in virtual time: everything happens in one thread, and
 * an hour passes in no time. */
#ifndef TESTS_STREAM_RIG_H
#define TESTS_STREAM_RIG_H

#include "fake_sink.h"
#include "fake_source.h"
#include "stream/mapping.h"

enum { RIG_LOG_MAX = 64 * 1024 };

typedef struct test_rig {
  uint64_t now_ms;
  fake_broker broker;
  fake_db db;
  sd_stream_mapping settings;
  sd_stream_timings timings;
  size_t share;
  bool until_caught_up;
  sd_queue *replies;
  fake_sink *sink;
  fake_source *source;
  sd_mapping *mapping;
  uint32_t events_per_step;
  bool source_rests; /* the source is not stepped */
  bool sink_rests;
  sd_log *log;
  char log_text[RIG_LOG_MAX];
  size_t log_len;
} test_rig;

/* A broker of so many partitions with so many events each, an empty database, and a mapping that is not made
 * yet: tests change settings, timings and share before rig_start. */
void rig_init(test_rig *rig, uint32_t partitions, int64_t events_each);
/* Makes sink, source and mapping, and starts. `owner`: of this instance in the control table. */
void rig_start(test_rig *rig, const char *owner);
/* Does what can be done at this moment; false when there was nothing. */
bool rig_step(test_rig *rig);
/* Lets ms pass. */
void rig_pass(test_rig *rig, uint64_t ms);
/* Lets time pass until the condition holds; false when it did not within max_ms. */
bool rig_until(test_rig *rig, bool (*holds)(test_rig *rig), uint64_t max_ms);
/* Frees the mapping and its parts, in whatever state they are, as a crash would; the database stays. */
void rig_crash(test_rig *rig);
void rig_release(test_rig *rig);

bool rig_ended(test_rig *rig);
bool rig_landed_all(test_rig *rig);
sd_mapping_snapshot rig_snapshot(test_rig *rig);
bool rig_logged(const test_rig *rig, const char *text);
bool rig_complete(test_rig *rig);

#endif
