/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Child processes of the demo. */
#include "cli/demo_child.h"

#include "base/clock.h"
#include "json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 16 * 1024, WAIT_STEP_MS = 10 };

/* In the child, between fork and exec: only calls that are safe there. */
static _Noreturn void become(char *const *arguments, int out, pid_t parent)
{
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent)
    _exit(127); /* it died before the line above */
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
    _exit(127);
  execv("/proc/self/exe", arguments);
  _exit(127);
}

sd_status sd_demo_child_start(sd_demo_child *child, const char *name, const char *const *arguments,
                              sd_error *error)
{
  char program[] = "streamduck";
  char *argv[SD_DEMO_CHILD_ARGUMENTS_MAX + 2] = {program};
  size_t count = 0;
  for (; arguments[count]; count++) {
    if (count == SD_DEMO_CHILD_ARGUMENTS_MAX)
      return sd_error_set(error, SD_LIMIT, "%s: more than %d arguments", name,
                          (int)SD_DEMO_CHILD_ARGUMENTS_MAX);
    memcpy(&argv[count + 1], &arguments[count], sizeof argv[0]); /* execv takes them without const */
  }
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) != 0)
    return sd_error_set_errno(error, SD_IO, errno, "%s: pipe", name);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0)
    become(argv, pipes[1], parent);
  int problem = errno;
  close(pipes[1]);
  if (pid < 0) {
    close(pipes[0]);
    return sd_error_set_errno(error, SD_IO, problem, "%s: fork", name);
  }
  *child = (sd_demo_child){.name = name, .pid = pid, .out = pipes[0]};
  sd_buf_init(&child->text, SD_DEMO_CHILD_LINE_MAX);
  return SD_OK;
}

/* A whole line from what has been read. */
static sd_status take_line(sd_demo_child *child, json_t **ret_object, sd_error *error)
{
  const uint8_t *end = child->text.len ? memchr(child->text.data, '\n', child->text.len) : NULL;
  if (!end)
    return SD_AGAIN;
  size_t len = (size_t)(end - child->text.data);
  json_t *value = NULL;
  sd_status status = sd_json_parse(sd_bytes_make(child->text.data, len), &value, error);
  sd_buf_consume(&child->text, len + 1);
  if (status == SD_OK && !json_is_object(value)) {
    json_decref(value);
    status = SD_PROTOCOL;
  }
  if (status != SD_OK)
    return sd_error_set(error, SD_PROTOCOL, "%s printed a line that is no JSON object", child->name);
  *ret_object = value;
  return SD_OK;
}

sd_status sd_demo_child_read(sd_demo_child *child, int timeout_ms, json_t **ret_object, sd_error *error)
{
  uint64_t until = sd_clock_monotonic_ms() + (uint64_t)timeout_ms;
  for (;;) {
    sd_status status = take_line(child, ret_object, error);
    if (status != SD_AGAIN)
      return status;
    if (child->out < 0)
      return sd_error_set(error, SD_CLOSED, "%s has ended", child->name);
    uint64_t now = sd_clock_monotonic_ms();
    struct pollfd wait = {.fd = child->out, .events = POLLIN};
    int ready = poll(&wait, 1, now < until ? (int)(until - now) : 0);
    if (ready <= 0)
      return sd_error_set(error, SD_AGAIN, "%s has said nothing for %d ms", child->name, timeout_ms);
    uint8_t *space = NULL;
    status = sd_buf_reserve(&child->text, READ_SIZE, &space);
    if (status != SD_OK)
      return sd_error_set(error, status, "%s printed a line longer than %d bytes", child->name,
                          (int)SD_DEMO_CHILD_LINE_MAX);
    ssize_t n = read(child->out, space, READ_SIZE);
    if (n > 0) {
      sd_buf_commit(&child->text, (size_t)n);
    } else if (n == 0 || errno != EINTR) {
      close(child->out);
      child->out = -1;
    }
  }
}

bool sd_demo_child_has_ended(sd_demo_child *child, int timeout_ms)
{
  uint64_t until = sd_clock_monotonic_ms() + (uint64_t)timeout_ms;
  while (child->pid > 0) {
    int state = 0;
    pid_t got = waitpid(child->pid, &state, WNOHANG);
    if (got == child->pid) {
      child->exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
      child->pid = 0;
    } else if (got < 0 && errno != EINTR) {
      child->exit_code = 127;
      child->pid = 0;
    } else if (sd_clock_monotonic_ms() >= until) {
      return false;
    } else {
      struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000 * 1000};
      nanosleep(&step, NULL);
    }
  }
  return true;
}

void sd_demo_child_stop(sd_demo_child *child)
{
  if (child->pid > 0) {
    kill(child->pid, SIGTERM);
    if (!sd_demo_child_has_ended(child, SD_DEMO_CHILD_STOP_MS)) {
      kill(child->pid, SIGKILL);
      sd_demo_child_has_ended(child, SD_DEMO_CHILD_STOP_MS);
    }
  }
  if (child->name) {
    if (child->out >= 0)
      close(child->out);
    sd_buf_release(&child->text);
  }
  *child = (sd_demo_child){.out = -1};
}
