/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What a run's metrics say. */
#include "traced.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static traced t;
static sd_metric_reader *reader;

static int end(void **state)
{
  (void)state;
  traced_release(&t);
  return 0;
}

typedef struct wanted {
  const char *name;
  const char *key; /* only points whose attribute `key` is `value`; NULL: all */
  const char *value;
  uint32_t points;
  double sum;
  uint64_t count;
  sd_instrument_kind kind;
} wanted;

static bool is_wanted(const sd_point_value *point, const wanted *w)
{
  for (size_t i = 0; w->key && i < point->attribute_count; i++) {
    const sd_attribute *attribute = &point->attributes[i];
    if (strcmp(attribute->key, w->key) == 0)
      return attribute->value.type == SD_ANY_STRING && attribute->value.len == strlen(w->value) &&
             memcmp(attribute->value.as.string, w->value, attribute->value.len) == 0;
  }
  return !w->key;
}

static void look(void *user, const sd_metric *metric)
{
  wanted *w = user;
  if (strcmp(metric->name, w->name) != 0)
    return;
  w->kind = metric->kind;
  for (size_t i = 0; i < metric->point_count; i++) {
    const sd_point_value *point = &metric->points[i];
    if (!is_wanted(point, w))
      continue;
    w->points++;
    w->count += point->count;
    w->sum += metric->kind == SD_HISTOGRAM ? point->sum : (double)point->integer;
  }
}

static wanted find(const char *name, const char *key, const char *value)
{
  wanted w = {.name = name, .key = key, .value = value};
  assert_int_equal(sd_metric_reader_collect(reader, look, &w), SD_OK);
  return w;
}

static void make_reader(void *user, sd_telemetry *telemetry)
{
  (void)user;
  assert_int_equal(sd_metric_reader_new(telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT, &reader, NULL),
                   SD_OK);
}

static void check_sum(const char *name, double sum)
{
  wanted w = find(name, NULL, NULL);
  if (w.sum < sum || w.sum > sum)
    fail_msg("%s is %g, not %g", name, w.sum, sum);
}

static void counts_are_those_of_the_run(void **state)
{
  (void)state;
  traced_init(&t, 200);
  t.before_run = make_reader;
  assert_int_equal(traced_run(&t), SD_OK);
  check_sum("messaging.client.consumed.messages", 600);
  check_sum("streamduck.landed", 600);
  check_sum("streamduck.dead_letters", 0);
  check_sum("streamduck.retries", 0);
  check_sum("streamduck.fenced", 0);
  check_sum("streamduck.mapping.running", 0);
  check_sum("streamduck.queue.batches", 0);
  /* Bodies are "<partition>:<n>": 3 × (10·3 + 90·4 + 100·5). */
  check_sum("streamduck.received", 2670);
  wanted size = find("streamduck.batch.size", NULL, NULL);
  assert_int_equal(size.kind, SD_HISTOGRAM);
  assert_int_equal((int)size.sum, 600);
  double batches = find("streamduck.batches", NULL, NULL).sum;
  assert_int_equal(size.count, (uint64_t)batches);
  assert_int_equal(find("messaging.process.duration", NULL, NULL).count, size.count);
  assert_int_equal(find("streamduck.receive.latency", NULL, NULL).count, size.count);
  assert_int_equal(find("db.client.operation.duration", NULL, NULL).count,
                   (uint64_t)find("streamduck.transactions", NULL, NULL).sum);
  assert_true(find("streamduck.checkpoints", "streamduck.outcome", "committed").sum >= 3);
  check_sum("streamduck.lag", 0);
  assert_int_equal(find("streamduck.lag", NULL, NULL).points, 3);
  assert_int_equal(find("streamduck.lag", "messaging.destination.partition.id", "2").points, 1);
}

static void what_failed_is_counted(void **state)
{
  (void)state;
  traced_init(&t, 200);
  t.before_run = make_reader;
  t.first_write = fake_duck_error(10, "Conflict on update!");
  assert_int_equal(traced_run(&t), SD_OK);
  check_sum("streamduck.retries", 1);
  check_sum("streamduck.landed", 600);
  assert_true(find("streamduck.checkpoints", "streamduck.outcome", "failed").sum >= 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(counts_are_those_of_the_run, end),
      cmocka_unit_test_teardown(what_failed_is_counted, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
