/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The demo's folder and its lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/demo_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static char top[256], inner[300], lock_path[320];
static volatile sig_atomic_t no_interrupt;

static int make(void **state)
{
  (void)state;
  snprintf(top, sizeof top, "%s/streamduck-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  if (!mkdtemp(top))
    return -1;
  snprintf(inner, sizeof inner, "%s/a/b", top);
  snprintf(lock_path, sizeof lock_path, "%s/.lock", inner);
  return 0;
}

static int clean(void **state)
{
  (void)state;
  char middle[300];
  snprintf(middle, sizeof middle, "%s/a", top);
  unlink(lock_path);
  rmdir(inner);
  rmdir(middle);
  return rmdir(top);
}

static void folders_are_made_and_made_again(void **state)
{
  (void)state;
  sd_error error;
  int lock = -1;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(sd_demo_folder_lock(inner, &no_interrupt, &lock, &error), SD_OK);
    assert_int_equal(access(inner, W_OK), 0);
    close(lock);
  }
}

static void the_lock_keeps_others_out_until_it_is_given_up(void **state)
{
  (void)state;
  sd_error error;
  int lock = -1;
  assert_int_equal(sd_demo_folder_lock(inner, &no_interrupt, &lock, &error), SD_OK);
  FILE *other = fopen(lock_path, "r");
  assert_non_null(other);
  assert_int_equal(flock(fileno(other), LOCK_EX | LOCK_NB), -1);
  close(lock);
  assert_int_equal(flock(fileno(other), LOCK_EX | LOCK_NB), 0);
  fclose(other);
}

static void waiting_for_the_lock_ends_with_an_interrupt(void **state)
{
  (void)state;
  sd_error error;
  int lock = -1, second = -1;
  volatile sig_atomic_t interrupt = 1;
  assert_int_equal(sd_demo_folder_lock(inner, &no_interrupt, &lock, &error), SD_OK);
  assert_int_equal(sd_demo_folder_lock(inner, &interrupt, &second, &error), SD_CANCELLED);
  assert_int_equal(second, -1);
  close(lock);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
  (void)state;
  sd_error error;
  int lock = -1;
  assert_int_equal(sd_demo_folder_lock("/proc/none/here", &no_interrupt, &lock, &error), SD_IO);
  assert_non_null(strstr(error.message, "/proc/none"));
  assert_int_equal(sd_demo_folder_lock("", &no_interrupt, &lock, &error), SD_INVALID);
  assert_int_equal(lock, -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(folders_are_made_and_made_again),
      cmocka_unit_test(the_lock_keeps_others_out_until_it_is_given_up),
      cmocka_unit_test(waiting_for_the_lock_ends_with_an_interrupt),
      cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
  };
  return cmocka_run_group_tests(tests, make, clean);
}
