/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A source or a sink that breaks its promise: the mapping does not build upon it. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

static test_rig rig;

static int release_rig(void **state)
{
  (void)state;
  rig_release(&rig);
  return 0;
}

static bool is_open(test_rig *r)
{
  return r->source->opens == 1;
}

static bool two_batches_wait_at_the_sink(test_rig *r)
{
  return rig_snapshot(r).received == 20;
}

static sd_event event_of(int64_t sequence, const char *offset)
{
  return (sd_event){.body = sd_bytes_of("{\"late\":true}"),
                    .offset = sd_bytes_of(offset),
                    .properties = sd_bytes_of(""),
                    .system_properties = sd_bytes_of(""),
                    .sequence_number = sequence,
                    .enqueued_us = 1};
}

static void what_comes_for_a_closed_partition_is_not_taken(void **state)
{
  (void)state;
  rig_init(&rig, 2, 10);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  fake_source_steal(rig.source, 0);
  rig_pass(&rig, SECOND);
  assert_int_equal(rig_snapshot(&rig).partitions[0].state, SD_PARTITION_ELSEWHERE);
  uint64_t received = rig_snapshot(&rig).received;
  sd_event late = event_of(10, "100");
  assert_int_equal(rig.source->handler->on_event(rig.source->owner, 0, &late), SD_OK);
  assert_int_equal(rig_snapshot(&rig).received, received);
  /* The other one is open and takes it. */
  assert_int_equal(rig.source->handler->on_event(rig.source->owner, 1, &late), SD_OK);
  assert_int_equal(rig_snapshot(&rig).received, received + 1);
}

static void an_event_of_an_unknown_partition_is_refused(void **state)
{
  (void)state;
  rig_init(&rig, 2, 10);
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, rig_landed_all, MINUTE));
  sd_event event = event_of(10, "100");
  assert_int_equal(rig.source->handler->on_event(rig.source->owner, 2, &event), SD_INVALID);
  assert_int_equal(rig_snapshot(&rig).received, 20);
}

static sd_sink_op *take_from_the_sink(void)
{
  sd_sink_op *op = (sd_sink_op *)sd_queue_pop(rig.sink->queue, 0);
  assert_non_null(op);
  assert_int_equal(op->op.type, SD_SINK_WRITE);
  sd_error_clear(&op->error);
  return op;
}

/* The second batch of a partition is said to have landed, and the first has not: to go on would leave a hole.
 */
static void a_batch_that_lands_before_an_earlier_one_stops_the_mapping(void **state)
{
  (void)state;
  rig_init(&rig, 1, 20);
  rig.settings.batch_rows = 10;
  rig.events_per_step = 0;
  rig_start(&rig, "me");
  assert_true(rig_until(&rig, is_open, MINUTE));
  /* From here on the sink does nothing by itself. */
  rig.sink_rests = true;
  rig.events_per_step = 20;
  assert_true(rig_until(&rig, two_batches_wait_at_the_sink, MINUTE));
  sd_sink_op *first = take_from_the_sink();
  sd_sink_op *second = take_from_the_sink();
  assert_int_equal(sd_queue_push(second->reply_to, &second->op), SD_OK);
  assert_int_equal(sd_queue_push(first->reply_to, &first->op), SD_OK);
  rig_pass(&rig, SECOND);
  assert_true(rig_logged(&rig, "landed a batch before an earlier one"));
  assert_int_equal(rig_snapshot(&rig).state, SD_MAPPING_HALTED);
  assert_int_equal(rig_snapshot(&rig).landed, 0);
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_teardown(name, release_rig)
  const struct CMUnitTest tests[] = {
      RIG_TEST(what_comes_for_a_closed_partition_is_not_taken),
      RIG_TEST(an_event_of_an_unknown_partition_is_refused),
      RIG_TEST(a_batch_that_lands_before_an_earlier_one_stops_the_mapping),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
