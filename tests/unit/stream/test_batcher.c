/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The batches of one mapping: order, closing, room, epochs. */
#include "stream/batcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MB = 1024 * 1024 };

static sd_batcher batcher;

static int set_up(void **state)
{
  (void)state;
  sd_batcher_init(&batcher, 4, 8 * MB, 10, MB, 1000, false);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  sd_batcher_release(&batcher);
  return 0;
}

static sd_status add(uint32_t partition, int64_t sequence, size_t bytes, uint64_t now)
{
  static uint8_t body[6 * MB];
  const sd_event event = {.body = sd_bytes_make(body, bytes), .sequence_number = sequence};
  return sd_batcher_append(&batcher, partition, "p", 7, &event, now);
}

static void fill(uint32_t batches)
{
  for (uint32_t i = 0; i < batches * 10; i++)
    assert_int_equal(add(0, i, 10, 5), SD_OK);
}

static void submit_all(void)
{
  while (batcher.waiting)
    sd_batcher_submitted(&batcher);
}

static void batches_close_in_order_and_land_in_order(void **state)
{
  (void)state;
  fill(3);
  assert_int_equal(batcher.queued, 3);
  assert_null(batcher.open);
  submit_all();
  assert_int_equal(batcher.in_flight, 3);
  for (int64_t i = 0; i < 3; i++) {
    assert_int_equal(batcher.first->write.batch->partitions[0].first_sequence, i * 10);
    sd_batcher_landed(&batcher);
  }
  assert_true(sd_batcher_empty(&batcher));
  assert_int_equal(batcher.in_flight, 0);
}

static void what_comes_back_waits_again_in_its_order(void **state)
{
  (void)state;
  fill(3);
  submit_all();
  sd_batcher_landed(&batcher);
  sd_batcher_returned(&batcher);
  sd_batcher_returned(&batcher);
  sd_batcher_rewind(&batcher);
  assert_ptr_equal(batcher.waiting, batcher.first);
  assert_int_equal(batcher.waiting->write.batch->partitions[0].first_sequence, 10);
  fill(1);
  assert_int_equal(batcher.queued, 3);
}

/* A closed batch less than a backlog needs keeps rows_max; further ones are whole segments. */
static void behind_a_backlog_batches_are_whole_segments(void **state)
{
  (void)state;
  sd_batcher_release(&batcher);
  sd_batcher_init(&batcher, 4, 96 * MB, 10, MB, 1000, false);
  fill(8);
  assert_int_equal(batcher.queued, 8);
  for (uint32_t i = 0; i < SD_BATCH_SEGMENT_ROWS; i++) {
    assert_int_equal(batcher.queued, 8);
    assert_int_equal(add(0, 100 + i, 10, 5), SD_OK);
  }
  assert_int_equal(batcher.queued, 9);
  assert_int_equal(batcher.last->write.batch->rows, SD_BATCH_SEGMENT_ROWS);
  assert_int_equal(sd_batch_held(batcher.last->write.batch), batcher.last->held);

  for (uint32_t i = 0; i < 15; i++)
    assert_int_equal(add(0, 10000 + i, 10, 5), SD_OK);
  assert_int_equal(batcher.open->write.batch->rows, 15);
  submit_all();
  sd_batcher_landed(&batcher);
  assert_non_null(batcher.open);
  /* The backlog is over: what is above rows_max waits no longer. */
  sd_batcher_landed(&batcher);
  assert_null(batcher.open);
  assert_int_equal(batcher.last->write.batch->rows, 15);
}

static void age_counts_from_the_first_event(void **state)
{
  (void)state;
  assert_int_equal(sd_batcher_due_ms(&batcher), UINT64_MAX);
  assert_int_equal(add(0, 1, 10, 500), SD_OK);
  assert_int_equal(add(0, 2, 10, 900), SD_OK);
  assert_int_equal(sd_batcher_due_ms(&batcher), 1500);
  sd_batcher_close_aged(&batcher, 1499);
  assert_non_null(batcher.open);
  sd_batcher_close_aged(&batcher, 1500);
  assert_null(batcher.open);
  assert_int_equal(batcher.queued, 1);
}

static void memory_held_never_passes_the_share(void **state)
{
  (void)state;
  uint32_t taken = 0;
  while (add(0, taken, 50000, 0) == SD_OK) {
    taken++;
    assert_true(sd_batcher_held(&batcher) <= 8 * MB);
  }
  assert_true(taken > 50);
  /* The open batch was closed, so that it can land and make room. */
  assert_null(batcher.open);
  assert_false(sd_batcher_has_room(&batcher, 50000));
  submit_all();
  sd_batcher_landed(&batcher);
  assert_true(sd_batcher_has_room(&batcher, 50000));
  assert_int_equal(add(0, taken, 50000, 0), SD_OK);
}

static void an_event_that_can_never_fit_is_told_apart_from_one_that_must_wait(void **state)
{
  (void)state;
  sd_batcher_release(&batcher);
  sd_batcher_init(&batcher, 4, 4 * MB, 10, MB, 1000, false);
  assert_int_equal(add(0, 1, 6 * MB, 0), SD_LIMIT);
  assert_int_equal(add(0, 1, 2 * MB, 0), SD_OK);
  assert_int_equal(add(0, 2, 2 * MB, 0), SD_AGAIN);
}

static void so_many_batches_wait_and_no_more(void **state)
{
  (void)state;
  sd_batcher_release(&batcher);
  sd_batcher_init(&batcher, 4, 96 * MB, 1, MB, 1000, false);
  for (int i = 0; i < SD_BATCHER_QUEUED_MAX; i++) {
    assert_int_equal(add(0, i, 10, 0), SD_OK);
    sd_batcher_close(&batcher);
  }
  assert_int_equal(add(0, SD_BATCHER_QUEUED_MAX, 10, 0), SD_AGAIN);
  assert_false(sd_batcher_has_room(&batcher, 0));
}

static void an_epoch_changes_only_where_it_was_the_old_one(void **state)
{
  (void)state;
  assert_int_equal(add(0, 1, 10, 0), SD_OK);
  assert_int_equal(add(1, 1, 10, 0), SD_OK);
  sd_batcher_close(&batcher);
  assert_int_equal(add(0, 2, 10, 0), SD_OK);
  sd_batcher_change_epoch(&batcher, 0, 7, 9);
  sd_batcher_change_epoch(&batcher, 1, 6, 9);
  assert_int_equal(sd_batch_find_partition(batcher.first->write.batch, 0)->epoch, 9);
  assert_int_equal(sd_batch_find_partition(batcher.first->write.batch, 1)->epoch, 7);
  assert_int_equal(sd_batch_find_partition(batcher.open->write.batch, 0)->epoch, 9);
}

static void only_a_batch_with_rows_of_the_partition_is_closed_for_it(void **state)
{
  (void)state;
  assert_int_equal(add(0, 1, 10, 0), SD_OK);
  sd_batcher_close_partition(&batcher, 2);
  assert_non_null(batcher.open);
  sd_batcher_close_partition(&batcher, 0);
  assert_null(batcher.open);
}

static void limits_beyond_a_transaction_or_half_the_share_are_brought_down(void **state)
{
  (void)state;
  sd_batcher_release(&batcher);
  sd_batcher_init(&batcher, 4, 8 * MB, UINT32_MAX, SIZE_MAX, 1000, false);
  assert_int_equal(batcher.rows_max, SD_SINK_ROWS_MAX);
  assert_int_equal(batcher.bytes_max, 4 * MB);
}

int main(void)
{
#define BATCHER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      BATCHER_TEST(batches_close_in_order_and_land_in_order),
      BATCHER_TEST(what_comes_back_waits_again_in_its_order),
      BATCHER_TEST(behind_a_backlog_batches_are_whole_segments),
      BATCHER_TEST(age_counts_from_the_first_event),
      BATCHER_TEST(memory_held_never_passes_the_share),
      BATCHER_TEST(an_event_that_can_never_fit_is_told_apart_from_one_that_must_wait),
      BATCHER_TEST(so_many_batches_wait_and_no_more),
      BATCHER_TEST(an_epoch_changes_only_where_it_was_the_old_one),
      BATCHER_TEST(only_a_batch_with_rows_of_the_partition_is_closed_for_it),
      BATCHER_TEST(limits_beyond_a_transaction_or_half_the_share_are_brought_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
