/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The memory cache: what was stored is there until its room is needed. */
#include "base/alloc.h"
#include "opaque.h"
#include "pipeline/cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void name(uint64_t number, uint8_t signature[SD_SIGNATURE_SIZE])
{
  memset(signature, 0, SD_SIGNATURE_SIZE);
  uint64_t mixed = number;
  mixed = random_next(&mixed);
  memcpy(signature, &mixed, sizeof mixed);
  memcpy(signature + 8, &number, sizeof number);
}

static sd_cache *make_cache(size_t max_bytes)
{
  sd_cache *cache;
  assert_int_equal(sd_memory_cache_new(max_bytes, &cache, NULL), SD_OK);
  return cache;
}

static sd_value make_text(char c, size_t len)
{
  static char text[4096];
  sd_value value;
  memset(text, c, sizeof text);
  assert_int_equal(sd_value_string(text, len, &value), SD_OK);
  return value;
}

static void store(sd_cache *cache, uint64_t number, sd_value value)
{
  uint8_t signature[SD_SIGNATURE_SIZE];
  name(number, signature);
  assert_int_equal(sd_cache_store(cache, signature, &value, 1, 1000, NULL), SD_OK);
  sd_value_release(value);
}

static bool has(sd_cache *cache, uint64_t number)
{
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_cache_entry entry;
  name(number, signature);
  return sd_cache_find(cache, signature, &entry, NULL) == SD_OK;
}

static void absent_and_null_differ(void **state)
{
  (void)state;
  sd_cache *cache = make_cache(0);
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_cache_entry entry;
  name(1, signature);
  sd_value value = sd_value_int(5);
  assert_int_equal(sd_cache_find(cache, signature, &entry, NULL), SD_NOT_FOUND);
  assert_int_equal(sd_cache_load(cache, signature, 0, &value, NULL), SD_NOT_FOUND);
  store(cache, 1, sd_value_null());
  assert_int_equal(sd_cache_find(cache, signature, &entry, NULL), SD_OK);
  assert_int_equal(entry.output_count, 1);
  assert_int_equal(entry.compute_ns, 1000);
  assert_int_equal(sd_cache_load(cache, signature, 0, &value, NULL), SD_OK);
  assert_int_equal(sd_value_kind_of(value), SD_VALUE_NULL);
  assert_int_equal(sd_cache_load(cache, signature, 1, &value, NULL), SD_NOT_FOUND);
  sd_cache_release(cache);
}

static void values_are_kept_themselves(void **state)
{
  (void)state;
  sd_cache *cache = make_cache(0);
  uint8_t signature[SD_SIGNATURE_SIZE];
  name(1, signature);
  sd_value outputs[] = {box_new(&closed_type, "x"), sd_value_int(2)};
  assert_int_equal(sd_cache_store(cache, signature, outputs, 2, 0, NULL), SD_OK);
  sd_value loaded;
  assert_int_equal(sd_cache_load(cache, signature, 0, &loaded, NULL), SD_OK);
  assert_ptr_equal(loaded.as.object, outputs[0].as.object);
  sd_value_release(loaded);
  sd_value_release(outputs[0]);
  assert_int_equal(box_count, 1);
  assert_int_equal(sd_cache_clear(cache, NULL), SD_OK);
  assert_int_equal(box_count, 0);
  sd_cache_release(cache);
}

static void the_least_recently_used_go_first(void **state)
{
  (void)state;
  sd_cache *cache = make_cache(12000);
  for (uint64_t i = 0; i < 8; i++)
    store(cache, i, make_text('a', 1000));
  assert_true(has(cache, 0));
  for (uint64_t i = 8; i < 14; i++)
    store(cache, i, make_text('a', 1000));
  assert_true(has(cache, 0));
  assert_false(has(cache, 1));
  assert_false(has(cache, 2));
  assert_true(has(cache, 13));
  sd_cache_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(sd_cache_get_stats(cache, &stats, NULL), SD_OK);
  assert_true(stats.bytes <= 12000);
  assert_int_equal(stats.entries + stats.evictions, 14);
  assert_int_equal(stats.stores, 14);
  assert_int_equal(stats.hits, 3);
  assert_int_equal(stats.misses, 2);
  assert_int_equal(stats.compute_saved_ns, 3000);
  sd_cache_release(cache);
}

static void what_is_larger_than_all_room_is_refused(void **state)
{
  (void)state;
  sd_error error;
  sd_cache *cache = make_cache(1000);
  store(cache, 1, sd_value_int(1));
  uint8_t signature[SD_SIGNATURE_SIZE];
  name(2, signature);
  sd_value big = make_text('b', 2000);
  assert_int_equal(sd_cache_store(cache, signature, &big, 1, 0, &error), SD_LIMIT);
  assert_non_null(strstr(error.message, "MemoryCache"));
  sd_value_release(big);
  assert_true(has(cache, 1));
  sd_cache_release(cache);
}

static void storing_again_replaces(void **state)
{
  (void)state;
  sd_cache *cache = make_cache(0);
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value value;
  store(cache, 1, sd_value_int(1));
  store(cache, 1, sd_value_int(2));
  name(1, signature);
  assert_int_equal(sd_cache_load(cache, signature, 0, &value, NULL), SD_OK);
  assert_int_equal(sd_value_as_int(value), 2);
  sd_cache_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(sd_cache_get_stats(cache, &stats, NULL), SD_OK);
  assert_int_equal(stats.entries, 1);
  sd_cache_release(cache);
}

static void many_entries_are_found_again(void **state)
{
  (void)state;
  sd_cache *cache = make_cache(0);
  for (uint64_t i = 0; i < 20000; i++)
    store(cache, i, sd_value_int((int64_t)i));
  for (uint64_t i = 0; i < 20000; i++) {
    uint8_t signature[SD_SIGNATURE_SIZE];
    sd_value value;
    name(i, signature);
    assert_int_equal(sd_cache_load(cache, signature, 0, &value, NULL), SD_OK);
    assert_int_equal(sd_value_as_int(value), i);
  }
  sd_cache_release(cache);
}

enum { THREADS = 8, OPERATIONS = 5000, KEYS = 64 };

/* Each key has one value, whoever stores it; a wrong one counts. */
static void *work(void *user)
{
  sd_cache *cache = user;
  uint64_t random = (uint64_t)(uintptr_t)&random;
  intptr_t wrong = 0;
  for (int i = 0; i < OPERATIONS; i++) {
    uint64_t key = random_next(&random) % KEYS;
    uint8_t signature[SD_SIGNATURE_SIZE];
    sd_value value;
    char text[64];
    name(key, signature);
    size_t len = (size_t)snprintf(text, sizeof text, "the value of %d", (int)key);
    if (random_next(&random) % 3 == 0) {
      if (sd_value_string(text, len, &value) != SD_OK ||
          sd_cache_store(cache, signature, &value, 1, 1, NULL) != SD_OK)
        wrong++;
      sd_value_release(value);
    } else if (sd_cache_load(cache, signature, 0, &value, NULL) == SD_OK) {
      wrong += strcmp(sd_value_data(value, NULL), text) != 0;
      sd_value_release(value);
    }
  }
  return (void *)wrong; /* NOLINT: a count, not a pointer */
}

static void threads_share_it(void **state)
{
  (void)state;
  sd_cache *cache = make_cache(4000);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, work, cache), 0);
  for (int i = 0; i < THREADS; i++) {
    void *wrong;
    assert_int_equal(pthread_join(threads[i], &wrong), 0);
    assert_null(wrong);
  }
  sd_cache_stats stats = {.struct_size = sizeof stats};
  assert_int_equal(sd_cache_get_stats(cache, &stats, NULL), SD_OK);
  assert_true(stats.evictions > 0);
  sd_cache_release(cache);
}

static void a_forked_child_goes_on_with_its_copy(void **state)
{
  (void)state;
  sd_cache *cache = make_cache(0);
  store(cache, 1, sd_value_int(1));
  pid_t child = fork();
  if (child == 0) {
    store(cache, 2, sd_value_int(2));
    _exit(has(cache, 1) && has(cache, 2) ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_true(has(cache, 1));
  assert_false(has(cache, 2));
  sd_cache_release(cache);
}

static void without_memory_nothing_is_half_stored(void **state)
{
  (void)state;
  sd_cache *cache = make_cache(0);
  uint8_t signature[SD_SIGNATURE_SIZE];
  sd_value value = box_new(&box_type, "x");
  name(1, signature);
  sd_alloc_fail_nth(1);
  assert_int_equal(sd_cache_store(cache, signature, &value, 1, 0, NULL), SD_NOMEM);
  sd_alloc_fail_nth(0);
  sd_value_release(value);
  assert_int_equal(box_count, 0);
  assert_false(has(cache, 1));
  sd_cache_release(cache);
  for (uint64_t nth = 1; nth <= 3; nth++) {
    sd_alloc_fail_nth(nth);
    assert_int_equal(sd_memory_cache_new(0, &cache, NULL), SD_NOMEM);
    sd_alloc_fail_nth(0);
  }
}

/* ---- A cache of one's own */

static sd_status own_find(void *self, const uint8_t *signature, sd_cache_entry *ret_entry, sd_error *error)
{
  (void)signature;
  (void)error;
  *ret_entry = (sd_cache_entry){.output_count = (uint32_t) * (int *)self};
  return SD_OK;
}

static sd_status own_load(void *self, const uint8_t *signature, uint32_t output, sd_value *ret_value,
                          sd_error *error)
{
  (void)self;
  (void)signature;
  (void)output;
  (void)ret_value;
  (void)error;
  return SD_IO;
}

static sd_status own_store(void *self, const uint8_t *signature, const sd_value *outputs, uint32_t count,
                           int64_t compute_ns, sd_error *error)
{
  (void)self;
  (void)signature;
  (void)outputs;
  (void)count;
  (void)compute_ns;
  return sd_error_set(error, SD_DENIED, "not today");
}

static void own_free(void *self)
{
  *(int *)self = -1;
}

static void a_cache_of_ones_own_is_asked_and_freed(void **state)
{
  (void)state;
  sd_error error;
  sd_cache *cache;
  int self = 7;
  sd_cache_entry entry;
  sd_cache_stats stats = {.struct_size = sizeof stats};
  uint8_t signature[SD_SIGNATURE_SIZE] = {0};
  sd_value value = sd_value_null();
  sd_cache_vtable vtable = {
      .struct_size = sizeof vtable, .find = own_find, .load = own_load, .store = own_store, .free = own_free};
  assert_int_equal(sd_cache_new(&vtable, &self, &cache, &error), SD_OK);
  assert_int_equal(sd_cache_find(cache, signature, &entry, &error), SD_OK);
  assert_int_equal(entry.output_count, 7);
  assert_int_equal(sd_cache_load(cache, signature, 0, &value, &error), SD_IO);
  assert_string_equal(error.message, "Cache: load: input/output error");
  assert_int_equal(sd_cache_store(cache, signature, &value, 1, 0, &error), SD_DENIED);
  assert_string_equal(error.message, "Cache: not today");
  assert_int_equal(sd_cache_get_stats(cache, &stats, &error), SD_UNSUPPORTED);
  assert_int_equal(sd_cache_clear(cache, &error), SD_UNSUPPORTED);
  sd_cache_release(sd_cache_retain(cache));
  assert_int_equal(self, 7);
  sd_cache_release(cache);
  assert_int_equal(self, -1);
  vtable.load = NULL;
  assert_int_equal(sd_cache_new(&vtable, &self, &cache, &error), SD_INVALID);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(absent_and_null_differ),
      cmocka_unit_test(values_are_kept_themselves),
      cmocka_unit_test(the_least_recently_used_go_first),
      cmocka_unit_test(what_is_larger_than_all_room_is_refused),
      cmocka_unit_test(storing_again_replaces),
      cmocka_unit_test(many_entries_are_found_again),
      cmocka_unit_test(threads_share_it),
      cmocka_unit_test(a_forked_child_goes_on_with_its_copy),
      cmocka_unit_test(without_memory_nothing_is_half_stored),
      cmocka_unit_test(a_cache_of_ones_own_is_asked_and_freed),
  };
  return cmocka_run_group_tests_name("pipeline/memory_cache", tests, NULL, NULL);
}
