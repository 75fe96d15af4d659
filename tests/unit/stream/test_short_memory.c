/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Making the engine with its real parts while an allocation fails. */
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <streamduck/stream.h>
#include <string.h>

#include <cmocka.h>

static void ignore_log(void *user, int level, const char *subsystem, const char *message)
{
  (void)user;
  (void)level;
  (void)subsystem;
  (void)message;
}

/* Two mappings on one file and one on MotherDuck: every kind of setting is copied, every secret hidden. */
static void options_init(sd_stream_mapping mappings[3], sd_stream_options *ret_options)
{
  static const char *const hubs[] = {"one", "two", "three"};
  for (int i = 0; i < 3; i++)
    mappings[i] = (sd_stream_mapping){.struct_size = sizeof mappings[i],
                                      .number = i + 1,
                                      .host = "broker.example",
                                      .hub = hubs[i],
                                      .consumer_group = "$Default",
                                      .sas_key_name = "key",
                                      .sas_key = "a-secret-that-must-not-be-seen",
                                      .database = i < 2 ? "events.duckdb" : "cloud",
                                      .motherduck = i == 2,
                                      .motherduck_token = i == 2 ? "a-token-that-must-not-be-seen" : NULL,
                                      .schema = "main",
                                      .table = hubs[i],
                                      .batch_rows = 100};
  *ret_options = (sd_stream_options){
      .struct_size = sizeof *ret_options, .mappings = mappings, .mapping_count = 3, .log = ignore_log};
}

static void no_engine_is_made_and_nothing_is_left(void **state)
{
  (void)state;
  sd_stream_mapping mappings[3];
  sd_stream_options options;
  sd_stream *stream = NULL;
  sd_error error;
  options_init(mappings, &options);
  sd_alloc_fail_nth(0);
  sd_status status = sd_stream_new(&options, &stream, &error);
  uint64_t calls = sd_alloc_calls();
  if (status != SD_OK)
    fail_msg("%s", error.message);
  sd_stream_free(stream);
  assert_true(calls > 20);
  for (uint64_t nth = 1; nth <= calls; nth++) {
    stream = NULL;
    memset(&error, 0, sizeof error);
    sd_alloc_fail_nth(nth);
    status = sd_stream_new(&options, &stream, &error);
    sd_alloc_fail_nth(0);
    assert_int_equal(status, SD_NOMEM);
    assert_int_equal(error.code, SD_NOMEM);
    assert_true(error.message[0] != '\0');
    assert_null(stream);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_engine_is_made_and_nothing_is_left)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
