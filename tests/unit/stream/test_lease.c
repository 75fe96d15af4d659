/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Ownership and places of partitions, in virtual time: where to begin, lost offsets, other owners, leases. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static test_rig rig;

static int release_rig(void **state)
{
  (void)state;
  rig_release(&rig);
  return 0;
}

static bool is_halted(test_rig *r)
{
  return rig_snapshot(r).state == SD_MAPPING_HALTED && rig_ended(r);
}

static bool is_running(test_rig *r)
{
  return rig_snapshot(r).state == SD_MAPPING_RUNNING;
}

static const char *halt_message(void)
{
  return sd_mapping_halt_error(rig.mapping)->message;
}

static void settle_with_rows(int64_t rows)
{
  rig_pass(&rig, 2 * SECOND);
  assert_int_equal(fake_db_rows(&rig.db), rows);
}

/* ---- where to begin ---- */

static void a_checkpoint_is_resumed_by_its_offset(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  fake_db_put(&rig.db, "events", "0", 39, rig.broker.incarnation);
  fake_db_put(&rig.db, "events", "1", 69, rig.broker.incarnation);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_true(rig_complete(&rig));
  assert_int_equal(rig.source->last_position[0], SD_POSITION_OFFSET);
  assert_int_equal(rig.source->last_position_sequence[0], 40);
  assert_int_equal(rig.source->last_position_sequence[1], 70);
  assert_int_equal(rig.source->delivered, 90);
  assert_true(rig_logged(&rig, "2 partitions resume behind their checkpoints"));
}

static void a_checkpoint_without_an_offset_is_resumed_by_its_sequence_number(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  fake_db_put(&rig.db, "events", "0", 39, rig.broker.incarnation);
  fake_db_find(&rig.db, "events", "0")->offset[0] = '\0';
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_int_equal(rig.source->last_position[0], SD_POSITION_SEQUENCE);
  assert_int_equal(rig.source->last_position_sequence[0], 40);
}

static void a_row_that_was_claimed_but_never_landed_is_no_checkpoint(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  fake_db_put(&rig.db, "events", "0", -1, rig.broker.incarnation);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_true(rig_logged(&rig, "no checkpoint: start position earliest"));
}

static void latest_skips_what_is_there_and_misses_nothing_after_it(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig.settings.start = SD_START_LATEST;
  rig_start(&rig, "me");
  /* Between the hub's answer and the link's attach. */
  rig_step(&rig);
  rig.broker.last[0] += 5;
  settle_with_rows(5);
  assert_int_equal(fake_db_find(&rig.db, "events", "0")->rows[0], 100);
  assert_int_equal(rig_snapshot(&rig).lag, 0);
  assert_true(rig_logged(&rig, "start position latest"));
}

static void latest_on_an_empty_partition_takes_its_first_event(void **state)
{
  (void)state;
  rig_init(&rig, 1, 0);
  rig.settings.start = SD_START_LATEST;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_running, MINUTE));
  rig.broker.last[0] = 0;
  settle_with_rows(1);
}

static void a_start_time_takes_what_was_enqueued_after_it(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig.settings.start = SD_START_TIME;
  rig.settings.start_time_us = 89 * 1000000;
  rig_start(&rig, "me");
  settle_with_rows(10);
  assert_int_equal(rig_snapshot(&rig).gaps, 0);
}

static void a_start_offset_takes_what_follows_it(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig.settings.start = SD_START_OFFSET;
  rig.settings.start_offset = "970";
  rig_start(&rig, "me");
  settle_with_rows(2);
}

static void a_checkpoint_goes_before_the_start_option(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig.settings.start = SD_START_LATEST;
  fake_db_put(&rig.db, "events", "0", 39, rig.broker.incarnation);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_true(rig_complete(&rig));
}

/* ---- offset lost ---- */

static void a_hub_that_was_made_anew_stops_the_mapping_with_the_numbers(void **state)
{
  (void)state;
  rig_init(&rig, 1, 10);
  fake_db_put(&rig.db, "events", "0", 39, "an earlier hub");
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_halted, MINUTE));
  assert_non_null(strstr(halt_message(), "offset lost"));
  assert_non_null(strstr(halt_message(), "39"));
  assert_non_null(strstr(halt_message(), "made anew"));
  assert_int_equal(fake_db_find(&rig.db, "events", "0")->sequence, 39);
  assert_int_equal(rig.source->opens, 0);
  assert_int_equal(fake_sink_seen(rig.sink, SD_SINK_RELEASE), 1);
}

static void a_hub_that_was_made_anew_is_read_from_its_start_when_told_so(void **state)
{
  (void)state;
  rig_init(&rig, 2, 50);
  rig.settings.earliest_on_offset_lost = true;
  rig.settings.start = SD_START_LATEST;
  fake_db_put(&rig.db, "events", "0", 39, "an earlier hub");
  fake_db_put(&rig.db, "events", "1", 29, rig.broker.incarnation);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  /* Every event of the new hub, though its sequence numbers lie below the old checkpoint. */
  assert_true(rig_complete(&rig));
  assert_string_equal(fake_db_find(&rig.db, "events", "0")->incarnation, rig.broker.incarnation);
}

static void a_broker_that_ends_below_the_checkpoint_stops_the_mapping_with_the_numbers(void **state)
{
  (void)state;
  rig_init(&rig, 1, 30);
  fake_db_put(&rig.db, "events", "0", 39, "");
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_halted, MINUTE));
  assert_non_null(strstr(halt_message(), "landed sequence number 39"));
  assert_non_null(strstr(halt_message(), "last is 29"));
}

static void a_checkpoint_newer_than_the_brokers_first_answer_is_no_loss(void **state)
{
  (void)state;
  rig_init(&rig, 1, 30);
  rig.settings.motherduck = true;
  fake_db_steal(&rig.db, "events", "0", 30, 29, 20 * 1000000);
  rig_start(&rig, "me");
  rig_pass(&rig, 2 * SECOND);
  /* The other owner goes on landing newer events than the ones that the broker told us of. */
  rig.broker.last[0] = 59;
  fake_db_steal(&rig.db, "events", "0", 20, 59, 1 * 1000000);
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  assert_true(rig_complete(&rig));
}

static void expired_events_behind_the_checkpoint_stop_the_mapping_with_the_numbers(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig.broker.begin[0] = 60;
  fake_db_put(&rig.db, "events", "0", 39, rig.broker.incarnation);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_halted, MINUTE));
  assert_non_null(strstr(halt_message(), "20 events have expired"));
}

static void expired_events_are_a_gap_when_told_to_go_on(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig.settings.earliest_on_offset_lost = true;
  rig.broker.begin[0] = 60;
  fake_db_put(&rig.db, "events", "0", 39, rig.broker.incarnation);
  rig_start(&rig, "me");
  settle_with_rows(80);
  assert_int_equal(rig_snapshot(&rig).gaps, 20);
}

static void a_hub_set_back_while_it_is_read_halts(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  rig.broker.last[0] = 3;
  assert_true(rig_until(&rig, is_halted, MINUTE));
  assert_non_null(strstr(halt_message(), "99"));
}

static void a_hub_made_anew_while_it_is_read_halts_unless_told_to_go_on(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  fake_source_recreate(rig.source, 130);
  assert_true(rig_until(&rig, is_halted, MINUTE));
  assert_non_null(strstr(halt_message(), "made anew"));
  assert_int_equal(fake_db_rows(&rig.db), 200);
}

static void a_hub_made_anew_while_it_is_read_is_read_from_its_start_when_told_so(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.settings.earliest_on_offset_lost = true;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_running, MINUTE));
  rig_step(&rig);
  rig_step(&rig);
  /* Some are on their way to the database, which fails just now. */
  sd_error error = fake_duck_error(10, "Conflict on update!");
  fake_sink_fail(rig.sink, SD_SINK_WRITE, 1, &error, FAKE_NOT_DONE);
  fake_source_recreate(rig.source, 130);
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  /* Each event of the new hub; the fake database forgets the old rows with their checkpoint. */
  assert_true(rig_complete(&rig));
  assert_string_equal(fake_db_find(&rig.db, "events", "1")->incarnation, "2026-11-23T00:00:00Z");
  rig.broker.last[0] += 10;
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  sd_mapping_stop(rig.mapping);
  assert_true(rig_until(&rig, rig_ended, 0));
}

static void stopping_while_everything_begins_anew_ends(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.settings.earliest_on_offset_lost = true;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  fake_source_recreate(rig.source, 130);
  sd_mapping_stop(rig.mapping);
  assert_true(rig_until(&rig, rig_ended, SECOND));
  assert_int_equal(rig_snapshot(&rig).state, SD_MAPPING_STOPPED);
}

static void an_offset_that_the_broker_refuses_stops_or_goes_on_as_told(void **state)
{
  (void)state;
  for (int earliest = 0; earliest < 2; earliest++) {
    rig_init(&rig, 2, 100);
    rig.settings.earliest_on_offset_lost = earliest;
    rig_start(&rig, "me");
    assert_true(rig_until(&rig, rig_landed_all, MINUTE));
    fake_source_refuse_offset(rig.source, 1);
    rig.broker.last[1] += 20;
    if (earliest) {
      assert_true(rig_until(&rig, rig_landed_all, MINUTE));
      assert_true(rig_complete(&rig));
      rig_release(&rig);
    } else {
      assert_true(rig_until(&rig, is_halted, MINUTE));
      assert_non_null(strstr(halt_message(), "offset lost"));
      rig_release(&rig);
    }
  }
  rig_init(&rig, 1, 1);
}

/* ---- other owners ---- */

static void a_partition_with_a_live_lease_is_claimed_when_the_lease_is_over(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.settings.motherduck = true;
  fake_db_steal(&rig.db, "events", "1", 10, 99, 100 * 1000000);
  rig_start(&rig, "me");
  settle_with_rows(110);
  assert_int_equal(rig_snapshot(&rig).partitions[1].state, SD_PARTITION_ELSEWHERE);
  uint32_t claims = fake_sink_seen(rig.sink, SD_SINK_CLAIM);
  rig_pass(&rig, 90 * SECOND);
  assert_int_equal(fake_sink_seen(rig.sink, SD_SINK_CLAIM), claims);
  assert_true(rig_until(&rig, rig_landed_all, 15 * SECOND));
  assert_true(rig_complete(&rig));
  assert_int_equal(rig_snapshot(&rig).partitions[1].state, SD_PARTITION_OWNED);
}

static void a_local_file_is_claimed_from_whoever_held_it(void **state)
{
  (void)state;
  rig_init(&rig, 1, 100);
  fake_db_steal(&rig.db, "events", "0", 10, 99, 3600 * 1000000LL);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, SECOND * 5));
  assert_true(rig_complete(&rig));
}

static void a_fenced_partition_is_closed_and_the_others_go_on(void **state)
{
  (void)state;
  rig_init(&rig, 3, 100);
  rig.settings.motherduck = true;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE * 2));
  fake_db_steal(&rig.db, "events", "1", 0, 0, 400 * 1000000LL);
  for (int i = 0; i < 3; i++)
    rig.broker.last[i] += 50;
  rig_pass(&rig, MINUTE);
  sd_mapping_snapshot snapshot = rig_snapshot(&rig);
  assert_int_equal(fake_db_rows(&rig.db), 400);
  assert_int_equal(snapshot.state, SD_MAPPING_RUNNING);
  assert_int_equal(snapshot.fenced, 1);
  assert_int_equal(snapshot.partitions[1].state, SD_PARTITION_ELSEWHERE);
  assert_int_equal(snapshot.partitions[1].landed_sequence, 99);
  assert_int_equal(snapshot.partitions[0].state, SD_PARTITION_OWNED);
  assert_int_equal(rig.source->closes, 1);
  /* It comes back when the other's lease is over, and reads again what did not land. */
  assert_true(rig_until(&rig, rig_landed_all, HOUR));
  assert_true(rig_complete(&rig));
}

static void a_stolen_receiver_is_tried_again_only_after_the_lease(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  fake_source_steal(rig.source, 0);
  rig.broker.last[0] += 10;
  rig_pass(&rig, 25 * SECOND);
  assert_int_equal(rig.source->opens, 2);
  assert_int_equal(rig_snapshot(&rig).partitions[0].state, SD_PARTITION_ELSEWHERE);
  rig_pass(&rig, 10 * SECOND);
  assert_int_equal(rig.source->opens, 3);
  assert_true(rig_landed_all(&rig));
  assert_true(rig_complete(&rig));
}

static void idle_leases_are_renewed_at_a_third_of_their_time(void **state)
{
  (void)state;
  rig_init(&rig, 4, 10);
  rig.settings.motherduck = true;
  rig_start(&rig, "me");
  rig_pass(&rig, 30 * MINUTE);
  assert_in_range(fake_sink_seen(rig.sink, SD_SINK_RENEW), 17, 18);
  assert_true(fake_db_find(&rig.db, "events", "3")->lease_until_us > (int64_t)rig.now_ms * 1000);
}

static void leases_of_a_local_file_are_not_renewed(void **state)
{
  (void)state;
  rig_init(&rig, 2, 10);
  rig_start(&rig, "me");
  rig_pass(&rig, 30 * MINUTE);
  assert_int_equal(fake_sink_seen(rig.sink, SD_SINK_RENEW), 0);
}

static void a_lease_that_was_lost_unnoticed_is_found_by_the_renewal(void **state)
{
  (void)state;
  rig_init(&rig, 2, 10);
  rig.settings.motherduck = true;
  rig_start(&rig, "me");
  rig_pass(&rig, MINUTE);
  fake_db_steal(&rig.db, "events", "0", 0, 0, HOUR * 1000LL);
  rig_pass(&rig, MINUTE);
  assert_int_equal(rig_snapshot(&rig).partitions[0].state, SD_PARTITION_ELSEWHERE);
  assert_int_equal(rig_snapshot(&rig).fenced, 1);
  assert_int_equal(rig.source->closes, 1);
}

static void a_checkpoint_that_went_back_is_read_again_from_there(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  /* Somebody restores an older copy of the database while it is away. */
  fake_key *key = fake_db_find(&rig.db, "events", "0");
  key->row_count = 50;
  key->sequence = 49;
  snprintf(key->offset, sizeof key->offset, "490");
  sd_error error = fake_duck_error(21, "connection lost");
  fake_sink_fail(rig.sink, SD_SINK_WRITE, 1, &error, FAKE_NOT_DONE);
  rig.broker.last[1] += 10;
  assert_true(rig_until(&rig, rig_landed_all, HOUR));
  assert_true(rig_complete(&rig));
  assert_true(rig_logged(&rig, "went back from 99 to 49"));
}

static void a_restart_after_release_takes_over_at_once(void **state)
{
  (void)state;
  rig_init(&rig, 2, 100);
  rig.settings.motherduck = true;
  rig_start(&rig, "one");
  assert_true(rig_until(&rig, rig_landed_all, 2 * MINUTE));
  sd_mapping_stop(rig.mapping);
  assert_true(rig_until(&rig, rig_ended, 0));
  rig_crash(&rig);
  rig.broker.last[0] += 10;
  rig_start(&rig, "two");
  assert_true(rig_until(&rig, rig_landed_all, 2 * SECOND));
  assert_true(rig_complete(&rig));
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_teardown(name, release_rig)
  const struct CMUnitTest tests[] = {
      RIG_TEST(a_checkpoint_is_resumed_by_its_offset),
      RIG_TEST(a_checkpoint_without_an_offset_is_resumed_by_its_sequence_number),
      RIG_TEST(a_row_that_was_claimed_but_never_landed_is_no_checkpoint),
      RIG_TEST(latest_skips_what_is_there_and_misses_nothing_after_it),
      RIG_TEST(latest_on_an_empty_partition_takes_its_first_event),
      RIG_TEST(a_start_time_takes_what_was_enqueued_after_it),
      RIG_TEST(a_start_offset_takes_what_follows_it),
      RIG_TEST(a_checkpoint_goes_before_the_start_option),
      RIG_TEST(a_hub_that_was_made_anew_stops_the_mapping_with_the_numbers),
      RIG_TEST(a_hub_that_was_made_anew_is_read_from_its_start_when_told_so),
      RIG_TEST(a_broker_that_ends_below_the_checkpoint_stops_the_mapping_with_the_numbers),
      RIG_TEST(a_checkpoint_newer_than_the_brokers_first_answer_is_no_loss),
      RIG_TEST(expired_events_behind_the_checkpoint_stop_the_mapping_with_the_numbers),
      RIG_TEST(expired_events_are_a_gap_when_told_to_go_on),
      RIG_TEST(a_hub_set_back_while_it_is_read_halts),
      RIG_TEST(a_hub_made_anew_while_it_is_read_halts_unless_told_to_go_on),
      RIG_TEST(a_hub_made_anew_while_it_is_read_is_read_from_its_start_when_told_so),
      RIG_TEST(stopping_while_everything_begins_anew_ends),
      RIG_TEST(an_offset_that_the_broker_refuses_stops_or_goes_on_as_told),
      RIG_TEST(a_partition_with_a_live_lease_is_claimed_when_the_lease_is_over),
      RIG_TEST(a_local_file_is_claimed_from_whoever_held_it),
      RIG_TEST(a_fenced_partition_is_closed_and_the_others_go_on),
      RIG_TEST(a_stolen_receiver_is_tried_again_only_after_the_lease),
      RIG_TEST(idle_leases_are_renewed_at_a_third_of_their_time),
      RIG_TEST(leases_of_a_local_file_are_not_renewed),
      RIG_TEST(a_lease_that_was_lost_unnoticed_is_found_by_the_renewal),
      RIG_TEST(a_checkpoint_that_went_back_is_read_again_from_there),
      RIG_TEST(a_restart_after_release_takes_over_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
