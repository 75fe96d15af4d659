/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Logging. */
#include "base/alloc.h"
#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct record {
  int count; /* plain on purpose: the log serialises the calls, and ThreadSanitizer watches */
  sd_log_level level;
  char subsystem[16];
  char message[SD_LOG_MESSAGE_MAX + 1];
} record;

static void keep(void *user, sd_log_level level, const char *subsystem, const char *message)
{
  record *r = user;
  r->count++;
  r->level = level;
  snprintf(r->subsystem, sizeof r->subsystem, "%s", subsystem);
  assert_true(strlen(message) <= SD_LOG_MESSAGE_MAX);
  snprintf(r->message, sizeof r->message, "%s", message);
}

static sd_log *log_to(record *r, sd_log_level level, const sd_scrubber *scrubber)
{
  sd_log *log;
  memset(r, 0, sizeof *r);
  assert_int_equal(sd_log_new(level, scrubber, keep, r, &log), SD_OK);
  return log;
}

static void a_message_arrives_with_its_level_and_room(void **state)
{
  (void)state;
  record r;
  sd_log *log = log_to(&r, SD_LOG_DEBUG, NULL);
  sd_log_warning(log, "sink", "%s took %d ms", "commit", 12);
  assert_int_equal(r.level, SD_LOG_WARNING);
  assert_string_equal(r.subsystem, "sink");
  assert_string_equal(r.message, "commit took 12 ms");
  sd_log_free(log);
}

static void messages_below_the_level_are_dropped(void **state)
{
  (void)state;
  for (int level = SD_LOG_DEBUG; level <= SD_LOG_ERROR; level++) {
    record r;
    sd_log *log = log_to(&r, (sd_log_level)level, NULL);
    sd_log_debug(log, "x", "d");
    sd_log_info(log, "x", "i");
    sd_log_warning(log, "x", "w");
    sd_log_error(log, "x", "e");
    assert_int_equal(r.count, 4 - level);
    for (int asked = SD_LOG_DEBUG; asked <= SD_LOG_ERROR; asked++)
      assert_int_equal(sd_log_enabled(log, (sd_log_level)asked), asked >= level);
    sd_log_free(log);
  }
}

static void a_null_log_takes_everything_silently(void **state)
{
  (void)state;
  sd_log_error(NULL, "x", "%d", 1);
  assert_false(sd_log_enabled(NULL, SD_LOG_ERROR));
  sd_log_free(NULL);
  sd_log *log = NULL;
  assert_int_equal(sd_log_new(SD_LOG_INFO, NULL, NULL, NULL, &log), SD_INVALID);
  assert_null(log);
}

static void secrets_do_not_pass(void **state)
{
  (void)state;
  sd_scrubber *scrubber;
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  assert_int_equal(sd_scrubber_add(scrubber, "registered-canary"), SD_OK);
  record r;
  sd_log *log = log_to(&r, SD_LOG_DEBUG, scrubber);
  sd_log_info(log, "x", "a registered-canary b SharedAccessKey=%s;", "canary");
  assert_string_equal(r.message, "a *** b SharedAccessKey=***;");
  sd_log_free(log);
  sd_scrubber_free(scrubber);
}

static void a_secret_across_the_cut_does_not_pass(void **state)
{
  (void)state;
  sd_scrubber *scrubber;
  assert_int_equal(sd_scrubber_new(&scrubber), SD_OK);
  assert_int_equal(sd_scrubber_add(scrubber, "canarycanarycanary"), SD_OK);
  record r;
  sd_log *log = log_to(&r, SD_LOG_DEBUG, scrubber);
  for (int pad = SD_LOG_MESSAGE_MAX - 20; pad <= SD_LOG_MESSAGE_MAX; pad++) {
    sd_log_info(log, "x", "%0*dcanarycanarycanary", pad, 0);
    assert_null(strstr(r.message, "c"));
  }
  sd_log_free(log);
  sd_scrubber_free(scrubber);
}

static void a_long_message_is_cut_between_characters(void **state)
{
  (void)state;
  char text[3 * SD_LOG_MESSAGE_MAX];
  record r;
  sd_log *log = log_to(&r, SD_LOG_DEBUG, NULL);
  for (size_t pad = 0; pad < 3; pad++) {
    size_t len = pad;
    memset(text, 'x', pad);
    for (; len + 3 < sizeof text; len += 3)
      memcpy(text + len, "\xE2\x82\xAC", 3);
    text[len] = '\0';
    sd_log_info(log, "x", "%s", text);
    size_t kept = strlen(r.message);
    assert_true(kept > SD_LOG_MESSAGE_MAX - 3);
    assert_memory_equal(r.message, text, kept);
    assert_true(sd_utf8_valid((const uint8_t *)r.message, kept));
  }
  sd_log_free(log);
}

static void a_message_is_one_printable_line(void **state)
{
  (void)state;
  record r;
  sd_log *log = log_to(&r, SD_LOG_DEBUG, NULL);
  sd_log_info(log, "x", "%s", "a\nERROR forged\r\x1B[31m\x7F\xFF\xC3\xA4");
  assert_string_equal(r.message, "a ERROR forged  [31m ?\xC3\xA4");
  sd_log_info(log, "x", "%s", "");
  assert_string_equal(r.message, "");
  sd_log_free(log);
}

static void a_gigantic_message_is_withheld(void **state)
{
  (void)state;
  record r;
  sd_log *log = log_to(&r, SD_LOG_DEBUG, NULL);
  sd_log_info(log, "x", "%0*d", 1024 * 1024, 0);
  assert_string_equal(r.message, "(message withheld: it is too long)");
  sd_log_free(log);
}

static void a_failed_allocation_withholds_the_message_only(void **state)
{
  (void)state;
  for (uint64_t nth = 1;; nth++) {
    record r = {0};
    sd_log *log = NULL;
    sd_alloc_fail_nth(nth);
    sd_status status = sd_log_new(SD_LOG_INFO, NULL, keep, &r, &log);
    if (status == SD_OK)
      sd_log_info(log, "x", "hello sig=%0100d", 0);
    sd_alloc_fail_nth(0);
    if (status != SD_OK) {
      assert_int_equal(status, SD_NOMEM);
      assert_null(log);
      continue;
    }
    assert_int_equal(r.count, 1);
    sd_log_free(log);
    if (strcmp(r.message, "hello sig=***") == 0)
      break;
    assert_string_equal(r.message, "(message withheld: out of memory)");
    assert_true(nth < 100);
  }
}

enum { WRITERS = 4, MESSAGES = 2000 };

static void *write_many(void *log)
{
  for (int i = 0; i < MESSAGES; i++) {
    sd_log_info(log, "x", "message %d", i);
    sd_log_debug(log, "x", "dropped %d", i);
  }
  return NULL;
}

static void calls_of_many_threads_are_serialised(void **state)
{
  (void)state;
  record r;
  sd_log *log = log_to(&r, SD_LOG_INFO, NULL);
  pthread_t threads[WRITERS];
  for (int i = 0; i < WRITERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
  for (int i = 0; i < WRITERS; i++)
    pthread_join(threads[i], NULL);
  assert_int_equal(r.count, WRITERS * MESSAGES);
  sd_log_free(log);
}

static void levels_have_names(void **state)
{
  (void)state;
  assert_string_equal(sd_log_level_name(SD_LOG_DEBUG), "debug");
  assert_string_equal(sd_log_level_name(SD_LOG_INFO), "info");
  assert_string_equal(sd_log_level_name(SD_LOG_WARNING), "warning");
  assert_string_equal(sd_log_level_name(SD_LOG_ERROR), "error");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_arrives_with_its_level_and_room),
      cmocka_unit_test(messages_below_the_level_are_dropped),
      cmocka_unit_test(a_null_log_takes_everything_silently),
      cmocka_unit_test(secrets_do_not_pass),
      cmocka_unit_test(a_secret_across_the_cut_does_not_pass),
      cmocka_unit_test(a_long_message_is_cut_between_characters),
      cmocka_unit_test(a_message_is_one_printable_line),
      cmocka_unit_test(a_gigantic_message_is_withheld),
      cmocka_unit_test(a_failed_allocation_withholds_the_message_only),
      cmocka_unit_test(calls_of_many_threads_are_serialised),
      cmocka_unit_test(levels_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
