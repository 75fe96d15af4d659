/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What the columnar batch promises. */
#include "batch/batch.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { ROOMY = 64 * 1024 * 1024 };

static sd_batch *new_batch(uint32_t partitions, size_t max_bytes)
{
  sd_batch *batch = NULL;
  assert_int_equal(sd_batch_new(partitions, max_bytes, &batch), SD_OK);
  assert_non_null(batch);
  return batch;
}

static sd_event event_of(const char *body, int64_t sequence, const char *offset)
{
  sd_event event = {.body = sd_bytes_of(body),
                    .sequence_number = sequence,
                    .offset = sd_bytes_of(offset),
                    .enqueued_us = 1000 + sequence};
  return event;
}

static void assert_text(sd_bytes bytes, const char *text)
{
  assert_true(sd_bytes_equal_text(bytes, text));
}

static void an_event_lands_in_every_column(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(4, ROOMY);
  sd_event event = event_of("{\"a\":1}", 7, "4294967296");
  event.properties = sd_bytes_of("{\"p\":2}");
  event.system_properties = sd_bytes_of("{\"s\":3}");
  assert_int_equal(sd_batch_append(batch, 3, "3", 11, &event, false), SD_OK);
  const sd_batch_segment *segment = batch->first;
  assert_ptr_equal(segment, batch->last);
  assert_int_equal(segment->rows, 1);
  assert_int_equal(segment->partition[0], 0);
  assert_int_equal(segment->dead[0], SD_DEAD_NONE);
  assert_int_equal(segment->sequence_number[0], 7);
  assert_int_equal(segment->enqueued_us[0], 1007);
  assert_text(sd_batch_body(segment, 0), "{\"a\":1}");
  assert_text(sd_batch_offset(segment, 0), "4294967296");
  assert_text(sd_batch_properties(segment, 0), "{\"p\":2}");
  assert_text(sd_batch_system_properties(segment, 0), "{\"s\":3}");
  assert_int_equal(batch->rows, 1);
  assert_int_equal(batch->body_bytes, 7);
  assert_true(batch->opened_ns > 0);
  assert_true(sd_batch_held(batch) > 0);
  sd_batch_free(batch);
}

static void the_event_is_copied(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(1, ROOMY);
  char body[] = "before";
  char offset[] = "77";
  sd_event event = event_of(body, 1, offset);
  assert_int_equal(sd_batch_append(batch, 0, "0", 1, &event, false), SD_OK);
  memset(body, 'x', sizeof body - 1);
  memset(offset, 'x', sizeof offset - 1);
  assert_text(sd_batch_body(batch->first, 0), "before");
  assert_text(batch->partitions[0].last_offset, "77");
  sd_batch_free(batch);
}

static void partitions_stand_in_order_of_appearance_with_first_and_last(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(8, ROOMY);
  const struct {
    uint32_t index;
    const char *id;
    int64_t sequence;
    const char *offset;
  } rows[] = {{5, "5", 10, "a"}, {2, "2", 90, "b"}, {5, "5", 11, "c"}, {5, "5", 14, "d"}, {2, "2", 91, "e"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    sd_event event = event_of("x", rows[i].sequence, rows[i].offset);
    assert_int_equal(sd_batch_append(batch, rows[i].index, rows[i].id, 40 + rows[i].index, &event, false),
                     SD_OK);
  }
  assert_int_equal(batch->partition_count, 2);
  const sd_batch_partition *five = &batch->partitions[0];
  assert_string_equal(five->partition_id, "5");
  assert_int_equal(five->source_index, 5);
  assert_int_equal(five->epoch, 45);
  assert_int_equal(five->rows, 3);
  assert_int_equal(five->first_sequence, 10);
  assert_int_equal(five->last_sequence, 14);
  assert_text(five->last_offset, "d");
  assert_int_equal(five->last_enqueued_us, 1014);
  const sd_batch_partition *two = &batch->partitions[1];
  assert_string_equal(two->partition_id, "2");
  assert_int_equal(two->rows, 2);
  assert_int_equal(two->first_sequence, 90);
  assert_text(two->last_offset, "e");
  const uint16_t expected[] = {0, 1, 0, 0, 1};
  assert_memory_equal(batch->first->partition, expected, sizeof expected);
  sd_batch_free(batch);
}

static void a_body_that_is_not_utf8_is_dead_unless_bodies_are_blobs(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(1, ROOMY);
  sd_event event = event_of("caf\xc3\xa9", 1, "1");
  assert_int_equal(sd_batch_append(batch, 0, "0", 1, &event, false), SD_OK);
  event.body = sd_bytes_of("caf\xe9");
  assert_int_equal(sd_batch_append(batch, 0, "0", 1, &event, false), SD_OK);
  assert_int_equal(sd_batch_append(batch, 0, "0", 1, &event, true), SD_OK);
  const uint8_t expected[] = {SD_DEAD_NONE, SD_DEAD_BODY_NOT_UTF8, SD_DEAD_NONE};
  assert_memory_equal(batch->first->dead, expected, sizeof expected);
  assert_int_equal(batch->dead_rows, 1);
  assert_int_equal(batch->rows, 3);
  assert_text(sd_batch_body(batch->first, 1), "caf\xe9");
  sd_batch_free(batch);
}

static void a_row_that_the_source_marked_dead_stays_so(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(1, ROOMY);
  sd_event event = event_of("\xff", 1, "1");
  event.dead = SD_DEAD_PROPERTIES_NOT_JSON;
  assert_int_equal(sd_batch_append(batch, 0, "0", 1, &event, false), SD_OK);
  assert_int_equal(batch->first->dead[0], SD_DEAD_PROPERTIES_NOT_JSON);
  assert_int_equal(batch->dead_rows, 1);
  sd_batch_free(batch);
}

static void empty_bodies_and_fields_are_kept_as_empty(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(1, ROOMY);
  sd_event event = {.sequence_number = 0};
  assert_int_equal(sd_batch_append(batch, 0, "0", 1, &event, false), SD_OK);
  assert_int_equal(batch->first->body_len[0], 0);
  assert_int_equal(batch->first->properties_len[0], 0);
  assert_int_equal(batch->partitions[0].last_offset.len, 0);
  assert_int_equal(batch->dead_rows, 0);
  sd_batch_free(batch);
}

static void rows_run_over_into_further_segments(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(2, ROOMY);
  const uint32_t count = 2 * SD_BATCH_SEGMENT_ROWS + 5;
  for (uint32_t i = 0; i < count; i++) {
    char body[32];
    snprintf(body, sizeof body, "body %u", i);
    sd_event event = event_of(body, i, "1");
    assert_int_equal(sd_batch_append(batch, i % 2, i % 2 ? "1" : "0", 1, &event, false), SD_OK);
  }
  assert_int_equal(batch->rows, count);
  uint32_t seen = 0;
  for (const sd_batch_segment *segment = batch->first; segment; segment = segment->next) {
    for (uint32_t i = 0; i < segment->rows; i++, seen++) {
      char body[32];
      snprintf(body, sizeof body, "body %u", seen);
      assert_text(sd_batch_body(segment, i), body);
      assert_int_equal(segment->sequence_number[i], seen);
      assert_int_equal(segment->partition[i], seen % 2);
    }
    assert_true(segment->next == NULL || segment->rows == SD_BATCH_SEGMENT_ROWS);
  }
  assert_int_equal(seen, count);
  assert_int_equal(batch->last->rows, 5);
  sd_batch_free(batch);
}

static void all_partitions_of_the_largest_hub_fit(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(SD_BATCH_PARTITIONS_MAX, ROOMY);
  for (uint32_t i = 0; i < SD_BATCH_PARTITIONS_MAX; i++) {
    char id[SD_BATCH_PARTITION_ID_MAX];
    snprintf(id, sizeof id, "%u", i);
    sd_event event = event_of("x", i, "1");
    assert_int_equal(sd_batch_append(batch, i, id, i, &event, false), SD_OK);
  }
  assert_int_equal(batch->partition_count, SD_BATCH_PARTITIONS_MAX);
  assert_string_equal(batch->partitions[2047].partition_id, "2047");
  assert_string_equal(batch->partitions[0].partition_id, "0");
  sd_batch_free(batch);
}

static void memory_never_passes_the_maximum_and_a_full_batch_is_unchanged(void **state)
{
  (void)state;
  const size_t max_bytes = 1024 * 1024;
  sd_batch *batch = new_batch(1, max_bytes);
  char body[1500];
  memset(body, 'b', sizeof body);
  sd_event event = event_of("", 0, "12345");
  event.body = sd_bytes_make(body, sizeof body);
  sd_status status = SD_OK;
  while (status == SD_OK && event.sequence_number < 10000) {
    event.sequence_number++;
    status = sd_batch_append(batch, 0, "0", 1, &event, false);
    assert_true(sd_batch_held(batch) <= max_bytes);
  }
  assert_int_equal(status, SD_LIMIT);
  uint32_t rows = batch->rows;
  assert_true(rows > 300);
  assert_int_equal(batch->partitions[0].last_sequence, event.sequence_number - 1);
  assert_int_equal(batch->partitions[0].rows, rows);
  assert_int_equal(batch->last->rows, rows);
  sd_batch_free(batch);
}

static void a_full_batch_does_not_show_a_partition_that_it_could_not_take(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(2, 512 * 1024);
  sd_event event = event_of("x", 1, "1");
  assert_int_equal(sd_batch_append(batch, 0, "0", 1, &event, false), SD_OK);
  char *big = sd_calloc(1, 512 * 1024);
  assert_non_null(big);
  event.body = sd_bytes_make(big, 512 * 1024);
  assert_int_equal(sd_batch_append(batch, 1, "1", 1, &event, true), SD_LIMIT);
  assert_int_equal(batch->partition_count, 1);
  assert_int_equal(batch->rows, 1);
  event.body = sd_bytes_of("y");
  assert_int_equal(sd_batch_append(batch, 1, "1", 1, &event, true), SD_OK);
  assert_int_equal(batch->partition_count, 2);
  sd_free(big);
  sd_batch_free(batch);
}

static void a_reset_batch_is_empty_and_keeps_at_most_one_block(void **state)
{
  (void)state;
  sd_batch *batch = new_batch(4, ROOMY);
  for (int round = 0; round < 3; round++) {
    for (uint32_t i = 0; i < 5000; i++) {
      sd_event event = event_of("some body", i, "77");
      assert_int_equal(sd_batch_append(batch, 3 - i % 4, "p", round, &event, false), SD_OK);
    }
    assert_int_equal(batch->rows, 5000);
    assert_int_equal(batch->partition_count, 4);
    assert_int_equal(batch->partitions[0].epoch, round);
    sd_batch_reset(batch);
    assert_int_equal(batch->rows, 0);
    assert_int_equal(batch->partition_count, 0);
    assert_int_equal(batch->body_bytes, 0);
    assert_int_equal(batch->opened_ns, 0);
    assert_null(batch->first);
    assert_true(sd_batch_held(batch) <= SD_BATCH_ARENA_BLOCK);
  }
  sd_batch_free(batch);
}

static void wrong_arguments_are_refused(void **state)
{
  (void)state;
  sd_batch *batch = NULL;
  assert_int_equal(sd_batch_new(0, ROOMY, &batch), SD_INVALID);
  assert_int_equal(sd_batch_new(SD_BATCH_PARTITIONS_MAX + 1, ROOMY, &batch), SD_INVALID);
  assert_null(batch);
  batch = new_batch(1, ROOMY);
  sd_event event = event_of("x", 1, "1");
  assert_int_equal(sd_batch_append(batch, 1, "1", 1, &event, false), SD_INVALID);
  assert_int_equal(sd_batch_append(batch, 0, "a name of 16 byt", 1, &event, false), SD_INVALID);
  assert_int_equal(batch->rows, 0);
  sd_batch_free(batch);
  sd_batch_free(NULL);
}

static void every_allocation_may_fail_and_nothing_is_lost(void **state)
{
  (void)state;
  uint64_t nth = 1;
  for (;; nth++) {
    sd_alloc_fail_nth(nth);
    sd_batch *batch = NULL;
    sd_status status = sd_batch_new(4, ROOMY, &batch);
    if (status != SD_OK) {
      assert_int_equal(status, SD_NOMEM);
      assert_null(batch);
      continue;
    }
    uint32_t rows = 0;
    bool failed = false;
    for (uint32_t i = 0; i < 3000; i++) {
      sd_event event = event_of("a body of some length, so that blocks fill up", i, "1");
      status = sd_batch_append(batch, i % 4, "p", 1, &event, false);
      if (status != SD_OK) {
        assert_int_equal(status, SD_NOMEM);
        assert_int_equal(batch->rows, rows);
        failed = true;
        status = sd_batch_append(batch, i % 4, "p", 1, &event, false);
      }
      assert_int_equal(status, SD_OK);
      rows++;
    }
    assert_int_equal(batch->rows, 3000);
    sd_batch_free(batch);
    if (!failed)
      break;
  }
  sd_alloc_fail_nth(0);
  assert_true(nth > 4);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_event_lands_in_every_column),
      cmocka_unit_test(the_event_is_copied),
      cmocka_unit_test(partitions_stand_in_order_of_appearance_with_first_and_last),
      cmocka_unit_test(a_body_that_is_not_utf8_is_dead_unless_bodies_are_blobs),
      cmocka_unit_test(a_row_that_the_source_marked_dead_stays_so),
      cmocka_unit_test(empty_bodies_and_fields_are_kept_as_empty),
      cmocka_unit_test(rows_run_over_into_further_segments),
      cmocka_unit_test(all_partitions_of_the_largest_hub_fit),
      cmocka_unit_test(memory_never_passes_the_maximum_and_a_full_batch_is_unchanged),
      cmocka_unit_test(a_full_batch_does_not_show_a_partition_that_it_could_not_take),
      cmocka_unit_test(a_reset_batch_is_empty_and_keeps_at_most_one_block),
      cmocka_unit_test(wrong_arguments_are_refused),
      cmocka_unit_test(every_allocation_may_fail_and_nothing_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
