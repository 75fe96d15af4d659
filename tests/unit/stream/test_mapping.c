/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One mapping between a fake source and a fake sink, in virtual time: landing, failing, ending. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static test_rig rig;

static int release_rig(void **state)
{
  (void)state;
  rig_release(&rig);
  return 0;
}

static const sd_error *conflict(void)
{
  static sd_error error;
  error = fake_duck_error(10, "Conflict on update!");
  return &error;
}

static bool is_backing_off(test_rig *r)
{
  return rig_snapshot(r).state == SD_MAPPING_BACKING_OFF;
}

static bool is_halted(test_rig *r)
{
  return rig_snapshot(r).state == SD_MAPPING_HALTED && rig_ended(r);
}

/* The partitions are claimed, and nothing has been delivered yet. */
static bool is_open(test_rig *r)
{
  return r->source->opens == r->broker.partitions;
}

static bool is_caught_up(test_rig *r)
{
  return sd_mapping_caught_up_ms(r->mapping) != 0;
}

/* ---- landing ---- */

static void everything_the_broker_holds_lands_in_order(void **state)
{
  (void)state;
  rig_init(&rig, 4, 1000);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  rig_pass(&rig, 10);
  sd_mapping_snapshot snapshot = rig_snapshot(&rig);
  assert_true(rig_complete(&rig));
  assert_int_equal(snapshot.state, SD_MAPPING_RUNNING);
  assert_int_equal(snapshot.received, 4000);
  assert_int_equal(snapshot.landed, 4000);
  assert_int_equal(snapshot.lag, 0);
  assert_int_equal(snapshot.partition_count, 4);
  assert_int_equal(snapshot.partitions[3].landed_sequence, 999);
  assert_int_equal(snapshot.partitions[3].landed_enqueued_us, 999 * 1000000LL);
  assert_string_equal(snapshot.name, "flights → test.duckdb.main.events");
  assert_true(rig_logged(&rig, "start position earliest"));
}

static void a_batch_closes_when_it_has_its_rows(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig.settings.batch_rows = 30;
  rig.settings.batch_timeout_ms = HOUR;
  rig_start(&rig, "me");
  rig_pass(&rig, MINUTE);
  assert_int_equal(fake_db_rows(&rig.db), 90);
  assert_int_equal(rig_snapshot(&rig).batches, 3);
}

static void a_batch_closes_when_it_has_its_bytes(void **state)
{
  (void)state;
  rig_init(&rig, 1, 10);
  rig.settings.batch_bytes = 25000;
  rig.settings.batch_timeout_ms = HOUR;
  rig.broker.body_bytes = 10000;
  rig_start(&rig, "me");
  rig_pass(&rig, MINUTE);
  assert_int_equal(fake_db_rows(&rig.db), 9);
  assert_int_equal(rig_snapshot(&rig).batches, 3);
}

static void a_quiet_partition_lands_after_the_batch_timeout(void **state)
{
  (void)state;
  rig_init(&rig, 1, 1);
  rig.settings.batch_timeout_ms = 700;
  rig_start(&rig, "me");
  rig_pass(&rig, 650);
  assert_int_equal(fake_db_rows(&rig.db), 0);
  rig_pass(&rig, 100);
  assert_int_equal(fake_db_rows(&rig.db), 1);
}

static void several_batches_wait_at_the_sink_so_that_it_can_coalesce(void **state)
{
  (void)state;
  rig_init(&rig, 2, 500);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_open, MINUTE));
  rig.sink_rests = true;
  rig_pass(&rig, 5);
  assert_true(rig.sink->depth_max >= 8);
  rig.sink->coalesce = 16;
  rig.sink_rests = false;
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  rig_pass(&rig, 5);
  sd_mapping_snapshot snapshot = rig_snapshot(&rig);
  assert_true(snapshot.transactions < snapshot.batches);
}

static void a_full_sink_queue_only_delays(void **state)
{
  (void)state;
  rig_init(&rig, 2, 300);
  rig_start(&rig, "me");
  for (int i = 0; i < 20; i++) {
    rig.sink->refuse = 3;
    rig_pass(&rig, 30);
  }
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_true(rig_complete(&rig));
  assert_int_equal(rig_snapshot(&rig).retries, 0);
}

static void replayed_events_are_dropped(void **state)
{
  (void)state;
  rig_init(&rig, 2, 200);
  rig.events_per_step = 7;
  rig_start(&rig, "me");
  for (int i = 0; i < 20; i++) {
    rig_step(&rig);
    fake_source_disconnect(rig.source, 10);
    fake_source_reconnect(rig.source);
  }
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  rig_pass(&rig, 10);
  assert_true(rig_complete(&rig));
  assert_int_equal(rig_snapshot(&rig).received, 400);
  assert_true(rig_snapshot(&rig).reconnects > 0);
  assert_true(rig.source->delivered > 400);
}

static void gaps_are_counted_and_told(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  rig.broker.last[1] += 50;
  rig.broker.begin[1] = 120;
  rig_pass(&rig, 2 * 1000);
  sd_mapping_snapshot snapshot = rig_snapshot(&rig);
  assert_int_equal(snapshot.gaps, 20);
  assert_int_equal(snapshot.partitions[1].gaps, 20);
  assert_int_equal(snapshot.partitions[0].gaps, 0);
  assert_true(rig_logged(&rig, "20 sequence numbers never came"));
}

/* ---- back-pressure ---- */

static void a_stalled_sink_stops_the_flow_within_the_share_and_nothing_is_lost(void **state)
{
  (void)state;
  rig_init(&rig, 2, 20000);
  rig.share = 4 * 1024 * 1024;
  rig.broker.body_bytes = 1000;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_open, MINUTE));
  rig.sink_rests = true;
  rig_pass(&rig, MINUTE);
  sd_mapping_snapshot snapshot = rig_snapshot(&rig);
  assert_true(snapshot.buffered_bytes <= rig.share);
  assert_true(snapshot.buffered_bytes > rig.share / 2);
  assert_true(rig.source->last_grant < rig.share / 4);
  assert_true(snapshot.received < 40000);
  rig.sink_rests = false;
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_true(rig_complete(&rig));
}

static void during_a_stall_the_lag_is_what_the_broker_holds_less_what_landed(void **state)
{
  (void)state;
  rig_init(&rig, 2, 1000);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  rig.sink_rests = true;
  rig.broker.last[0] += 70000;
  rig.broker.last[1] += 11;
  rig_pass(&rig, 6 * 1000);
  sd_mapping_snapshot snapshot = rig_snapshot(&rig);
  assert_int_equal(snapshot.lag, 70011);
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(snapshot.partitions[i].lag,
                     snapshot.partitions[i].broker_last_sequence - snapshot.partitions[i].landed_sequence);
  assert_int_equal(snapshot.partitions[0].broker_last_sequence, 70999);
  assert_int_equal(snapshot.partitions[0].landed_sequence, 999);
}

static void an_event_larger_than_the_share_halts_and_says_so(void **state)
{
  (void)state;
  rig_init(&rig, 1, 1);
  rig.share = 1024 * 1024;
  rig.broker.body_bytes = 3 * 1024 * 1024;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_halted, MINUTE));
  assert_int_equal(sd_mapping_halt_error(rig.mapping)->code, SD_LIMIT);
  assert_non_null(strstr(sd_mapping_halt_error(rig.mapping)->message, "memory_bytes"));
}

/* ---- failing and trying again ---- */

static void after_a_failed_write_the_same_batches_land_in_order(void **state)
{
  (void)state;
  rig_init(&rig, 3, 500);
  rig_start(&rig, "me");
  fake_sink_fail(rig.sink, SD_SINK_WRITE, 3, conflict(), FAKE_NOT_DONE);
  assert_true(rig_until(&rig, rig_landed_all, HOUR));
  rig_pass(&rig, 10);
  sd_mapping_snapshot snapshot = rig_snapshot(&rig);
  assert_true(rig_complete(&rig));
  assert_int_equal(snapshot.attempts_failed, 3);
  assert_int_equal(snapshot.retries, 3);
  assert_int_equal(snapshot.landed, 1500);
  assert_int_equal(snapshot.last_error.code, SD_OK);
}

static void a_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten(void **state)
{
  (void)state;
  rig_init(&rig, 3, 500);
  rig_start(&rig, "me");
  rig.sink->coalesce = 4;
  fake_sink_fail(rig.sink, SD_SINK_WRITE, 4, conflict(), FAKE_ANSWER_LOST);
  assert_true(rig_until(&rig, rig_landed_all, HOUR));
  rig_pass(&rig, 5000);
  assert_true(rig_complete(&rig));
  /* What landed without an answer is counted all the same. */
  assert_int_equal(rig_snapshot(&rig).landed, 1500);
  assert_int_equal(rig_snapshot(&rig).attempts_failed, 4);
}

static void a_database_that_is_away_for_ten_minutes_is_waited_for_with_bounded_memory(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.share = 4 * 1024 * 1024;
  rig.broker.body_bytes = 2000;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  sd_error gone = fake_duck_error(25, "network is unreachable");
  fake_sink_fail(rig.sink, SD_SINK_WRITE, 1, &gone, FAKE_NOT_DONE);
  rig.broker.last[0] += 20000;
  assert_true(rig_until(&rig, is_backing_off, MINUTE));
  fake_sink_fail(rig.sink, SD_SINK_OPEN, UINT32_MAX, &gone, FAKE_NOT_DONE);
  rig_pass(&rig, 10 * MINUTE);
  assert_int_equal(rig_snapshot(&rig).state, SD_MAPPING_BACKING_OFF);
  assert_true(rig_snapshot(&rig).buffered_bytes <= rig.share);
  assert_non_null(strstr(rig_snapshot(&rig).last_error.message, "unreachable"));
  /* Full jitter up to 60 s: 10 minutes are some 20 to 30 tries, never a storm. */
  assert_in_range(fake_sink_seen(rig.sink, SD_SINK_OPEN), 10, 100);
  fake_sink_fail(rig.sink, SD_SINK_OPEN, 0, &gone, FAKE_NOT_DONE);
  assert_true(rig_until(&rig, rig_landed_all, 5 * MINUTE));
  assert_true(rig_complete(&rig));
}

static void an_error_reading_checkpoints_is_retried_and_never_taken_for_no_checkpoint(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  fake_db_put(&rig.db, "events", "0", 59, rig.broker.incarnation);
  fake_db_put(&rig.db, "events", "1", 59, rig.broker.incarnation);
  rig.settings.start = SD_START_LATEST;
  rig_start(&rig, "me");
  sd_error error = fake_duck_error(28, "the connection was reset by peer");
  fake_sink_fail(rig.sink, SD_SINK_CLAIM, 5, &error, FAKE_NOT_DONE);
  assert_true(rig_until(&rig, is_backing_off, MINUTE));
  assert_int_equal(rig.source->opens, 0);
  assert_true(rig_until(&rig, rig_landed_all, HOUR));
  assert_true(rig_complete(&rig));
  assert_int_equal(rig.source->last_position[0], SD_POSITION_OFFSET);
}

static void a_permanent_error_halts_with_the_checkpoint_unmoved(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  rig.broker.last[0] += 50;
  sd_error error = fake_duck_error(24, "Binder Error: table events has 3 columns");
  fake_sink_fail(rig.sink, SD_SINK_WRITE, 1, &error, FAKE_NOT_DONE);
  assert_true(rig_until(&rig, is_halted, MINUTE));
  assert_int_equal(fake_db_find(&rig.db, "events", "0")->sequence, 99);
  assert_non_null(strstr(sd_mapping_halt_error(rig.mapping)->message, "compare the target table"));
  assert_int_equal(rig_snapshot(&rig).retries, 0);
}

static void an_unknown_error_halts_after_a_bounded_number_of_tries(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig_start(&rig, "me");
  sd_error error = fake_duck_error(99, "odd");
  fake_sink_fail(rig.sink, SD_SINK_WRITE, UINT32_MAX, &error, FAKE_NOT_DONE);
  assert_true(rig_until(&rig, is_halted, HOUR));
  assert_int_equal(rig_snapshot(&rig).attempts_failed, 10);
}

static void out_of_memory_halves_the_transaction_each_time(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig_start(&rig, "me");
  sd_error error = fake_duck_error(33, "failed to allocate");
  fake_sink_fail(rig.sink, SD_SINK_WRITE, 2, &error, FAKE_NOT_DONE);
  assert_true(rig_until(&rig, rig_landed_all, HOUR));
  assert_int_equal(rig.sink->transaction_bytes, rig.share / 2 / 4);
}

static void a_source_that_cannot_go_on_lands_what_is_here_and_halts_with_its_advice(void **state)
{
  (void)state;
  rig_init(&rig, 1, 10);
  rig.settings.batch_timeout_ms = HOUR;
  rig_start(&rig, "me");
  rig_pass(&rig, 100);
  assert_int_equal(fake_db_rows(&rig.db), 0);
  fake_source_halt(rig.source, "the key is wrong: check the connection string");
  assert_true(rig_until(&rig, is_halted, MINUTE));
  assert_int_equal(fake_db_rows(&rig.db), 10);
  assert_string_equal(sd_mapping_halt_error(rig.mapping)->message,
                      "the key is wrong: check the connection string");
}

static void a_source_that_cannot_start_halts(void **state)
{
  (void)state;
  rig_init(&rig, 1, 10);
  rig_start(&rig, "me");
  rig_crash(&rig);
  const sd_mapping_options options = {.settings = &rig.settings, .share = rig.share, .owner = "me"};
  const sd_mapping_env env = {.timings = rig.timings, .replies = rig.replies};
  assert_int_equal(sd_mapping_new(&options, &env, &rig.mapping), SD_OK);
  sd_error error;
  sd_error_set(&error, SD_DENIED, "the token has expired");
  sd_mapping_refuse(rig.mapping, &error);
  assert_true(sd_mapping_ended(rig.mapping));
  assert_string_equal(sd_mapping_halt_error(rig.mapping)->message, "the token has expired");
  sd_mapping_free(rig.mapping);
  rig.mapping = NULL;
}

/* ---- stopping ---- */

static void stopping_lands_what_is_in_flight_releases_and_ends(void **state)
{
  (void)state;
  rig_init(&rig, 2, 95);
  rig.settings.batch_timeout_ms = HOUR;
  rig_start(&rig, "me");
  rig_pass(&rig, 100);
  assert_int_equal(fake_db_rows(&rig.db), 150);
  sd_mapping_stop(rig.mapping);
  assert_int_equal(rig_snapshot(&rig).state, SD_MAPPING_STOPPING);
  assert_true(rig_until(&rig, rig_ended, 0));
  assert_int_equal(rig_snapshot(&rig).state, SD_MAPPING_STOPPED);
  assert_true(rig_complete(&rig));
  assert_int_equal(fake_sink_seen(rig.sink, SD_SINK_RELEASE), 1);
  assert_string_equal(fake_db_find(&rig.db, "events", "0")->owner, "");
}

static void stopping_before_anything_is_known_ends(void **state)
{
  (void)state;
  rig_init(&rig, 2, 95);
  rig.source_rests = true;
  rig.sink_rests = true;
  rig_start(&rig, "me");
  rig_pass(&rig, 10);
  sd_mapping_stop(rig.mapping);
  rig.source_rests = false;
  rig.sink_rests = false;
  assert_true(rig_until(&rig, rig_ended, 0));
  assert_int_equal(fake_db_rows(&rig.db), 0);
}

static void stopping_while_backing_off_does_not_wait_for_the_timer(void **state)
{
  (void)state;
  rig_init(&rig, 2, 95);
  rig.timings.backoff_min_ms = 10 * MINUTE;
  rig_start(&rig, "me");
  rig_pass(&rig, 2);
  fake_sink_fail(rig.sink, SD_SINK_WRITE, 1, conflict(), FAKE_NOT_DONE);
  assert_true(rig_until(&rig, is_backing_off, MINUTE));
  sd_mapping_stop(rig.mapping);
  assert_true(rig_until(&rig, rig_ended, 0));
  /* The database is well again: what was received has landed. */
  assert_int_equal((uint64_t)fake_db_rows(&rig.db), rig_snapshot(&rig).received);
}

static void stopping_with_a_failing_sink_ends_after_some_tries_with_what_has_landed(void **state)
{
  (void)state;
  rig_init(&rig, 1, 95);
  rig_start(&rig, "me");
  rig_pass(&rig, 2);
  fake_sink_fail(rig.sink, SD_SINK_WRITE, UINT32_MAX, conflict(), FAKE_NOT_DONE);
  rig_pass(&rig, 1000);
  uint32_t tried = fake_sink_seen(rig.sink, SD_SINK_WRITE);
  sd_mapping_stop(rig.mapping);
  assert_true(rig_until(&rig, rig_ended, 2000));
  assert_int_equal(rig_snapshot(&rig).state, SD_MAPPING_STOPPED);
  assert_in_range(fake_sink_seen(rig.sink, SD_SINK_WRITE) - tried, 1, 3);
  assert_true(rig_logged(&rig, "will be read again"));
  /* The next instance reads them again. */
  rig_crash(&rig);
  rig_start(&rig, "me again");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_true(rig_complete(&rig));
}

static void aborting_ends_at_once_and_nothing_is_lost(void **state)
{
  (void)state;
  rig_init(&rig, 2, 500);
  rig_start(&rig, "me");
  rig_pass(&rig, 1);
  rig.broker.last[0] += 1000;
  rig.sink_rests = true;
  rig_step(&rig);
  rig_crash(&rig);
  assert_false(rig_landed_all(&rig));
  rig_start(&rig, "me again");
  rig.sink_rests = false;
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_true(rig_complete(&rig));
}

/* ---- until caught up ---- */

static void catching_up_is_certain_only_after_the_broker_was_asked_anew(void **state)
{
  (void)state;
  rig_init(&rig, 3, 200);
  rig.until_caught_up = true;
  rig_start(&rig, "me");
  /* More arrives before the first answer: the first count is out of date. */
  rig_step(&rig);
  rig_step(&rig);
  rig.broker.last[2] += 300;
  assert_true(rig_until(&rig, is_caught_up, MINUTE));
  assert_true(rig_complete(&rig));
  assert_true(rig.source->refreshes >= 1);
}

static void catching_up_does_not_wait_for_the_batch_timeout(void **state)
{
  (void)state;
  rig_init(&rig, 2, 10);
  rig.until_caught_up = true;
  rig.settings.batch_timeout_ms = HOUR;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_caught_up, 1000));
  assert_true(rig_complete(&rig));
}

static void an_empty_hub_is_caught_up(void **state)
{
  (void)state;
  rig_init(&rig, 4, 0);
  rig.until_caught_up = true;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_caught_up, 1000));
}

static void partitions_whose_events_have_all_expired_are_caught_up(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.broker.begin[0] = rig.broker.begin[1] = 100;
  rig.until_caught_up = true;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_caught_up, 1000));
  assert_int_equal(rig_snapshot(&rig).lag, 0);
}

static void a_mapping_that_starts_at_latest_is_caught_up_at_once(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.settings.start = SD_START_LATEST;
  rig.until_caught_up = true;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_caught_up, 1000));
  assert_int_equal(fake_db_rows(&rig.db), 0);
}

static void a_partition_that_is_elsewhere_is_not_caught_up(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.settings.motherduck = true;
  rig.until_caught_up = true;
  fake_db_steal(&rig.db, "events", "1", 0, 0, 10 * 1000000);
  rig_start(&rig, "me");
  rig_pass(&rig, 9000);
  assert_int_equal(sd_mapping_caught_up_ms(rig.mapping), 0);
  assert_true(rig_until(&rig, is_caught_up, MINUTE));
  assert_true(rig_complete(&rig));
}

static void steady_traffic_does_not_put_off_the_end_for_ever(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.until_caught_up = true;
  rig_start(&rig, "me");
  for (int i = 0; i < 5000 && !is_caught_up(&rig); i++) {
    rig.broker.last[0]++;
    rig_pass(&rig, 1);
  }
  assert_true(is_caught_up(&rig));
}

static void a_broker_that_cannot_be_asked_is_not_hammered(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.until_caught_up = true;
  rig_start(&rig, "me");
  rig.source->unusable = true;
  rig_pass(&rig, MINUTE);
  assert_int_equal(sd_mapping_caught_up_ms(rig.mapping), 0);
  assert_in_range(rig.source->refreshes, 30, 250);
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_teardown(name, release_rig)
  const struct CMUnitTest tests[] = {
      RIG_TEST(everything_the_broker_holds_lands_in_order),
      RIG_TEST(a_batch_closes_when_it_has_its_rows),
      RIG_TEST(a_batch_closes_when_it_has_its_bytes),
      RIG_TEST(a_quiet_partition_lands_after_the_batch_timeout),
      RIG_TEST(several_batches_wait_at_the_sink_so_that_it_can_coalesce),
      RIG_TEST(a_full_sink_queue_only_delays),
      RIG_TEST(replayed_events_are_dropped),
      RIG_TEST(gaps_are_counted_and_told),
      RIG_TEST(a_stalled_sink_stops_the_flow_within_the_share_and_nothing_is_lost),
      RIG_TEST(during_a_stall_the_lag_is_what_the_broker_holds_less_what_landed),
      RIG_TEST(an_event_larger_than_the_share_halts_and_says_so),
      RIG_TEST(after_a_failed_write_the_same_batches_land_in_order),
      RIG_TEST(a_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten),
      RIG_TEST(a_database_that_is_away_for_ten_minutes_is_waited_for_with_bounded_memory),
      RIG_TEST(an_error_reading_checkpoints_is_retried_and_never_taken_for_no_checkpoint),
      RIG_TEST(a_permanent_error_halts_with_the_checkpoint_unmoved),
      RIG_TEST(an_unknown_error_halts_after_a_bounded_number_of_tries),
      RIG_TEST(out_of_memory_halves_the_transaction_each_time),
      RIG_TEST(a_source_that_cannot_go_on_lands_what_is_here_and_halts_with_its_advice),
      RIG_TEST(a_source_that_cannot_start_halts),
      RIG_TEST(stopping_lands_what_is_in_flight_releases_and_ends),
      RIG_TEST(stopping_before_anything_is_known_ends),
      RIG_TEST(stopping_while_backing_off_does_not_wait_for_the_timer),
      RIG_TEST(stopping_with_a_failing_sink_ends_after_some_tries_with_what_has_landed),
      RIG_TEST(aborting_ends_at_once_and_nothing_is_lost),
      RIG_TEST(catching_up_is_certain_only_after_the_broker_was_asked_anew),
      RIG_TEST(catching_up_does_not_wait_for_the_batch_timeout),
      RIG_TEST(an_empty_hub_is_caught_up),
      RIG_TEST(partitions_whose_events_have_all_expired_are_caught_up),
      RIG_TEST(a_mapping_that_starts_at_latest_is_caught_up_at_once),
      RIG_TEST(a_partition_that_is_elsewhere_is_not_caught_up),
      RIG_TEST(steady_traffic_does_not_put_off_the_end_for_ever),
      RIG_TEST(a_broker_that_cannot_be_asked_is_not_hammered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
