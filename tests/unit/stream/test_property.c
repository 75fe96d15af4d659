/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever goes wrong, each event lands exactly once and in order: random schedules of failing databases,
 * lost answers, broken connections, stolen partitions, other owners, full queues, stops and crashes. A run is
 * decided by its seed alone. $STREAMDUCK_TEST_SEED runs one seed, $STREAMDUCK_TEST_RUNS so many.
 */
#include "rig.h"

#include "base/random.h"

#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(SANITIZED) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { RUNS = 300 };
#else
enum { RUNS = 2000 };
#endif

enum { STEPS = 400, SETTLE_MS = 3600 * 1000 };

typedef struct test_dice {
  uint64_t state;
} test_dice;

/* splitmix64 */
static uint64_t roll(test_dice *dice)
{
  uint64_t z = dice->state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static uint32_t below(test_dice *dice, uint32_t bound)
{
  return (uint32_t)(roll(dice) % bound);
}

static bool chance(test_dice *dice, uint32_t percent)
{
  return below(dice, 100) < percent;
}

typedef struct test_tally {
  uint64_t runs, events, faults, restarts, fenced, retries, refused;
} test_tally;

static void set_up(test_rig *rig, test_dice *dice)
{
  rig_init(rig, 1 + below(dice, 5), below(dice, 40));
  rig->settings.motherduck = chance(dice, 50);
  rig->settings.motherduck_token = "token";
  rig->settings.batch_rows = 1 + below(dice, 30);
  rig->settings.batch_timeout_ms = 1 + below(dice, 300);
  rig->broker.body_bytes = chance(dice, 20) ? below(dice, 600000) : 0;
  rig->share = (4u + below(dice, 8)) * 1024 * 1024;
  /* No jitter: a seed is a run. */
  rig->timings.backoff_base_ms = 1;
  rig->timings.backoff_cap_ms = 1;
  rig->timings.backoff_min_ms = 40;
  rig->timings.lease_local_ms = 500;
  rig->timings.lease_shared_ms = 3000;
  rig->db.lease_us = 3000 * 1000;
}

static void restart(test_rig *rig, test_dice *dice, int instance)
{
  char owner[32];
  snprintf(owner, sizeof owner, "instance %d", instance);
  rig_start(rig, owner);
  rig->sink->coalesce = 1 + below(dice, 8);
}

static void fail_sink(test_rig *rig, test_dice *dice)
{
  static const int types[] = {10, 21, 25, 28, 29, 33, 38};
  static const sd_sink_op_type ops[] = {SD_SINK_OPEN,  SD_SINK_CLAIM, SD_SINK_WRITE,
                                        SD_SINK_WRITE, SD_SINK_WRITE, SD_SINK_RENEW};
  sd_error error = fake_duck_error(types[below(dice, 7)], "the connection timed out");
  fake_sink_fail(rig->sink, ops[below(dice, 6)], 1 + below(dice, 3), &error,
                 chance(dice, 50) ? FAKE_ANSWER_LOST : FAKE_NOT_DONE);
}

static void steal_in_database(test_rig *rig, test_dice *dice)
{
  /* Only a shared database has other owners. */
  if (!rig->settings.motherduck)
    return;
  char id[16];
  uint32_t partition = below(dice, rig->broker.partitions);
  snprintf(id, sizeof id, "%u", partition);
  fake_db_steal(&rig->db, "events", id, below(dice, 6), rig->broker.last[partition],
                (int64_t)below(dice, 2000) * 1000);
}

/* One thing goes wrong, or on. */
static void disturb(test_rig *rig, test_dice *dice)
{
  switch (below(dice, 9)) {
  case 0:
  case 1:
    fail_sink(rig, dice);
    break;
  case 2:
    fake_source_disconnect(rig->source, below(dice, 5));
    break;
  case 3:
    fake_source_steal(rig->source, below(dice, rig->broker.partitions));
    break;
  case 4:
    steal_in_database(rig, dice);
    break;
  case 5:
    rig->sink->refuse = 1 + below(dice, 4);
    break;
  case 6:
    rig->sink_rests = chance(dice, 50);
    break;
  case 7:
    rig->source_rests = chance(dice, 30);
    break;
  default:
    rig->now_ms += below(dice, 4000);
    break;
  }
}

static void count(test_tally *tally, test_rig *rig)
{
  sd_mapping_snapshot snapshot = rig_snapshot(rig);
  tally->fenced += snapshot.fenced;
  tally->retries += snapshot.retries;
  tally->refused += rig->source->refused;
}

static void settle(test_rig *rig)
{
  sd_error none = {0};
  rig->sink_rests = false;
  rig->source_rests = false;
  fake_source_reconnect(rig->source);
  fake_sink_fail(rig->sink, SD_SINK_OPEN, 0, &none, FAKE_NOT_DONE);
}

static bool is_settled(test_rig *rig)
{
  if (!rig_landed_all(rig))
    return false;
  sd_mapping_snapshot snapshot = rig_snapshot(rig);
  return snapshot.state == SD_MAPPING_RUNNING && snapshot.lag == 0;
}

static bool play(uint64_t seed, test_tally *tally)
{
  test_dice dice = {seed};
  test_rig *rig = test_malloc(sizeof *rig);
  set_up(rig, &dice);
  int instance = 1;
  restart(rig, &dice, instance);
  for (int step = 0; step < STEPS; step++) {
    fake_source_reconnect(rig->source);
    if (chance(&dice, 6)) {
      disturb(rig, &dice);
      tally->faults++;
    }
    if (chance(&dice, 10))
      rig->broker.last[below(&dice, rig->broker.partitions)] += below(&dice, 8);
    if (chance(&dice, 1)) {
      if (chance(&dice, 50)) {
        settle(rig);
        sd_mapping_stop(rig->mapping);
        assert_true(rig_until(rig, rig_ended, SETTLE_MS));
      }
      count(tally, rig);
      rig_crash(rig);
      restart(rig, &dice, ++instance);
      tally->restarts++;
    }
    rig->events_per_step = 1 + below(&dice, 20);
    if (!rig_step(rig))
      rig->now_ms += below(&dice, 50);
  }
  settle(rig);
  bool good = rig_until(rig, is_settled, SETTLE_MS);
  good = rig_complete(rig) && good;
  sd_mapping_snapshot snapshot = rig_snapshot(rig);
  count(tally, rig);
  good = good && snapshot.gaps == 0 && snapshot.lag == 0 && snapshot.state != SD_MAPPING_HALTED;
  sd_mapping_stop(rig->mapping);
  good = rig_until(rig, rig_ended, SETTLE_MS) && good;
  tally->runs++;
  tally->events += fake_db_rows(&rig->db);
  if (!good)
    printf("# seed %" PRIu64 ": state %d, lag %" PRId64 ", gaps %" PRIu64 "\n# %s\n", seed,
           (int)snapshot.state, snapshot.lag, snapshot.gaps, rig->log_text);
  rig_release(rig);
  test_free(rig);
  return good;
}

static void each_event_lands_exactly_once_and_in_order_whatever_fails(void **state)
{
  (void)state;
  const char *seed_text = getenv("STREAMDUCK_TEST_SEED");
  const char *runs_text = getenv("STREAMDUCK_TEST_RUNS");
  uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : sd_random_u64() >> 16;
  uint64_t runs = seed_text ? 1 : runs_text ? strtoull(runs_text, NULL, 10) : RUNS;
  test_tally tally = {0};
  bool good = true;
  printf("# first seed %" PRIu64 ", %" PRIu64 " runs\n", seed, runs);
  for (uint64_t i = 0; i < runs && good; i++)
    good = play(seed + i, &tally);
  printf("# %" PRIu64 " runs, %" PRIu64 " events, %" PRIu64 " faults, %" PRIu64 " restarts, %" PRIu64
         " partitions lost, %" PRIu64 " retries, %" PRIu64 " events refused for want of memory\n",
         tally.runs, tally.events, tally.faults, tally.restarts, tally.fenced, tally.retries, tally.refused);
  assert_true(good);
  if (runs >= RUNS) {
    /* A schedule in which nothing goes wrong proves nothing. */
    assert_true(tally.restarts > 0 && tally.fenced > 0 && tally.retries > 0 && tally.refused > 0);
  }
}

int main(void)
{
  /* Blocks of batches come back from the heap instead of anew from the kernel: the runs take a third. */
  mallopt(M_MMAP_THRESHOLD, 1 << 26);
  mallopt(M_TRIM_THRESHOLD, 1 << 26);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_event_lands_exactly_once_and_in_order_whatever_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
