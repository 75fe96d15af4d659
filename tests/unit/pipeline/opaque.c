/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Opaque and random values for tests. */
#include "opaque.h"

#include "base/alloc.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct box {
  int references;
  size_t len;
  char text[];
} box;

int box_count;

static box *make_box(const void *data, size_t len)
{
  box *it = sd_alloc(sizeof *it + len + 1);
  if (!it)
    return NULL;
  it->references = 1;
  it->len = len;
  if (len > 0)
    memcpy(it->text, data, len);
  it->text[len] = '\0';
  box_count++;
  return it;
}

static void retain_box(void *object)
{
  ((box *)object)->references++;
}

static void release_box(void *object)
{
  box *it = object;
  if (--it->references == 0) {
    box_count--;
    sd_free(it);
  }
}

static sd_status write_box(const void *object, sd_write_fn *write, void *user, sd_error *error)
{
  const box *it = object;
  (void)error;
  for (size_t at = 0; at < it->len; at += 7) {
    sd_status status = write(user, it->text + at, it->len - at < 7 ? it->len - at : 7);
    if (status != SD_OK)
      return status;
  }
  return SD_OK;
}

static sd_status read_box(const void *data, size_t len, void **ret_object, sd_error *error)
{
  if (len > 0 && memchr(data, '!', len))
    return sd_error_set(error, SD_CORRUPT, "a box with an exclamation mark");
  *ret_object = make_box(data, len);
  return *ret_object ? SD_OK : SD_NOMEM;
}

static void print_box(const void *object, char *dst, size_t size)
{
  (void)snprintf(dst, size, "box\n%s", ((const box *)object)->text);
}

static size_t box_memory(const void *object)
{
  return ((const box *)object)->len;
}

const sd_value_type box_type = {.struct_size = sizeof box_type,
                                .name = "test/box",
                                .kind = SD_VALUE_OPAQUE,
                                .retain = retain_box,
                                .release = release_box,
                                .hash = write_box,
                                .serialize = write_box,
                                .deserialize = read_box,
                                .print = print_box,
                                .memory = box_memory};
const sd_value_type other_type = {.struct_size = sizeof other_type,
                                  .name = "test/other",
                                  .kind = SD_VALUE_OPAQUE,
                                  .retain = retain_box,
                                  .release = release_box,
                                  .hash = write_box,
                                  .serialize = write_box};
const sd_value_type closed_type = {.struct_size = sizeof closed_type,
                                   .name = "test/closed",
                                   .kind = SD_VALUE_OPAQUE,
                                   .retain = retain_box,
                                   .release = release_box};

sd_value box_new(const sd_value_type *type, const char *text)
{
  box *it = make_box(text, strlen(text));
  if (!it)
    abort();
  return sd_value_opaque(type, it);
}

const char *box_text(sd_value value, const sd_value_type *type)
{
  const box *it = sd_value_object(value, type);
  return it ? it->text : NULL;
}

uint64_t random_next(uint64_t *random)
{
  uint64_t x = *random += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

uint64_t random_seed(void)
{
  const char *text = getenv("STREAMDUCK_TEST_SEED");
  uint64_t seed = text ? strtoull(text, NULL, 10) : sd_random_u64();
  printf("# STREAMDUCK_TEST_SEED=%" PRIu64 "\n", seed);
  return seed;
}

static sd_value random_text(uint64_t *random)
{
  static const char *const pieces[] = {"a",  "",   "1",   "true", "\xc3\xa9", "\xf0\x9f\xa6\x86",
                                       "\"", "\n", "null"};
  char text[256] = "";
  size_t len = 0;
  for (uint64_t n = random_next(random) % 20; n > 0; n--)
    len += (size_t)snprintf(text + len, sizeof text - len, "%s", pieces[random_next(random) % 9]);
  sd_value value;
  sd_status status =
      random_next(random) % 2 ? sd_value_string(text, len, &value) : sd_value_bytes(text, len, &value);
  if (status != SD_OK)
    abort();
  return value;
}

static sd_value random_container(uint64_t *random, int depth)
{
  enum { COUNT_MAX = 40 };
  sd_value items[COUNT_MAX];
  char names[COUNT_MAX][24];
  const char *keys[COUNT_MAX];
  size_t count = random_next(random) % (random_next(random) % 8 ? 5 : COUNT_MAX);
  uint64_t first = random_next(random);
  for (size_t i = 0; i < count; i++) {
    items[i] = random_value(random, depth - 1);
    (void)snprintf(names[i], sizeof names[i], "%" PRIx64, (first + i) * UINT64_C(0x9e3779b97f4a7c15));
    keys[i] = names[i];
  }
  sd_value value;
  if ((random_next(random) % 2 ? sd_value_list(items, count, &value)
                               : sd_value_map(keys, items, count, &value)) != SD_OK)
    abort();
  return value;
}

sd_value random_value(uint64_t *random, int depth)
{
  double number;
  uint64_t bits = random_next(random);
  switch (random_next(random) % (depth > 0 ? 9 : 6)) {
  case 0:
    return sd_value_null();
  case 1:
    return sd_value_bool(bits & 1);
  case 2:
    return sd_value_int((int64_t)(bits >> (bits % 64)));
  case 3:
    memcpy(&number, &bits, sizeof number);
    return sd_value_double(number);
  case 4:
    return random_text(random);
  case 5:
    return box_new(&box_type, bits % 3 ? "short" : "some text that takes several pieces");
  default:
    return random_container(random, depth);
  }
}
