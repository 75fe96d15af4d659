/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The background check of Logfire's tokens. */
#include "cli/token_check.h"

#include "base/alloc.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

struct sd_token_check {
  sd_job_logfire targets[SD_JOB_LOGFIRE_TOKENS_MAX];
  size_t count;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  sd_token_check_fn *answer; /* under lock; NULL once nobody wants to know */
  void *user;
  bool done;      /* under lock: the thread is about to end */
  bool abandoned; /* under lock: the thread frees */
  pthread_t thread;
};

static void free_check(sd_token_check *check)
{
  for (size_t i = 0; i < check->count; i++) {
    sd_free((char *)(uintptr_t)check->targets[i].token);
    sd_free((char *)(uintptr_t)check->targets[i].base_url);
  }
  pthread_cond_destroy(&check->changed);
  pthread_mutex_destroy(&check->lock);
  sd_free(check);
}

static void check_one(sd_token_check *check, const sd_job_logfire *target)
{
  sd_logfire_project project;
  sd_error error;
  sd_status status =
      sd_logfire_check_token(target->token, target->base_url, SD_TOKEN_CHECK_TIMEOUT_MS, &project, &error);
  pthread_mutex_lock(&check->lock);
  if (check->answer)
    check->answer(check->user, target, status == SD_OK ? &project : NULL, &error);
  pthread_mutex_unlock(&check->lock);
}

static void *run(void *arg)
{
  sd_token_check *check = arg;
  bool wanted = true;
  for (size_t i = 0; i < check->count && wanted; i++) {
    check_one(check, &check->targets[i]);
    pthread_mutex_lock(&check->lock);
    wanted = check->answer != NULL;
    pthread_mutex_unlock(&check->lock);
  }
  pthread_mutex_lock(&check->lock);
  check->done = true;
  bool abandoned = check->abandoned;
  pthread_cond_signal(&check->changed);
  pthread_mutex_unlock(&check->lock);
  if (abandoned)
    free_check(check);
  return NULL;
}

static sd_status copy_targets(sd_token_check *check, const sd_job_logfire *targets, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    char *token = sd_strdup(targets[i].token);
    char *base_url = sd_strdup(targets[i].base_url);
    check->targets[check->count++] = (sd_job_logfire){.token = token, .base_url = base_url};
    if (!token || !base_url)
      return SD_NOMEM;
  }
  return SD_OK;
}

/* Signals are for the thread that runs the stream. */
static int start_thread(sd_token_check *check)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int result = pthread_create(&check->thread, NULL, run, check);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return result;
}

sd_status sd_token_check_start(const sd_job_logfire *targets, size_t count, sd_token_check_fn *answer,
                               void *user, sd_token_check **ret_check, sd_error *error)
{
  sd_token_check *check = sd_calloc(1, sizeof *check);
  if (!check)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&check->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&check->lock, NULL);
  check->answer = answer;
  check->user = user;
  sd_status status = copy_targets(check, targets, count);
  if (status != SD_OK)
    sd_error_set(error, status, "out of memory");
  else if (start_thread(check) != 0)
    status = sd_error_set(error, SD_NOMEM, "a thread cannot be started");
  if (status != SD_OK) {
    free_check(check);
    return status;
  }
  *ret_check = check;
  return SD_OK;
}

bool sd_token_check_end(sd_token_check *check, uint64_t deadline_ns)
{
  if (!check)
    return true;
  struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / UINT64_C(1000000000)),
                              .tv_nsec = (long)(deadline_ns % UINT64_C(1000000000))};
  pthread_mutex_lock(&check->lock);
  int waited = 0;
  while (!check->done && waited == 0)
    waited = pthread_cond_timedwait(&check->changed, &check->lock, &deadline);
  bool done = check->done;
  pthread_t thread = check->thread;
  check->answer = NULL;
  check->abandoned = !done;
  pthread_mutex_unlock(&check->lock);
  if (!done) {
    pthread_detach(thread);
    return false;
  }
  pthread_join(thread, NULL);
  free_check(check);
  return true;
}
