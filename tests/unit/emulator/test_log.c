/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A partition's log: appending, reading, look-ups, what survives which damage. */
#include "emulator/log.h"

#include "base/alloc.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static emu_log_space space;

static int make_folder(void **state)
{
  (void)state;
  (void)snprintf(folder, sizeof folder, "/tmp/sd-test-log-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  char path[512];
  DIR *dir = opendir(folder);
  for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
    (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    (void)unlink(path);
  }
  if (dir)
    (void)closedir(dir);
  emu_log_space_release(&space);
  return rmdir(folder);
}

static emu_log *open_log(const char *dir, uint64_t segment_bytes)
{
  emu_log *log = NULL;
  sd_error error;
  assert_int_equal(emu_log_open(dir, segment_bytes, &log, &error), SD_OK);
  return log;
}

/* Event n has the time 1000 + 10 n and a payload of n % 50 + 1 letters. */
static void append(emu_log *log, int64_t count)
{
  for (int64_t i = 0; i < count; i++) {
    int64_t sequence = -1;
    uint64_t position = 0;
    sd_buf *out = NULL;
    assert_int_equal(emu_log_begin_event(log, &sequence, &position, &out), SD_OK);
    for (int64_t k = 0; k <= sequence % 50; k++)
      assert_int_equal(sd_buf_append_byte(out, (uint8_t)('a' + sequence % 26)), SD_OK);
    assert_int_equal(emu_log_end_event(log, 1000 + 10 * sequence, 1), SD_OK);
  }
  assert_int_equal(emu_log_commit(log, NULL), SD_OK);
}

/* Reads all from a position and returns how many there were, each checked. */
static int64_t read_all(emu_log *log, uint64_t position, int64_t first)
{
  int64_t expected = first;
  for (;;) {
    sd_bytes records;
    assert_int_equal(emu_log_read(log, position, &space, &position, &records, NULL), SD_OK);
    if (records.len == 0)
      return expected - first;
    emu_record record;
    bool any = false;
    while (emu_log_next(&records, &position, &record)) {
      any = true;
      assert_int_equal(record.sequence, expected);
      assert_int_equal(record.enqueued_ms, 1000 + 10 * expected);
      assert_int_equal(record.payload.len, expected % 50 + 1);
      assert_int_equal(record.payload.data[0], 'a' + expected % 26);
      assert_int_equal(record.head_size, 1);
      expected++;
    }
    assert_true(any);
  }
}

static void what_is_appended_is_read_in_order_with_gapless_numbers(void **state)
{
  (void)state;
  const char *const places[] = {NULL, folder};
  for (size_t i = 0; i < 2; i++) {
    emu_log *log = open_log(places[i], 4096);
    assert_int_equal(read_all(log, 0, 0), 0);
    assert_int_equal(emu_log_next_sequence(log), 0);
    append(log, 1);
    append(log, 2999);
    assert_int_equal(emu_log_next_sequence(log), 3000);
    assert_int_equal(emu_log_last_enqueued_ms(log), 1000 + 10 * 2999);
    assert_int_equal(read_all(log, emu_log_begin_position(log), 0), 3000);
    emu_log_close(log);
  }
}

static void a_cancelled_publication_leaves_nothing(void **state)
{
  (void)state;
  emu_log *log = open_log(folder, 0);
  append(log, 3);
  int64_t sequence = -1;
  uint64_t position = 0;
  sd_buf *out = NULL;
  assert_int_equal(emu_log_begin_event(log, &sequence, &position, &out), SD_OK);
  assert_int_equal(sequence, 3);
  assert_int_equal(sd_buf_append_text(out, "half"), SD_OK);
  emu_log_cancel(log);
  append(log, 2);
  assert_int_equal(read_all(log, 0, 0), 5);
  emu_log_close(log);
}

static void look_ups_find_the_first_record_at_or_behind_the_value(void **state)
{
  (void)state;
  emu_log *log = open_log(NULL, 32 * 1024);
  for (int i = 0; i < 50; i++)
    append(log, 100);
  sd_bytes records;
  emu_record record;
  uint64_t at = 0;
  for (int64_t n = 0; n < 5000; n += 7) {
    assert_int_equal(emu_log_find_sequence(log, n, &space, &at, NULL), SD_OK);
    uint64_t by_sequence = at;
    assert_int_equal(emu_log_read(log, at, &space, &at, &records, NULL), SD_OK);
    assert_true(emu_log_next(&records, &at, &record));
    assert_int_equal(record.sequence, n);
    assert_int_equal(emu_log_find_time(log, 1000 + 10 * n - 9, &space, &at, NULL), SD_OK);
    assert_int_equal(at, by_sequence);
    assert_int_equal(emu_log_find_position(log, by_sequence, &space, &at, NULL), SD_OK);
    assert_int_equal(at, by_sequence);
    if (n > 0) {
      assert_int_equal(emu_log_find_position(log, by_sequence - 1, &space, &at, NULL), SD_OK);
      assert_int_equal(at, by_sequence);
    }
  }
  assert_int_equal(emu_log_find_sequence(log, -5, &space, &at, NULL), SD_OK);
  assert_int_equal(at, 0);
  assert_int_equal(emu_log_find_sequence(log, 5000, &space, &at, NULL), SD_OK);
  assert_int_equal(at, emu_log_end_position(log));
  assert_int_equal(emu_log_find_time(log, INT64_MAX, &space, &at, NULL), SD_OK);
  assert_int_equal(at, emu_log_end_position(log));
  emu_log_close(log);
}

static void a_log_on_disk_goes_on_where_it_ended(void **state)
{
  (void)state;
  int64_t total = 0;
  for (int round = 0; round < 4; round++) {
    emu_log *log = open_log(folder, 4096);
    assert_int_equal(emu_log_next_sequence(log), total);
    append(log, 150);
    append(log, 150);
    total += 300;
    uint64_t last = emu_log_last_position(log);
    assert_int_equal(read_all(log, 0, 0), total);
    emu_log_close(log);
    log = open_log(folder, 4096);
    assert_int_equal(emu_log_last_position(log), last);
    assert_int_equal(emu_log_last_enqueued_ms(log), 1000 + 10 * (total - 1));
    emu_log_close(log);
  }
}

/* The newest segment file. */
static void newest_file(char path[512])
{
  char best[64] = "";
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
    if (strstr(entry->d_name, ".log") && strcmp(entry->d_name, best) > 0)
      (void)snprintf(best, sizeof best, "%.40s", entry->d_name);
  }
  (void)closedir(dir);
  (void)snprintf(path, 512, "%s/%s", folder, best);
}

static void a_torn_tail_is_cut_at_any_byte(void **state)
{
  (void)state;
  char path[512];
  struct stat info;
  emu_log *log = open_log(folder, 0);
  append(log, 20);
  uint64_t keep = emu_log_end_position(log);
  append(log, 1);
  emu_log_close(log);
  newest_file(path);
  assert_int_equal(stat(path, &info), 0);
  for (off_t size = info.st_size - 1; size >= (off_t)keep; size--) {
    assert_int_equal(truncate(path, size), 0);
    log = open_log(folder, 0);
    assert_int_equal(emu_log_next_sequence(log), 20);
    assert_int_equal(emu_log_end_position(log), keep);
    assert_int_equal(read_all(log, 0, 0), 20);
    append(log, 1);
    assert_int_equal(read_all(log, 0, 0), 21);
    emu_log_close(log);
  }
}

static void a_changed_byte_in_the_tail_is_noticed(void **state)
{
  (void)state;
  char path[512];
  for (off_t from_end = 1; from_end <= 40; from_end += 3) {
    emu_log *log = open_log(folder, 0);
    int64_t before = emu_log_next_sequence(log);
    append(log, 8 - before % 8); /* payloads without padding: every byte counts */
    int64_t after = emu_log_next_sequence(log);
    emu_log_close(log);
    newest_file(path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    off_t at = lseek(fd, -from_end, SEEK_END);
    assert_true(at > 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    bool padding = byte == 0;
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
    log = open_log(folder, 0);
    assert_true(emu_log_next_sequence(log) < after || padding);
    assert_true(read_all(log, 0, 0) >= before);
    emu_log_close(log);
  }
}

static void damage_before_the_tail_is_an_error_that_names_the_file(void **state)
{
  (void)state;
  char path[512];
  emu_log *log = open_log(folder, 1024);
  for (int i = 0; i < 10; i++)
    append(log, 50);
  emu_log_close(log);
  (void)snprintf(path, sizeof path, "%s/%020d.log", folder, 0);
  assert_int_equal(truncate(path, 100), 0);
  sd_error error;
  assert_int_equal(emu_log_open(folder, 1024, &log, &error), SD_CORRUPT);
  assert_non_null(strstr(error.message, path));
  assert_int_equal(unlink(path), 0);
  assert_int_equal(emu_log_open(folder, 1024, &log, &error), SD_OK); /* as after retention */
  assert_true(emu_log_begin_sequence(log) > 0);
  emu_log_close(log);
}

static void an_index_file_that_is_lost_or_wrong_is_made_again(void **state)
{
  (void)state;
  char path[512];
  emu_log *log = open_log(folder, 1024);
  for (int i = 0; i < 10; i++)
    append(log, 50);
  emu_log_close(log);
  (void)snprintf(path, sizeof path, "%s/%020d.index", folder, 0);
  assert_int_equal(unlink(path), 0);
  log = open_log(folder, 1024);
  assert_int_equal(read_all(log, 0, 0), 500);
  emu_log_close(log);
  assert_int_equal(access(path, R_OK), 0);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  assert_int_equal(pwrite(fd, "x", 1, 60), 1);
  (void)close(fd);
  log = open_log(folder, 1024);
  assert_int_equal(read_all(log, 0, 0), 500);
  emu_log_close(log);
}

static void a_large_record_is_read_whole(void **state)
{
  (void)state;
  emu_log *log = open_log(NULL, 0);
  int64_t sequence = -1;
  uint64_t position = 0;
  sd_buf *out = NULL;
  uint8_t *room = NULL;
  const size_t size = 1500000;
  assert_int_equal(emu_log_begin_event(log, &sequence, &position, &out), SD_OK);
  assert_int_equal(sd_buf_reserve(out, size, &room), SD_OK);
  memset(room, 7, size);
  sd_buf_commit(out, size);
  assert_int_equal(emu_log_end_event(log, 1, 0), SD_OK);
  assert_int_equal(emu_log_commit(log, NULL), SD_OK);
  sd_bytes records;
  emu_record record;
  assert_int_equal(emu_log_read(log, 0, &space, &position, &records, NULL), SD_OK);
  assert_true(emu_log_next(&records, &position, &record));
  assert_int_equal(record.payload.len, size);
  assert_int_equal(record.payload.data[size - 1], 7);
  emu_log_close(log);
}

static void dropping_the_oldest_moves_the_begin(void **state)
{
  (void)state;
  emu_log *log = open_log(NULL, 1024);
  int64_t oldest_ms = 0;
  append(log, 10);
  assert_false(emu_log_droppable(log, &oldest_ms));
  for (int i = 0; i < 10; i++)
    append(log, 50);
  assert_true(emu_log_droppable(log, &oldest_ms));
  assert_int_equal(oldest_ms, 1000);
  uint64_t held = emu_log_held_bytes(log);
  emu_log_drop_oldest(log);
  assert_true(emu_log_held_bytes(log) < held);
  int64_t first = emu_log_begin_sequence(log);
  assert_true(first > 0);
  assert_int_equal(read_all(log, 0, first), 510 - first); /* a dropped position reads from the begin */
  emu_log_close(log);
}

static void a_destroyed_log_leaves_no_file(void **state)
{
  (void)state;
  char path[128];
  (void)snprintf(path, sizeof path, "%s/p", folder);
  emu_log *log = open_log(path, 1024);
  for (int i = 0; i < 10; i++)
    append(log, 50);
  emu_log_destroy(log);
  assert_int_not_equal(access(path, F_OK), 0);
}

static void short_memory_fails_one_call_and_harms_nothing(void **state)
{
  (void)state;
  emu_log *log = NULL;
  sd_alloc_fail_nth(0);
  log = open_log(folder, 0);
  append(log, 5);
  uint64_t calls = sd_alloc_calls();
  emu_log_close(log);
  for (uint64_t nth = 1; nth <= calls; nth++) {
    sd_error error;
    int64_t sequence = 0;
    uint64_t position = 0;
    sd_buf *out = NULL;
    int64_t before = 0;
    sd_alloc_fail_nth(nth);
    sd_status status = emu_log_open(folder, 0, &log, &error);
    if (status != SD_OK) {
      assert_int_equal(status, SD_NOMEM);
      continue;
    }
    before = emu_log_next_sequence(log);
    status = emu_log_begin_event(log, &sequence, &position, &out);
    if (status == SD_OK)
      status = sd_buf_append(out, "z", 1);
    if (status == SD_OK)
      status = emu_log_end_event(log, 1, 0);
    if (status == SD_OK)
      status = emu_log_commit(log, &error);
    else
      emu_log_cancel(log);
    sd_alloc_fail_nth(0);
    assert_int_equal(emu_log_next_sequence(log), before + (status == SD_OK));
    emu_log_close(log);
  }
  sd_alloc_fail_nth(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(what_is_appended_is_read_in_order_with_gapless_numbers),
      TEST(a_cancelled_publication_leaves_nothing),
      TEST(look_ups_find_the_first_record_at_or_behind_the_value),
      TEST(a_log_on_disk_goes_on_where_it_ended),
      TEST(a_torn_tail_is_cut_at_any_byte),
      TEST(a_changed_byte_in_the_tail_is_noticed),
      TEST(damage_before_the_tail_is_an_error_that_names_the_file),
      TEST(an_index_file_that_is_lost_or_wrong_is_made_again),
      TEST(a_large_record_is_read_whole),
      TEST(dropping_the_oldest_moves_the_begin),
      TEST(a_destroyed_log_leaves_no_file),
      TEST(short_memory_fails_one_call_and_harms_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
