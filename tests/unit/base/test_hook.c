/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The phase byte of the crash test; built with the hooks whatever the build has. */
#include "base/hook.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs all phases in a child with the given file content (none: no file named). Returns the child's wait
 * status and the first byte afterwards. */
static int run_phases(const unsigned char *content, size_t len, unsigned char *ret_phase)
{
  char path[] = "/tmp/sd-hook-XXXXXX";
  int fd = mkostemp(path, O_CLOEXEC);
  assert_true(fd >= 0);
  if (len > 0)
    assert_int_equal(write(fd, content, len), len);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    setenv("STREAMDUCK_TEST_PHASE_FILE", path, 1);
    sd_phase_enter(SD_PHASE_RECEIVING);
    sd_phase_enter(SD_PHASE_APPENDING);
    sd_phase_enter(SD_PHASE_BEFORE_COMMIT);
    sd_phase_enter(SD_PHASE_AFTER_COMMIT);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  *ret_phase = 0xFF;
  if (len > 0)
    assert_int_equal(pread(fd, ret_phase, 1, 0), 1);
  close(fd);
  unlink(path);
  return status;
}

static void the_first_byte_shows_the_phase(void **state)
{
  (void)state;
  static const unsigned char content[2] = {0, 0};
  unsigned char phase;
  int status = run_phases(content, 2, &phase);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_int_equal(phase, SD_PHASE_AFTER_COMMIT);
  status = run_phases(content, 1, &phase);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_int_equal(phase, SD_PHASE_AFTER_COMMIT);
}

static void the_second_byte_kills_inside_its_phase(void **state)
{
  (void)state;
  for (unsigned char wanted = SD_PHASE_RECEIVING; wanted <= SD_PHASE_AFTER_COMMIT; wanted++) {
    const unsigned char content[2] = {0, wanted};
    unsigned char phase;
    int status = run_phases(content, 2, &phase);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(phase, wanted);
  }
}

static void an_unusable_file_stops_the_process(void **state)
{
  (void)state;
  unsigned char phase;
  int status = run_phases(NULL, 0, &phase);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void without_a_file_nothing_happens(void **state)
{
  (void)state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    unsetenv("STREAMDUCK_TEST_PHASE_FILE");
    sd_phase_enter(SD_PHASE_RECEIVING);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_byte_shows_the_phase),
      cmocka_unit_test(the_second_byte_kills_inside_its_phase),
      cmocka_unit_test(an_unusable_file_stops_the_process),
      cmocka_unit_test(without_a_file_nothing_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
