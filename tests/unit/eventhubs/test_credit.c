/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the credit arithmetic promises. */
#include "eventhubs/credit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LINKS = 8 };

typedef struct fixture {
  sd_credit credit;
  uint32_t link[LINKS];
} fixture;

static fixture granted(size_t free_bytes, uint32_t partitions)
{
  fixture f = {0};
  sd_credit_init(&f.credit);
  sd_credit_grant(&f.credit, free_bytes);
  f.credit.partitions = partitions;
  return f;
}

static void adjust(fixture *f, int link, bool rebalance)
{
  uint32_t wanted = sd_credit_for_link(&f->credit, f->link[link], rebalance);
  sd_credit_changed(&f->credit, f->link[link], wanted);
  f->link[link] = wanted;
}

static void arrive(fixture *f, int link, size_t cost)
{
  assert_true(f->link[link] > 0);
  sd_credit_changed(&f->credit, f->link[link], f->link[link] - 1);
  f->link[link]--;
  sd_credit_arrived(&f->credit, cost);
}

static uint64_t mean(const fixture *f)
{
  return f->credit.mean_x16 / 16;
}

static void free_bytes_are_split_evenly(void **state)
{
  (void)state;
  fixture f = granted(4 * 1024 * 1024, 4);
  for (int i = 0; i < 4; i++) {
    adjust(&f, i, true);
    assert_int_equal(f.link[i], 1024);
  }
  assert_int_equal(f.credit.outstanding, 4096);
}

static void a_share_is_capped(void **state)
{
  (void)state;
  fixture f = granted(1024 * 1024 * 1024, 1);
  adjust(&f, 0, true);
  assert_int_equal(f.link[0], SD_CREDIT_MAX);
}

static void credit_is_filled_up_only_once_half_is_used(void **state)
{
  (void)state;
  fixture f = granted(4096 * 1024, 1);
  adjust(&f, 0, true);
  assert_int_equal(f.link[0], 4096);
  for (int i = 0; i < 1000; i++)
    arrive(&f, 0, 1024);
  assert_int_equal(sd_credit_for_link(&f.credit, f.link[0], false), f.link[0]);
  f.credit.free_bytes = 4096 * 1024; /* a new grant that is looked at on arrivals only */
  for (int i = 0; i < 1048; i++)
    arrive(&f, 0, 1);
  f.credit.mean_x16 = 1024 * 16;
  f.credit.free_bytes = 4096 * 1024;
  assert_int_equal(f.link[0], 2048);
  adjust(&f, 0, false);
  assert_int_equal(f.link[0], 4096);
}

static void no_room_means_no_credit_and_no_window(void **state)
{
  (void)state;
  fixture f = granted(1024 * 1024, 2);
  adjust(&f, 0, true);
  adjust(&f, 1, true);
  f.credit.free_bytes = 0;
  for (int i = 0; i < 2; i++) {
    adjust(&f, i, true);
    assert_int_equal(f.link[i], 0);
  }
  assert_int_equal(f.credit.outstanding, 0);
  assert_int_equal(sd_credit_window(&f.credit, 65536, 0), 0);
}

static void the_window_counts_whole_frames(void **state)
{
  (void)state;
  fixture f = granted(10 * 65536 - 1, 1);
  assert_int_equal(sd_credit_window(&f.credit, 65536, 0), 9);
  assert_int_equal(sd_credit_window(&f.credit, 65536, 3 * 65536), 6);
  sd_credit_arrived(&f.credit, 100);
  assert_int_equal(sd_credit_window(&f.credit, 65536, 20 * 65536), 0);
}

static void an_event_larger_than_an_untouched_grant_comes_through_frame_by_frame(void **state)
{
  (void)state;
  fixture f = granted(100000, 1);
  assert_int_equal(sd_credit_window(&f.credit, 65536, 65536), 1);
  assert_int_equal(sd_credit_window(&f.credit, 65536, 500000), 1);
}

static void large_events_lower_the_credit(void **state)
{
  (void)state;
  fixture f = granted(64 * 1024 * 1024, 1);
  adjust(&f, 0, true);
  for (int i = 0; i < 200; i++)
    arrive(&f, 0, 100000);
  assert_in_range(mean(&f), 99000, 100001);
  f.credit.free_bytes = 64 * 1024 * 1024;
  adjust(&f, 0, true);
  assert_in_range(f.link[0], 660, 680);
}

static void each_partition_may_send_one_event_when_there_is_room_for_fewer(void **state)
{
  (void)state;
  fixture f = granted(1500, LINKS);
  for (int i = 0; i < LINKS; i++) {
    adjust(&f, i, true);
    assert_int_equal(f.link[i], 1);
  }
}

static void a_busy_partition_cannot_take_what_idle_ones_may_still_receive(void **state)
{
  (void)state;
  fixture f = granted(8 * 1024 * 1024, 4);
  for (int i = 0; i < 4; i++)
    adjust(&f, i, true);
  /* Nothing is granted anew, so together they may never hold more than the first grant. */
  uint64_t received = 0;
  while (f.link[0] > 0 && received < 100000) {
    arrive(&f, 0, 1024);
    received++;
    adjust(&f, 0, false);
    assert_true(f.credit.outstanding * mean(&f) <= f.credit.free_bytes);
  }
  assert_int_equal(received, 2048);
}

static void the_sum_stays_below_the_grant_whatever_happens(void **state)
{
  (void)state;
  fixture f = granted(0, LINKS);
  uint32_t random = 12345;
  for (int step = 0; step < 200000; step++) {
    random = random * 1664525 + 1013904223;
    int link = (int)(random >> 28) % LINKS;
    switch (random >> 8 & 3) {
    case 0:
      f.credit.free_bytes = (size_t)(random >> 10 & 0xfff) * 10240;
      for (int i = 0; i < LINKS; i++)
        adjust(&f, i, true);
      break;
    default:
      if (f.link[link] > 0)
        arrive(&f, link, 1000);
      adjust(&f, link, false);
      break;
    }
    uint64_t sum = 0;
    for (int i = 0; i < LINKS; i++)
      sum += f.link[i];
    assert_int_equal(sum, f.credit.outstanding);
    uint64_t fits = f.credit.free_bytes / ((f.credit.mean_x16 + 15) / 16);
    /* LINKS: the one event that each may have; 2 %: the mean moves while events are under way. */
    assert_true(sum <= fits + fits / 50 + LINKS);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(free_bytes_are_split_evenly),
      cmocka_unit_test(a_share_is_capped),
      cmocka_unit_test(credit_is_filled_up_only_once_half_is_used),
      cmocka_unit_test(no_room_means_no_credit_and_no_window),
      cmocka_unit_test(the_window_counts_whole_frames),
      cmocka_unit_test(an_event_larger_than_an_untouched_grant_comes_through_frame_by_frame),
      cmocka_unit_test(large_events_lower_the_credit),
      cmocka_unit_test(each_partition_may_send_one_event_when_there_is_room_for_fewer),
      cmocka_unit_test(a_busy_partition_cannot_take_what_idle_ones_may_still_receive),
      cmocka_unit_test(the_sum_stays_below_the_grant_whatever_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
