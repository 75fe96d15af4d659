/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Child processes of the demo. This program is its own child: called with a word it plays a part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/demo_child.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WAIT_MS = 30000 };

static sd_demo_child start(const char *part)
{
  sd_demo_child child = {.out = -1};
  sd_error error;
  const char *const arguments[] = {part, NULL};
  if (sd_demo_child_start(&child, "the child", arguments, &error) != SD_OK)
    fail_msg("%s", error.message);
  return child;
}

static void lines_are_read_one_by_one_and_then_the_end(void **state)
{
  (void)state;
  sd_error error;
  json_t *line = NULL;
  sd_demo_child child = start("two-lines");
  assert_int_equal(sd_demo_child_read(&child, WAIT_MS, &line, &error), SD_OK);
  assert_int_equal(json_integer_value(json_object_get(line, "n")), 1);
  json_decref(line);
  assert_int_equal(sd_demo_child_read(&child, WAIT_MS, &line, &error), SD_OK);
  assert_int_equal(json_integer_value(json_object_get(line, "n")), 2);
  json_decref(line);
  assert_int_equal(sd_demo_child_read(&child, WAIT_MS, &line, &error), SD_CLOSED);
  assert_true(sd_demo_child_has_ended(&child, WAIT_MS));
  assert_int_equal(child.exit_code, 7);
  sd_demo_child_stop(&child);
}

static void a_line_that_is_no_json_object_is_refused_and_the_next_one_read(void **state)
{
  (void)state;
  sd_error error;
  json_t *line = NULL;
  sd_demo_child child = start("nonsense");
  assert_int_equal(sd_demo_child_read(&child, WAIT_MS, &line, &error), SD_PROTOCOL);
  assert_non_null(strstr(error.message, "the child"));
  assert_int_equal(sd_demo_child_read(&child, WAIT_MS, &line, &error), SD_PROTOCOL);
  assert_int_equal(sd_demo_child_read(&child, WAIT_MS, &line, &error), SD_OK);
  json_decref(line);
  sd_demo_child_stop(&child);
}

static void a_line_without_end_is_refused(void **state)
{
  (void)state;
  sd_error error;
  json_t *line = NULL;
  sd_demo_child child = start("endless");
  assert_int_equal(sd_demo_child_read(&child, WAIT_MS, &line, &error), SD_LIMIT);
  sd_demo_child_stop(&child);
  assert_int_equal(child.pid, 0);
}

static void silence_is_no_error(void **state)
{
  (void)state;
  sd_error error;
  json_t *line = NULL;
  sd_demo_child child = start("wait");
  assert_int_equal(sd_demo_child_read(&child, 0, &line, &error), SD_AGAIN);
  assert_false(sd_demo_child_has_ended(&child, 0));
  sd_demo_child_stop(&child);
}

static void stop_ends_the_process_and_may_be_repeated(void **state)
{
  (void)state;
  sd_demo_child child = start("wait");
  pid_t pid = child.pid;
  sd_demo_child_stop(&child);
  assert_int_equal(kill(pid, 0), -1);
  sd_demo_child_stop(&child);
}

static void a_signal_shows_in_the_exit_code(void **state)
{
  (void)state;
  sd_demo_child child = start("wait");
  kill(child.pid, SIGKILL);
  assert_true(sd_demo_child_has_ended(&child, WAIT_MS));
  assert_int_equal(child.exit_code, 128 + SIGKILL);
  sd_demo_child_stop(&child);
}

static void the_child_has_its_own_process_group(void **state)
{
  (void)state;
  sd_error error;
  json_t *line = NULL;
  sd_demo_child child = start("group");
  assert_int_equal(sd_demo_child_read(&child, WAIT_MS, &line, &error), SD_OK);
  assert_int_equal(json_integer_value(json_object_get(line, "group")), child.pid);
  json_decref(line);
  sd_demo_child_stop(&child);
}

static void a_child_ends_when_its_parent_is_killed(void **state)
{
  (void)state;
  sd_error error;
  json_t *line = NULL;
  sd_demo_child parent = start("parent");
  assert_int_equal(sd_demo_child_read(&parent, WAIT_MS, &line, &error), SD_OK);
  pid_t grandchild = (pid_t)json_integer_value(json_object_get(line, "child"));
  json_decref(line);
  int end = (int)syscall(SYS_pidfd_open, grandchild, 0);
  assert_true(end >= 0);
  kill(parent.pid, SIGKILL);
  struct pollfd wait = {.fd = end, .events = POLLIN};
  assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
  close(end);
  sd_demo_child_stop(&parent);
}

static void too_many_arguments_are_refused(void **state)
{
  (void)state;
  sd_error error;
  sd_demo_child child = {.out = -1};
  const char *arguments[SD_DEMO_CHILD_ARGUMENTS_MAX + 2] = {NULL};
  for (size_t i = 0; i <= SD_DEMO_CHILD_ARGUMENTS_MAX; i++)
    arguments[i] = "x";
  assert_int_equal(sd_demo_child_start(&child, "the child", arguments, &error), SD_LIMIT);
  assert_int_equal(child.pid, 0);
}

static int play(const char *part)
{
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (strcmp(part, "two-lines") == 0) {
    printf("{\"n\":1}\n{\"n\":2}\n");
    return 7;
  }
  if (strcmp(part, "nonsense") == 0) {
    printf("hello\n[1]\n{}\n");
    return 0;
  }
  if (strcmp(part, "endless") == 0) {
    while (putchar('x') == 'x')
      continue;
    return 0;
  }
  if (strcmp(part, "group") == 0)
    printf("{\"group\":%d}\n", (int)getpgrp());
  if (strcmp(part, "parent") == 0) {
    sd_demo_child child = start("wait");
    printf("{\"child\":%d}\n", (int)child.pid);
  }
  pause();
  return 0;
}

int main(int argc, char **argv)
{
  if (argc > 1)
    return play(argv[1]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_read_one_by_one_and_then_the_end),
      cmocka_unit_test(a_line_that_is_no_json_object_is_refused_and_the_next_one_read),
      cmocka_unit_test(a_line_without_end_is_refused),
      cmocka_unit_test(silence_is_no_error),
      cmocka_unit_test(stop_ends_the_process_and_may_be_repeated),
      cmocka_unit_test(a_signal_shows_in_the_exit_code),
      cmocka_unit_test(the_child_has_its_own_process_group),
      cmocka_unit_test(a_child_ends_when_its_parent_is_killed),
      cmocka_unit_test(too_many_arguments_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
