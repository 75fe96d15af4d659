/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* A write to a peer that is gone, with SIGPIPE at its default: it would end the process. */
#include "http/sigpipe.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void write_to_nobody(void)
{
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  close(fds[0]);
  assert_int_equal(write(fds[1], "x", 1), -1);
  assert_int_equal(errno, EPIPE);
  close(fds[1]);
}

static bool is_blocked(void)
{
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  return sigismember(&mask, SIGPIPE) == 1;
}

static bool is_pending(void)
{
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

static void what_was_raised_meanwhile_is_forgotten(void **state)
{
  (void)state;
  sd_sigpipe held;
  sd_sigpipe_hold(&held);
  write_to_nobody();
  sd_sigpipe_release(&held);
  assert_false(is_blocked());
  assert_false(is_pending());
}

static void what_the_program_has_blocked_stays_blocked_and_pending(void **state)
{
  (void)state;
  sigset_t sigpipe, before;
  sd_sigpipe held;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
  write_to_nobody();
  assert_true(is_pending());
  sd_sigpipe_hold(&held);
  write_to_nobody();
  sd_sigpipe_release(&held);
  assert_true(is_blocked());
  assert_true(is_pending());
  int number;
  sigwait(&sigpipe, &number);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void without_it_the_process_ends(void **state)
{
  (void)state;
  int code;
  pid_t child = fork();
  if (child == 0) {
    write_to_nobody();
    _exit(0);
  }
  assert_int_equal(waitpid(child, &code, 0), child);
  assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGPIPE);
}

int main(void)
{
  signal(SIGPIPE, SIG_DFL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_raised_meanwhile_is_forgotten),
      cmocka_unit_test(what_the_program_has_blocked_stays_blocked_and_pending),
      cmocka_unit_test(without_it_the_process_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
