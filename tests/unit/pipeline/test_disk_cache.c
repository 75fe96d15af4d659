/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The disk cache: rows and files, damage, limits, several objects and processes on one folder. */
#include "base/alloc.h"
#include "opaque.h"
#include "pipeline/disk_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include <cmocka.h>

static char folder[64];

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
  (void)stat;
  (void)type;
  (void)ftw;
  return remove(path);
}

static int set_up(void **state)
{
  (void)state;
  (void)snprintf(folder, sizeof folder, "/tmp/sd-disk-cache-XXXXXX");
  return mkdtemp(folder) ? sd_value_type_register(&box_type, NULL) : -1;
}

static int tear_down(void **state)
{
  (void)state;
  return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 || box_count != 0;
}

static sd_cache *open_cache(uint64_t max_bytes)
{
  sd_cache *cache = NULL;
  sd_error error;
  sd_disk_cache_options options = {.struct_size = sizeof options, .path = folder, .max_bytes = max_bytes};
  sd_status status = sd_disk_cache_new(&options, &cache, &error);
  if (status != SD_OK)
    fail_msg("%s", error.message);
  return cache;
}

static void name(uint64_t number, uint8_t signature[SD_SIGNATURE_SIZE])
{
  for (size_t i = 0; i < SD_SIGNATURE_SIZE; i += 8) {
    uint64_t mixed = random_next(&number);
    memcpy(signature + i, &mixed, sizeof mixed);
  }
}

static sd_value make_text(char c, size_t len)
{
  char *text = sd_alloc(len);
  sd_value value;
  assert_non_null(text);
  memset(text, c, len);
  assert_int_equal(sd_value_string(text, len, &value), SD_OK);
  sd_free(text);
  return value;
}

static void store(sd_cache *cache, uint64_t number, sd_value value)
{
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_error error;
  name(number, signature);
  sd_status status = sd_cache_store(cache, signature, &value, 1, 1000, &error);
  if (status != SD_OK)
    fail_msg("%s", error.message);
  sd_value_release(value);
}

static bool has(sd_cache *cache, uint64_t number)
{
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_cache_entry entry;
  name(number, signature);
  return sd_cache_find(cache, signature, &entry, NULL) == SD_OK;
}

static sd_status load(sd_cache *cache, uint64_t number, sd_value *ret_value)
{
  uint8_t signature[SD_SIGNATURE_SIZE];
  name(number, signature);
  return sd_cache_load(cache, signature, 0, ret_value, NULL);
}

static void assert_stored(sd_cache *cache, uint64_t number, sd_value expected)
{
  sd_value value;
  assert_int_equal(load(cache, number, &value), SD_OK);
  assert_true(sd_value_equal(value, expected));
  sd_value_release(value);
  sd_value_release(expected);
}

/* The path of the only file below blobs; how many there are. */
static char blob_path[256];
static size_t blob_count;

static int see_blob(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
  (void)stat;
  (void)ftw;
  if (type == FTW_F && strstr(path, "/blobs/")) {
    (void)snprintf(blob_path, sizeof blob_path, "%s", path);
    blob_count++;
  }
  return 0;
}

static size_t count_blobs(void)
{
  blob_count = 0;
  assert_int_equal(nftw(folder, see_blob, 16, FTW_PHYS), 0);
  return blob_count;
}

static void execute(const char *sql)
{
  char path[96];
  sqlite3 *db;
  char *message = NULL;
  (void)snprintf(path, sizeof path, "%s/cache.sqlite", folder);
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
    fail_msg("%s", message);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void values_of_all_sizes_come_back_in_another_process_too(void **state)
{
  (void)state;
  static const size_t sizes[] = {0, 1, 4000, 4089, 4090, 4091, 5000, 65536, 70000, 1000000};
  enum { COUNT = sizeof sizes / sizeof *sizes };
  sd_cache *cache = open_cache(0);
  for (uint64_t i = 0; i < COUNT; i++)
    store(cache, i, make_text('v', sizes[i]));
  assert_in_range(count_blobs(), 5, 7);
  for (int round = 0; round < 2; round++) {
    for (uint64_t i = 0; i < COUNT; i++)
      assert_stored(cache, i, make_text('v', sizes[i]));
    sd_cache_release(cache);
    cache = open_cache(0);
  }
  sd_cache_release(cache);
}

static void random_values_come_back(void **state)
{
  (void)state;
  uint64_t seed = random_seed();
  sd_cache *cache = open_cache(0);
  for (uint64_t i = 0; i < 200; i++) {
    uint64_t random = seed + i;
    store(cache, i, random_value(&random, 5));
  }
  for (uint64_t i = 0; i < 200; i++) {
    uint64_t random = seed + i;
    assert_stored(cache, i, random_value(&random, 5));
  }
  sd_cache_release(cache);
}

static void absent_and_null_differ(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  sd_value value;
  assert_false(has(cache, 1));
  assert_int_equal(load(cache, 1, &value), SD_NOT_FOUND);
  store(cache, 1, sd_value_null());
  assert_true(has(cache, 1));
  assert_stored(cache, 1, sd_value_null());
  static const uint8_t zeroes[SD_SIGNATURE_SIZE];
  assert_int_equal(sd_cache_load(cache, zeroes, 0, &value, NULL), SD_NOT_FOUND);
  sd_cache_release(cache);
}

static void several_outputs_are_one_entry(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_cache_entry entry;
  sd_value outputs[] = {sd_value_int(1), make_text('b', 10000), box_new(&box_type, "x")};
  name(1, signature);
  assert_int_equal(sd_cache_store(cache, signature, outputs, 3, 12345, NULL), SD_OK);
  assert_int_equal(sd_cache_find(cache, signature, &entry, NULL), SD_OK);
  assert_int_equal(entry.output_count, 3);
  assert_int_equal(entry.compute_ns, 12345);
  assert_in_range(entry.bytes, 10000, 10100);
  for (uint32_t i = 0; i < 3; i++) {
    sd_value value;
    assert_int_equal(sd_cache_load(cache, signature, i, &value, NULL), SD_OK);
    assert_true(sd_value_equal(value, outputs[i]));
    sd_value_release(value);
    sd_value_release(outputs[i]);
  }
  sd_cache_release(cache);
}

static void what_cannot_be_serialized_leaves_nothing(void **state)
{
  (void)state;
  sd_error error;
  sd_cache *cache = open_cache(0);
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value outputs[] = {make_text('b', 10000), box_new(&closed_type, "x")};
  name(1, signature);
  assert_int_equal(sd_cache_store(cache, signature, outputs, 2, 0, &error), SD_UNSUPPORTED);
  assert_non_null(strstr(error.message, "output 1: "));
  assert_non_null(strstr(error.message, "DiskCache: /tmp/"));
  assert_false(has(cache, 1));
  assert_int_equal(count_blobs(), 0);
  sd_value_release(outputs[0]);
  sd_value_release(outputs[1]);
  sd_cache_release(cache);
}

static void storing_again_replaces_and_removes_the_file(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  store(cache, 1, make_text('a', 10000));
  store(cache, 1, make_text('b', 20000));
  assert_int_equal(count_blobs(), 1);
  assert_stored(cache, 1, make_text('b', 20000));
  store(cache, 1, sd_value_int(3));
  assert_int_equal(count_blobs(), 0);
  sd_cache_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(sd_cache_get_stats(cache, &stats, NULL), SD_OK);
  assert_int_equal(stats.entries, 1);
  assert_in_range(stats.bytes, 1, 1000);
  sd_cache_release(cache);
}

/* ---- Damage */

static void assert_damaged_and_dropped(sd_cache *cache, uint64_t number)
{
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value value;
  sd_error error;
  name(number, signature);
  assert_true(has(cache, number));
  assert_int_equal(sd_cache_load(cache, signature, 0, &value, &error), SD_CORRUPT);
  assert_int_equal(error.code, SD_CORRUPT);
  assert_false(has(cache, number));
  assert_int_equal(count_blobs(), 0);
  store(cache, number, make_text('n', 10000));
  assert_stored(cache, number, make_text('n', 10000));
}

static void a_changed_file_is_noticed(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  store(cache, 1, make_text('a', 10000));
  assert_int_equal(count_blobs(), 1);
  int fd = open(blob_path, O_RDWR);
  assert_int_equal(pwrite(fd, "b", 1, 9000), 1);
  close(fd);
  assert_damaged_and_dropped(cache, 1);
  sd_cache_release(cache);
}

static void a_cut_file_is_noticed(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  store(cache, 1, make_text('a', 10000));
  assert_int_equal(count_blobs(), 1);
  assert_int_equal(truncate(blob_path, 9999), 0);
  assert_damaged_and_dropped(cache, 1);
  sd_cache_release(cache);
}

static void a_lost_file_is_noticed(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  store(cache, 1, make_text('a', 10000));
  assert_int_equal(count_blobs(), 1);
  assert_int_equal(unlink(blob_path), 0);
  assert_damaged_and_dropped(cache, 1);
  sd_cache_release(cache);
}

static void the_file_of_another_entry_is_noticed(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  char first[sizeof blob_path];
  store(cache, 1, make_text('a', 10000));
  assert_int_equal(count_blobs(), 1);
  (void)snprintf(first, sizeof first, "%s", blob_path);
  store(cache, 2, make_text('b', 10000));
  assert_int_equal(count_blobs(), 2);
  if (strcmp(first, blob_path) == 0) {
    /* The walk came upon the first one last: take the other. */
    char aside[96];
    (void)snprintf(aside, sizeof aside, "%s/aside", folder);
    assert_int_equal(rename(first, aside), 0);
    assert_int_equal(count_blobs(), 1);
    assert_int_equal(rename(aside, first), 0);
  }
  assert_int_equal(rename(blob_path, first), 0);
  sd_value value;
  assert_int_equal(load(cache, 1, &value), SD_CORRUPT);
  assert_int_equal(load(cache, 2, &value), SD_CORRUPT);
  sd_cache_release(cache);
}

static void changed_bytes_in_a_row_are_noticed(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  store(cache, 1, make_text('a', 100));
  execute("UPDATE value SET data = CAST(replace(data, 'aaa', 'aab') AS BLOB)");
  assert_damaged_and_dropped(cache, 1);
  execute("UPDATE value SET data = NULL");
  execute("UPDATE value SET file = 0");
  assert_int_equal(count_blobs(), 1);
  assert_int_equal(unlink(blob_path), 0);
  assert_damaged_and_dropped(cache, 1);
  sd_cache_release(cache);
}

static void an_unknown_type_is_not_damage(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  sd_value value;
  store(cache, 1, box_new(&other_type, "x"));
  assert_int_equal(load(cache, 1, &value), SD_UNSUPPORTED);
  assert_true(has(cache, 1));
  sd_cache_release(cache);
}

static void another_versions_folder_is_refused(void **state)
{
  (void)state;
  sd_cache_release(open_cache(0));
  execute("PRAGMA user_version=7");
  sd_cache *cache;
  sd_error error;
  sd_disk_cache_options options = {.struct_size = sizeof options, .path = folder};
  assert_int_equal(sd_disk_cache_new(&options, &cache, &error), SD_UNSUPPORTED);
  assert_non_null(strstr(error.message, "format 7"));
  char path[96];
  (void)snprintf(path, sizeof path, "%s/cache.sqlite", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  for (int i = 0; i < 1000; i++)
    (void)fputs("no database\n", file);
  (void)fclose(file);
  assert_int_equal(sd_disk_cache_new(&options, &cache, &error), SD_CORRUPT);
  assert_non_null(strstr(error.message, "delete its folder"));
  options.path = "/proc/none/here";
  assert_int_equal(sd_disk_cache_new(&options, &cache, &error), SD_IO);
  options.path = "";
  assert_int_equal(sd_disk_cache_new(&options, &cache, &error), SD_INVALID);
}

/* ---- Limits */

static void the_least_recently_used_go_first(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(100000);
  for (uint64_t i = 0; i < 8; i++)
    store(cache, i, make_text('a', 10000));
  assert_true(has(cache, 0));
  assert_true(has(cache, 1));
  for (uint64_t i = 8; i < 12; i++)
    store(cache, i, make_text('a', 10000));
  assert_true(has(cache, 0));
  assert_true(has(cache, 1));
  assert_false(has(cache, 2));
  assert_false(has(cache, 3));
  assert_true(has(cache, 11));
  sd_cache_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(sd_cache_get_stats(cache, &stats, NULL), SD_OK);
  assert_true(stats.bytes <= 100000);
  assert_int_equal(stats.entries + stats.evictions, 12);
  assert_int_equal(count_blobs(), stats.entries);
  sd_cache_release(cache);
}

static void what_is_larger_than_all_room_is_refused(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(50000);
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value value = make_text('a', 60000);
  name(1, signature);
  assert_int_equal(sd_cache_store(cache, signature, &value, 1, 0, NULL), SD_LIMIT);
  sd_value_release(value);
  assert_int_equal(count_blobs(), 0);
  sd_cache_release(cache);
}

static void a_hit_writes_nothing_until_many_wait(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  store(cache, 1, sd_value_int(1));
  sd_disk_cache *disk = sd_disk_cache_of(cache);
  assert_non_null(disk);
  int before = sqlite3_total_changes(disk->writer.db);
  for (int i = 0; i < 10000; i++)
    assert_true(has(cache, 1));
  assert_int_equal(sqlite3_total_changes(disk->writer.db), before);
  for (uint64_t i = 0; i < 2 * SD_TOUCH_FULL; i++)
    store(cache, 100 + i, sd_value_int(1));
  before = sqlite3_total_changes(disk->writer.db);
  for (uint64_t i = 0; i < 2 * SD_TOUCH_FULL; i++)
    assert_true(has(cache, 100 + i));
  int changes = sqlite3_total_changes(disk->writer.db) - before;
  assert_in_range(changes, SD_TOUCH_FULL, 2 * SD_TOUCH_FULL + 1);
  sd_cache_release(cache);
}

static void clearing_removes_everything(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  for (uint64_t i = 0; i < 600; i++)
    store(cache, i, i % 60 ? sd_value_int(1) : make_text('a', 5000));
  assert_int_equal(sd_cache_clear(cache, NULL), SD_OK);
  sd_cache_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(sd_cache_get_stats(cache, &stats, NULL), SD_OK);
  assert_int_equal(stats.entries, 0);
  assert_int_equal(stats.bytes, 0);
  assert_int_equal(stats.evictions, 0);
  assert_int_equal(count_blobs(), 0);
  sd_cache_release(cache);
}

/* ---- Orphans */

static void make_orphan(const char *file, int64_t age_s)
{
  char path[512];
  char *slash = strrchr(blob_path, '/');
  (void)snprintf(path, sizeof path, "%.*s/%s", (int)(slash - blob_path), blob_path, file);
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  assert_true(fd >= 0);
  struct timespec times[2];
  (void)clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= age_s;
  times[1] = times[0];
  assert_int_equal(futimens(fd, times), 0);
  close(fd);
}

/* The name of a file that no row names: the token's last hexadecimal digit is another one. */
static void another_token(char *file)
{
  char *last = file + strlen(file) - 1;
  *last = *last == '0' ? '1' : '0';
}

static void only_old_files_without_a_row_are_removed(void **state)
{
  (void)state;
  char file[128];
  char named[sizeof blob_path];
  size_t removed = 99;
  sd_cache *cache = open_cache(0);
  store(cache, 1, make_text('a', 10000));
  assert_int_equal(count_blobs(), 1);
  (void)snprintf(named, sizeof named, "%s", blob_path);
  (void)snprintf(file, sizeof file, "%s", strrchr(named, '/') + 1);
  make_orphan(file, 9999); /* the entry's own file, now old */
  another_token(file);
  make_orphan(file, 9999);
  (void)snprintf(file + strlen(file), 5, ".tmp");
  make_orphan(file, 9999);
  file[strlen(file) - 5] = 'e';
  make_orphan(file, 10);
  make_orphan("README", 9999);
  assert_int_equal(count_blobs(), 5);
  assert_int_equal(sd_disk_cache_sweep(sd_disk_cache_of(cache), 3600, &removed, NULL), SD_OK);
  assert_int_equal(removed, 2);
  assert_int_equal(count_blobs(), 3);
  assert_stored(cache, 1, make_text('a', 10000));
  sd_cache_release(cache);
}

static void opening_sweeps_once_in_an_interval(void **state)
{
  (void)state;
  char file[128];
  sd_cache *cache = open_cache(0);
  store(cache, 1, make_text('a', 10000));
  assert_int_equal(count_blobs(), 1);
  (void)snprintf(file, sizeof file, "%s", strrchr(blob_path, '/') + 1);
  another_token(file);
  make_orphan(file, 9999);
  sd_cache_release(cache);
  sd_cache_release(open_cache(0));
  assert_int_equal(count_blobs(), 2);
  execute("UPDATE total SET swept = swept - 3601 * 1000000");
  sd_cache_release(open_cache(0));
  assert_int_equal(count_blobs(), 1);
}

/* ---- Several owners */

static void two_objects_share_a_folder(void **state)
{
  (void)state;
  sd_cache *one = open_cache(0);
  sd_cache *two = open_cache(0);
  store(one, 1, make_text('a', 10000));
  assert_stored(two, 1, make_text('a', 10000));
  store(two, 1, make_text('b', 10000));
  assert_stored(one, 1, make_text('b', 10000));
  sd_cache_release(one);
  assert_stored(two, 1, make_text('b', 10000));
  sd_cache_release(two);
}

static void parent_and_child_of_a_fork_go_on_with_connections_of_their_own(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  store(cache, 1, sd_value_int(1));
  assert_true(has(cache, 1));
  sd_disk_cache *disk = sd_disk_cache_of(cache);
  pid_t child = fork();
  if (child == 0) {
    bool fresh = !disk->reader.db && !disk->writer.db;
    sd_value two = sd_value_int(2);
    uint8_t signature[SD_SIGNATURE_SIZE];
    name(2, signature);
    bool good = fresh && has(cache, 1) && sd_cache_store(cache, signature, &two, 1, 0, NULL) == SD_OK;
    for (int i = 0; i < 200 && good; i++)
      good = sd_cache_store(cache, signature, &two, 1, 0, NULL) == SD_OK;
    sd_cache_release(cache);
    _exit(good ? 0 : 1);
  }
  for (uint64_t i = 0; i < 200; i++)
    store(cache, 10 + i, sd_value_int((int64_t)i));
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_stored(cache, 2, sd_value_int(2));
  for (uint64_t i = 0; i < 200; i++)
    assert_stored(cache, 10 + i, sd_value_int((int64_t)i));
  sd_cache_release(cache);
}

static uint64_t bytes_read(void)
{
  char text[512];
  uint64_t count = 0;
  FILE *file = fopen("/proc/self/io", "r");
  assert_non_null(file);
  while (fgets(text, sizeof text, file)) {
    if (strncmp(text, "rchar: ", 7) == 0)
      count = strtoull(text + 7, NULL, 10);
  }
  (void)fclose(file);
  return count;
}

/* A gigabyte that is written by pieces, so that no test needs the memory. */
static sd_status write_gigabyte(const void *object, sd_write_fn *write, void *user, sd_error *error)
{
  static char piece[1 << 20];
  (void)object;
  (void)error;
  for (int i = 0; i < 1024; i++) {
    sd_status status = write(user, piece, sizeof piece);
    if (status != SD_OK)
      return status;
  }
  return SD_OK;
}

static void leave(void *object)
{
  (void)object;
}

static const sd_value_type huge_type = {.struct_size = sizeof huge_type,
                                        .name = "test/huge",
                                        .kind = SD_VALUE_OPAQUE,
                                        .retain = leave,
                                        .release = leave,
                                        .serialize = write_gigabyte};

static void finding_a_gigabyte_reads_nothing_of_it(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  store(cache, 1, sd_value_opaque(&huge_type, &blob_count));
  sd_cache_release(cache);
  uint64_t before = bytes_read();
  cache = open_cache(0);
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_cache_entry entry;
  name(1, signature);
  assert_int_equal(sd_cache_find(cache, signature, &entry, NULL), SD_OK);
  assert_true(entry.bytes > (uint64_t)1 << 30);
  assert_true(bytes_read() - before < 1 << 20);
  sd_cache_release(cache);
}

static void each_failing_allocation_leaves_a_cache_that_works(void **state)
{
  (void)state;
  sd_cache *cache = open_cache(0);
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value outputs[] = {make_text('a', 10000), sd_value_int(1)};
  name(1, signature);
  sd_status status = SD_NOMEM;
  for (uint64_t nth = 1; status != SD_OK; nth++) {
    assert_in_range(nth, 1, 20);
    sd_alloc_fail_nth(nth);
    status = sd_cache_store(cache, signature, outputs, 2, 0, NULL);
    sd_alloc_fail_nth(0);
    assert_int_equal(has(cache, 1), status == SD_OK);
    assert_int_equal(count_blobs(), status == SD_OK);
  }
  status = SD_NOMEM;
  for (uint64_t nth = 1; status != SD_OK; nth++) {
    sd_value value;
    assert_in_range(nth, 1, 20);
    sd_alloc_fail_nth(nth);
    status = sd_cache_load(cache, signature, 0, &value, NULL);
    sd_alloc_fail_nth(0);
    if (status == SD_OK)
      sd_value_release(value);
    else
      assert_int_equal(status, SD_NOMEM);
  }
  sd_value_release(outputs[0]);
  sd_cache_release(cache);
  sd_disk_cache_options options = {.struct_size = sizeof options, .path = folder};
  for (uint64_t nth = 1; nth <= 2; nth++) {
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_disk_cache_new(&options, &cache, NULL), SD_NOMEM);
    sd_alloc_fail_nth(0);
  }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(values_of_all_sizes_come_back_in_another_process_too),
      CASE(random_values_come_back),
      CASE(absent_and_null_differ),
      CASE(several_outputs_are_one_entry),
      CASE(what_cannot_be_serialized_leaves_nothing),
      CASE(storing_again_replaces_and_removes_the_file),
      CASE(a_changed_file_is_noticed),
      CASE(a_cut_file_is_noticed),
      CASE(a_lost_file_is_noticed),
      CASE(the_file_of_another_entry_is_noticed),
      CASE(changed_bytes_in_a_row_are_noticed),
      CASE(an_unknown_type_is_not_damage),
      CASE(another_versions_folder_is_refused),
      CASE(the_least_recently_used_go_first),
      CASE(what_is_larger_than_all_room_is_refused),
      CASE(a_hit_writes_nothing_until_many_wait),
      CASE(clearing_removes_everything),
      CASE(only_old_files_without_a_row_are_removed),
      CASE(opening_sweeps_once_in_an_interval),
      CASE(two_objects_share_a_folder),
      CASE(parent_and_child_of_a_fork_go_on_with_connections_of_their_own),
      CASE(finding_a_gigabyte_reads_nothing_of_it),
      CASE(each_failing_allocation_leaves_a_cache_that_works),
  };
  return cmocka_run_group_tests_name("pipeline/disk_cache", tests, NULL, NULL);
}
