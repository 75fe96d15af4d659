/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The engine as a whole, on its loop, with sinks that have their own threads. */
#include "fake_sink.h"
#include "fake_source.h"
#include "stream/factory.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORLD_MAX = 4, EVENTS_PER_TICK = 500, LOG_MAX = 64 * 1024 };

/* What the engine's parts are made of in a test. */
typedef struct test_world {
  fake_broker broker[WORLD_MAX]; /* of mapping n */
  fake_db db[WORLD_MAX];         /* one per sink, in the order of making */
  fake_sink *sink[WORLD_MAX];
  fake_source *source[WORLD_MAX];
  uint32_t sinks, sources;
  /* Sinks by the order of their making, -1: none. */
  int refuse_sink; /* cannot be made */
  int stall_sink;  /* stands still from the start */
  int deny_sink;   /* refuses its first write for good */
  sd_stream_mapping mappings[WORLD_MAX];
  sd_stream_options options;
  sd_stream_timings timings;
  sd_stream *stream;
  char owner[64];
  char log[LOG_MAX];
  size_t log_len;
  uint32_t observed;
  void (*on_observe)(struct test_world *world, const sd_stream_snapshot *snapshot);
} test_world;

static test_world world;

static sd_status make_source(void *user, uv_loop_t *loop, const sd_stream_mapping *settings,
                             const char *receiver_name, const sd_source_handler *handler, void *owner,
                             sd_log *log, sd_source **ret_source, sd_error *error)
{
  (void)log;
  (void)error;
  test_world *w = user;
  assert_non_null(strstr(receiver_name, "streamduck-"));
  fake_source *source = fake_source_new(&w->broker[settings->number - 1], handler, owner);
  fake_source_run_by(source, loop, EVENTS_PER_TICK);
  w->source[w->sources++] = source;
  *ret_source = &source->base;
  return SD_OK;
}

static sd_status make_sink(void *user, const sd_stream_database *database, sd_log *log, sd_sink **ret_sink,
                           sd_error *error)
{
  (void)log;
  test_world *w = user;
  if (w->refuse_sink == (int)w->sinks) {
    w->refuse_sink = -1;
    return sd_error_set(error, SD_NOT_FOUND, "libduckdb was not found");
  }
  snprintf(w->owner, sizeof w->owner, "%s", database->owner);
  w->sink[w->sinks] = fake_sink_new(&w->db[w->sinks], database->owner, true);
  if (w->stall_sink == (int)w->sinks)
    fake_sink_stall(w->sink[w->sinks], true);
  sd_error denied = fake_duck_error(34, "Permission denied");
  if (w->deny_sink == (int)w->sinks)
    fake_sink_fail(w->sink[w->sinks], SD_SINK_WRITE, 1, &denied, FAKE_NOT_DONE);
  *ret_sink = &w->sink[w->sinks++]->base;
  return SD_OK;
}

static void keep_log(void *user, int level, const char *subsystem, const char *message)
{
  test_world *w = user;
  (void)level;
  (void)subsystem;
  size_t len = strlen(message);
  if (w->log_len + len + 2 > sizeof w->log)
    return;
  memcpy(w->log + w->log_len, message, len);
  w->log_len += len;
  w->log[w->log_len++] = '\n';
}

static void set_up(uint32_t mappings, int64_t events_each)
{
  memset(&world, 0, sizeof world);
  world.refuse_sink = world.stall_sink = world.deny_sink = -1;
  for (uint32_t i = 0; i < WORLD_MAX; i++)
    fake_db_init(&world.db[i], 60 * 1000000);
  static const char *const hubs[] = {"one", "two", "three", "four"};
  static const char *const files[] = {"one.duckdb", "two.duckdb", "three.duckdb", "four.duckdb"};
  for (uint32_t i = 0; i < mappings; i++) {
    fake_broker_init(&world.broker[i], 3, events_each);
    world.mappings[i] = (sd_stream_mapping){.struct_size = sizeof(sd_stream_mapping),
                                            .number = (int)i + 1,
                                            .host = "broker.example",
                                            .hub = hubs[i],
                                            .consumer_group = "$Default",
                                            .sas_key_name = "key",
                                            .sas_key = "a-secret-that-must-not-be-seen",
                                            .database = files[i],
                                            .schema = "main",
                                            .table = hubs[i],
                                            .batch_rows = 100,
                                            .batch_timeout_ms = 10};
  }
  world.options = (sd_stream_options){.struct_size = sizeof(sd_stream_options),
                                      .mappings = world.mappings,
                                      .mapping_count = mappings,
                                      .until_caught_up = true,
                                      .log = keep_log,
                                      .log_user = &world};
  world.timings = sd_stream_timings_default;
  world.timings.backoff_base_ms = 1;
  world.timings.backoff_cap_ms = 20;
  world.timings.refresh_ms = 50;
  world.timings.refresh_soon_ms = 20;
  world.timings.stop_retry_ms = 5;
}

static void make(void)
{
  const sd_stream_factory factory = {.source_new = make_source, .sink_new = make_sink, .user = &world};
  sd_error error;
  sd_status status = sd_stream_new_with(&world.options, &factory, &world.timings, &world.stream, &error);
  if (status != SD_OK)
    fail_msg("%s", error.message);
}

static int tear_down(void **state)
{
  (void)state;
  sd_stream_free(world.stream);
  for (uint32_t i = 0; i < WORLD_MAX; i++)
    fake_db_release(&world.db[i]);
  return 0;
}

static void observe(void *user, const sd_stream_snapshot *snapshot)
{
  test_world *w = user;
  w->observed++;
  if (w->on_observe)
    w->on_observe(w, snapshot);
}

static bool is_complete(uint32_t db, uint32_t mapping)
{
  return fake_db_is_complete(&world.db[db], world.mappings[mapping].table, 3, world.broker[mapping].last);
}

static void until_caught_up_lands_everything_and_ends_well(void **state)
{
  (void)state;
  set_up(1, 5000);
  make();
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
  assert_true(is_complete(0, 0));
  const sd_stream_snapshot *snapshot = sd_stream_last_snapshot(world.stream);
  assert_int_equal(snapshot->mapping_count, 1);
  assert_int_equal(snapshot->mappings[0].state, SD_MAPPING_STOPPED);
  assert_int_equal(snapshot->mappings[0].landed, 15000);
  assert_int_equal(snapshot->mappings[0].lag, 0);
  assert_string_equal(snapshot->mappings[0].owner, world.owner);
  assert_int_equal(sd_stream_run(world.stream, &error), SD_STATE);
}

static void an_unused_engine_can_be_freed(void **state)
{
  (void)state;
  set_up(1, 1);
  make();
  assert_int_equal(sd_stream_last_snapshot(world.stream)->mappings[0].state, SD_MAPPING_STARTING);
}

static void mappings_on_one_database_share_its_writer(void **state)
{
  (void)state;
  char folder[] = "/tmp/sd-stream-XXXXXX";
  char path[64], link_path[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/a.duckdb", folder);
  snprintf(link_path, sizeof link_path, "%s/link.duckdb", folder);
  fclose(fopen(path, "w"));
  assert_int_equal(symlink(path, link_path), 0);
  set_up(3, 2000);
  world.mappings[0].database = path;
  world.mappings[1].database = link_path;
  make();
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
  assert_int_equal(world.sinks, 2);
  assert_true(is_complete(0, 0));
  assert_true(is_complete(0, 1));
  assert_true(is_complete(1, 2));
  unlink(link_path);
  unlink(path);
  rmdir(folder);
}

static void release_stall_when_first_landed(test_world *w, const sd_stream_snapshot *snapshot)
{
  if (snapshot->mappings[0].landed < 9000)
    return;
  if (snapshot->mappings[1].landed == 0)
    w->stall_sink = -1;
  fake_sink_stall(w->sink[1], false);
}

static void a_stalled_database_does_not_delay_the_other_mapping(void **state)
{
  (void)state;
  set_up(2, 3000);
  world.stall_sink = 1;
  make();
  world.on_observe = release_stall_when_first_landed;
  sd_stream_observe(world.stream, 10, observe, &world);
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
  assert_int_equal(world.stall_sink, -1);
  assert_true(is_complete(0, 0));
  assert_true(is_complete(1, 1));
}

static void a_halted_mapping_leaves_the_other_landing_and_the_result_tells(void **state)
{
  (void)state;
  set_up(2, 3000);
  world.deny_sink = 1;
  make();
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_DATABASE);
  assert_non_null(strstr(error.message, "mapping 2 halted"));
  assert_non_null(strstr(error.message, "Permission denied"));
  const sd_stream_snapshot *snapshot = sd_stream_last_snapshot(world.stream);
  assert_int_equal(snapshot->mappings[0].state, SD_MAPPING_STOPPED);
  assert_int_equal(snapshot->mappings[1].state, SD_MAPPING_HALTED);
  assert_int_equal(snapshot->mappings[1].last_error.source_code, 34);
  assert_true(is_complete(0, 0));
  assert_int_equal(fake_db_rows(&world.db[1]), 0);
}

static void a_database_that_cannot_be_made_halts_only_its_mapping(void **state)
{
  (void)state;
  set_up(2, 100);
  world.refuse_sink = 0;
  make();
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_NOT_FOUND);
  assert_non_null(strstr(error.message, "mapping 1 halted: libduckdb was not found"));
  assert_true(is_complete(0, 1));
}

static void *stop_soon(void *user)
{
  (void)user;
  while (fake_db_rows(&world.db[0]) < 1000)
    sched_yield();
  sd_stream_stop(world.stream);
  return NULL;
}

static void a_stop_from_another_thread_ends_in_order(void **state)
{
  (void)state;
  set_up(1, 100000);
  world.options.until_caught_up = false;
  make();
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
  pthread_join(thread, NULL);
  const sd_mapping_snapshot *mapping = &sd_stream_last_snapshot(world.stream)->mappings[0];
  assert_int_equal(mapping->state, SD_MAPPING_STOPPED);
  assert_int_equal(mapping->landed, mapping->received);
  assert_int_equal(fake_db_rows(&world.db[0]), mapping->landed);
}

static void on_signal(int number)
{
  (void)number;
  sd_stream_stop(world.stream);
}

static void raise_once(test_world *w, const sd_stream_snapshot *snapshot)
{
  (void)snapshot;
  if (w->observed == 2)
    raise(SIGUSR1);
}

static void a_stop_from_a_signal_handler_ends_in_order(void **state)
{
  (void)state;
  set_up(1, 1000);
  world.options.until_caught_up = false;
  make();
  signal(SIGUSR1, on_signal);
  world.on_observe = raise_once;
  sd_stream_observe(world.stream, 10, observe, &world);
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
  signal(SIGUSR1, SIG_DFL);
  assert_int_equal(world.observed, 2);
}

static void a_stop_before_run_ends_it_at_once(void **state)
{
  (void)state;
  set_up(2, 1000);
  world.options.until_caught_up = false;
  make();
  sd_stream_stop(world.stream);
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
}

static void stall_and_stop_twice(test_world *w, const sd_stream_snapshot *snapshot)
{
  if (w->observed == 1)
    fake_sink_stall(w->sink[0], true);
  if (w->observed == 3)
    sd_stream_stop(w->stream);
  if (w->observed == 6) {
    /* The first stop waits for the database. */
    assert_int_equal(snapshot->mappings[0].state, SD_MAPPING_STOPPING);
    sd_stream_stop(w->stream);
  }
}

static void a_second_stop_aborts_even_when_the_database_hangs(void **state)
{
  (void)state;
  set_up(1, 1000000);
  world.options.until_caught_up = false;
  make();
  world.on_observe = stall_and_stop_twice;
  sd_stream_observe(world.stream, 10, observe, &world);
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_CANCELLED);
  assert_true(fake_db_rows(&world.db[0]) < 3000000);
}

static void fall_silent_and_stop_twice(test_world *w, const sd_stream_snapshot *snapshot)
{
  if (w->observed == 1) {
    w->source[0]->silent = true;
    sd_stream_stop(w->stream);
  }
  if (w->observed == 6) {
    /* The first stop waits for the broker. */
    assert_int_equal(snapshot->mappings[0].state, SD_MAPPING_STOPPING);
    sd_stream_stop(w->stream);
  }
}

static void a_second_stop_aborts_even_when_the_broker_is_silent(void **state)
{
  (void)state;
  set_up(1, 1000);
  world.options.until_caught_up = false;
  make();
  world.on_observe = fall_silent_and_stop_twice;
  sd_stream_observe(world.stream, 10, observe, &world);
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_CANCELLED);
  assert_int_equal(world.observed, 6);
}

static void mend_later(test_world *w, const sd_stream_snapshot *snapshot)
{
  (void)snapshot;
  sd_error error = fake_duck_error(10, "Conflict on update!");
  if (w->observed % 4 == 1)
    fake_sink_fail(w->sink[w->observed / 4 % 2], SD_SINK_WRITE, 2, &error,
                   w->observed % 8 == 1 ? FAKE_ANSWER_LOST : FAKE_NOT_DONE);
  if (w->observed % 4 == 2)
    fake_source_disconnect(w->source[0], 20);
  if (w->observed % 4 == 3)
    fake_source_reconnect(w->source[0]);
  if (w->observed < 20)
    w->broker[w->observed % 2].last[1] += 500;
}

static void failures_on_the_way_leave_each_event_landed_once(void **state)
{
  (void)state;
  set_up(2, 20000);
  make();
  world.on_observe = mend_later;
  sd_stream_observe(world.stream, 10, observe, &world);
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
  /* What came after the broker's last answer lands in the next run. */
  sd_stream_free(world.stream);
  world.sinks = world.sources = 0;
  make();
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
  assert_true(is_complete(0, 0));
  assert_true(is_complete(1, 1));
}

static void refuse_with_the_secret(test_world *w, const sd_stream_snapshot *snapshot)
{
  (void)snapshot;
  if (w->observed != 1)
    return;
  sd_error error = fake_duck_error(21, "refused: key a-secret-that-must-not-be-seen");
  fake_sink_fail(w->sink[0], SD_SINK_WRITE, 1, &error, FAKE_NOT_DONE);
  w->broker[0].last[0]++;
}

static bool has_retried(const char *log)
{
  return strstr(log, "refused: key ***") != NULL;
}

static void stop_after_a_retry(test_world *w, const sd_stream_snapshot *snapshot)
{
  refuse_with_the_secret(w, snapshot);
  if (snapshot->mappings[0].retries > 0)
    sd_stream_stop(w->stream);
}

static void secrets_never_reach_the_log(void **state)
{
  (void)state;
  set_up(1, 10);
  world.options.until_caught_up = false;
  make();
  world.on_observe = stop_after_a_retry;
  sd_stream_observe(world.stream, 50, observe, &world);
  sd_error error;
  assert_int_equal(sd_stream_run(world.stream, &error), SD_OK);
  assert_true(has_retried(world.log));
  assert_null(strstr(world.log, "a-secret"));
}

static void states_have_names(void **state)
{
  (void)state;
  set_up(1, 1);
  assert_string_equal(sd_mapping_state_name(SD_MAPPING_STARTING), "starting");
  assert_string_equal(sd_mapping_state_name(SD_MAPPING_BACKING_OFF), "backing off");
  assert_string_equal(sd_mapping_state_name(SD_MAPPING_HALTED), "halted");
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_teardown(name, tear_down)
  const struct CMUnitTest tests[] = {
      WORLD_TEST(until_caught_up_lands_everything_and_ends_well),
      WORLD_TEST(an_unused_engine_can_be_freed),
      WORLD_TEST(mappings_on_one_database_share_its_writer),
      WORLD_TEST(a_stalled_database_does_not_delay_the_other_mapping),
      WORLD_TEST(a_halted_mapping_leaves_the_other_landing_and_the_result_tells),
      WORLD_TEST(a_database_that_cannot_be_made_halts_only_its_mapping),
      WORLD_TEST(a_stop_from_another_thread_ends_in_order),
      WORLD_TEST(a_stop_from_a_signal_handler_ends_in_order),
      WORLD_TEST(a_stop_before_run_ends_it_at_once),
      WORLD_TEST(a_second_stop_aborts_even_when_the_database_hangs),
      WORLD_TEST(a_second_stop_aborts_even_when_the_broker_is_silent),
      WORLD_TEST(failures_on_the_way_leave_each_event_landed_once),
      WORLD_TEST(secrets_never_reach_the_log),
      WORLD_TEST(states_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
