/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Metrics and exporters, and a fork. */
#include "metrics_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* What an exporter was given; the telemetry's thread writes, a flush has happened before it is read. */
typedef struct sink {
  seen all;
} sink;

static void export_metric(void *self, const sd_metric *metric)
{
  rig_see(&((sink *)self)->all, metric);
}

static void free_nothing(void *self)
{
  (void)self;
}

static const sd_exporter_vtable VTABLE = {
    .struct_size = sizeof VTABLE, .export_metric = export_metric, .free = free_nothing};
static const sd_exporter_vtable WITHOUT_METRICS = {.struct_size = sizeof WITHOUT_METRICS,
                                                   .free = free_nothing};

static sd_exporter *exporter_to(sink *to, sd_temporality temporality, sd_histogram_form form)
{
  sd_exporter_traits traits = {
      .struct_size = sizeof traits, .temporality = temporality, .histogram_form = form};
  sd_exporter *exporter = NULL;
  assert_int_equal(sd_exporter_new(to ? &VTABLE : &WITHOUT_METRICS, to, &traits, &exporter, NULL), SD_OK);
  return exporter;
}

static sink first;
static sink second;

static sd_telemetry *telemetry_with_two(void)
{
  sd_exporter *exporters[] = {exporter_to(&first, SD_DELTA, SD_HISTOGRAM_EXPONENTIAL),
                              exporter_to(NULL, 0, SD_HISTOGRAM_EXPLICIT),
                              exporter_to(&second, 0, SD_HISTOGRAM_EXPLICIT)};
  sd_telemetry_options options = {.struct_size = sizeof options,
                                  .service_name = "test",
                                  .metric_interval_ms = 3600 * 1000,
                                  .exporters = exporters,
                                  .exporter_count = 3};
  return rig_telemetry(&options);
}

static int clear(void **state)
{
  (void)state;
  memset(&first, 0, sizeof first);
  memset(&second, 0, sizeof second);
  return 0;
}

static void each_exporter_gets_its_own_reading(void **state)
{
  (void)state;
  sd_telemetry *telemetry = telemetry_with_two();
  sd_point *counter = sd_instrument_point(rig_instrument(telemetry, "c", SD_COUNTER, false), NULL, 0);
  sd_point *histogram = sd_instrument_point(rig_instrument(telemetry, "h", SD_HISTOGRAM, false), NULL, 0);
  sd_point_add(counter, 2);
  sd_point_record(histogram, 3);
  assert_int_equal(sd_telemetry_flush(telemetry, 10000, NULL), SD_OK);
  assert_int_equal(rig_find(&first.all, "c", "")->temporality, SD_DELTA);
  assert_int_equal(rig_find(&first.all, "c", "")->value.integer, 2);
  assert_null(rig_find(&first.all, "h", "")->value.boundaries);
  assert_int_equal(rig_find(&second.all, "c", "")->temporality, SD_CUMULATIVE);
  assert_int_equal(rig_find(&second.all, "h", "")->value.boundary_count, 15);
  assert_int_equal(first.all.ends, 1);
  assert_int_equal(second.all.ends, 1);
  clear(NULL);
  sd_point_add(counter, 1);
  assert_int_equal(sd_telemetry_flush(telemetry, 10000, NULL), SD_OK);
  assert_int_equal(rig_find(&first.all, "c", "")->value.integer, 1);
  assert_int_equal(rig_find(&second.all, "c", "")->value.integer, 3);
  sd_telemetry_free(telemetry);
}

static void the_last_values_are_exported_at_shutdown(void **state)
{
  (void)state;
  sd_telemetry *telemetry = telemetry_with_two();
  sd_point_add(sd_instrument_point(rig_instrument(telemetry, "c", SD_COUNTER, false), NULL, 0), 4);
  assert_int_equal(sd_telemetry_shutdown(telemetry, 10000, NULL), SD_OK);
  assert_int_equal(rig_find(&first.all, "c", "")->value.integer, 4);
  sd_telemetry_free(telemetry);
}

/* Runs check in a child and expects it to return 0. */
static void in_child(int (*check)(void *), void *user)
{
  fflush(stdout);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0)
    _exit(check(user));
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

typedef struct family {
  sd_telemetry *telemetry;
  sd_metric_reader *cumulative, *delta;
  sd_point *counter, *histogram, *gauge;
  int64_t before_fork; /* nanoseconds since 1970 */
} family;

static int the_child_counts_only_its_own(void *user)
{
  family *f = user;
  static seen mine;
  rig_collect(f->cumulative, &mine);
  if (mine.count != 0)
    return 1;
  sd_point_add(f->counter, 1);
  sd_point_record(f->histogram, 50);
  for (int i = 0; i < 2; i++) {
    rig_collect(i ? f->delta : f->cumulative, &mine);
    if (rig_find(&mine, "c", "")->value.integer != 1 || rig_find(&mine, "h", "")->value.count != 1 ||
        rig_has(&mine, "g", ""))
      return 2 + i;
    if (rig_find(&mine, "c", "")->value.start_unix_ns <= f->before_fork ||
        rig_find(&mine, "h", "")->value.start_unix_ns <= f->before_fork)
      return 4;
  }
  sd_instrument *made = rig_instrument(f->telemetry, "new", SD_COUNTER, false);
  sd_point_add(sd_instrument_point(made, NULL, 0), 1);
  rig_collect(f->delta, &mine);
  return mine.count == 1 ? 0 : 5;
}

static void a_fork_leaves_the_counts_with_the_parent(void **state)
{
  (void)state;
  family f = {.telemetry = rig_telemetry(NULL)};
  f.cumulative = rig_reader(f.telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT);
  f.delta = rig_reader(f.telemetry, SD_DELTA, SD_HISTOGRAM_EXPONENTIAL);
  f.counter = sd_instrument_point(rig_instrument(f.telemetry, "c", SD_COUNTER, false), NULL, 0);
  f.histogram = sd_instrument_point(rig_instrument(f.telemetry, "h", SD_HISTOGRAM, false), NULL, 0);
  f.gauge = sd_instrument_point(rig_instrument(f.telemetry, "g", SD_GAUGE, false), NULL, 0);
  sd_point_add(f.counter, 10);
  sd_point_record(f.histogram, 5);
  sd_point_set(f.gauge, 3);
  rig_collect(f.cumulative, &first.all);
  f.before_fork = rig_find(&first.all, "c", "")->value.unix_ns;
  in_child(the_child_counts_only_its_own, &f);
  rig_collect(f.delta, &first.all);
  assert_int_equal(rig_find(&first.all, "c", "")->value.integer, 10);
  assert_int_equal(rig_find(&first.all, "h", "")->value.count, 1);
  assert_int_equal(rig_find(&first.all, "g", "")->value.integer, 3);
  sd_telemetry_free(f.telemetry);
}

typedef struct busy {
  family *f;
  atomic_bool must_end;
} busy;

static void *record_until_told(void *user)
{
  busy *b = user;
  for (int i = 0; !atomic_load(&b->must_end); i++) {
    const sd_attribute attribute = sd_attribute_int("i", i % 100);
    sd_point_record(b->f->histogram, i % 1000);
    sd_point_record(
        sd_instrument_point(rig_instrument(b->f->telemetry, "h", SD_HISTOGRAM, false), &attribute, 1), i);
  }
  return NULL;
}

static void *collect_until_told(void *user)
{
  busy *b = user;
  static seen mine;
  while (!atomic_load(&b->must_end))
    rig_collect(b->f->delta, &mine);
  return NULL;
}

static int the_child_can_record_and_collect(void *user)
{
  family *f = user;
  static seen mine;
  sd_point_record(f->histogram, 1);
  rig_collect(f->delta, &mine);
  if (mine.count != 1 || mine.points[0].value.count != 1)
    return 1;
  rig_collect(f->cumulative, &mine);
  return mine.count == 1 ? 0 : 2;
}

static void a_fork_while_others_record_and_collect_leaves_no_lock_behind(void **state)
{
  (void)state;
  family f = {.telemetry = rig_telemetry(NULL)};
  f.cumulative = rig_reader(f.telemetry, SD_CUMULATIVE, SD_HISTOGRAM_EXPLICIT);
  f.delta = rig_reader(f.telemetry, SD_DELTA, SD_HISTOGRAM_EXPONENTIAL);
  f.histogram = sd_instrument_point(rig_instrument(f.telemetry, "h", SD_HISTOGRAM, false), NULL, 0);
  busy b = {.f = &f};
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, i == 2 ? collect_until_told : record_until_told, &b),
                     0);
  for (int i = 0; i < 20; i++)
    in_child(the_child_can_record_and_collect, &f);
  atomic_store(&b.must_end, true);
  for (int i = 0; i < 3; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  sd_telemetry_free(f.telemetry);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(each_exporter_gets_its_own_reading, clear),
      cmocka_unit_test_setup(the_last_values_are_exported_at_shutdown, clear),
      cmocka_unit_test_setup(a_fork_leaves_the_counts_with_the_parent, clear),
      cmocka_unit_test_setup(a_fork_while_others_record_and_collect_leaves_no_lock_behind, clear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
