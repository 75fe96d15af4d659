/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Making, feeding and ending a sink. */
#include "sink/sink.h"

#include "base/alloc.h"
#include "base/random.h"
#include "duck/library.h"
#include "sink/sink_private.h"

#include <stdio.h>
#include <time.h>

enum { ABORT_TICK_MS = 100 };

static pthread_once_t owner_once = PTHREAD_ONCE_INIT;
static char process_owner[SD_UUID_TEXT_SIZE];

static void make_owner(void)
{
  sd_random_uuid(process_owner);
}

const char *sd_sink_process_owner(void)
{
  pthread_once(&owner_once, make_owner);
  return process_owner;
}

static sd_status submit(sd_sink *base, sd_sink_op *op)
{
  sd_duck_sink *sink = (sd_duck_sink *)base;
  /* Counted here and not by the queue alone, because the writer sorts what it takes into its own lists. */
  if (atomic_fetch_add(&sink->in_flight, 1) >= SD_SINK_QUEUE_MAX) {
    atomic_fetch_sub(&sink->in_flight, 1);
    return SD_AGAIN;
  }
  sd_status status = sd_queue_push(sink->queue, &op->op);
  if (status != SD_OK)
    atomic_fetch_sub(&sink->in_flight, 1);
  return status;
}

static void free_sink(sd_sink *base, bool abort);

static const sd_sink_vtable vtable = {
    .struct_size = sizeof vtable,
    .submit = submit,
    .free = free_sink,
};

static sd_status check_options(const sd_duck_sink_options *options, sd_error *error)
{
  if (!options->database || !*options->database)
    return sd_error_set(error, SD_CONFIG, "a sink needs a database");
  if (options->motherduck && (!options->motherduck_token || !*options->motherduck_token))
    return sd_error_set(error, SD_CONFIG, "the MotherDuck database %s needs a token", options->database);
  if (options->motherduck) {
    sd_status status = sd_duck_motherduck_name_check(options->database, error);
    if (status != SD_OK)
      return status;
  }
  if (options->owner && (!*options->owner || strlen(options->owner) >= SD_SINK_OWNER_MAX))
    return sd_error_set(error, SD_CONFIG, "an owner's id has 1 to %d bytes", SD_SINK_OWNER_MAX - 1);
  return SD_OK;
}

static bool copy(char **to, const char *text)
{
  *to = text ? sd_strdup(text) : NULL;
  return !text || *to;
}

static void init_sync(sd_duck_sink *sink)
{
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_mutex_init(&sink->lock, NULL);
  pthread_cond_init(&sink->ended, &attr);
  pthread_condattr_destroy(&attr);
}

sd_status sd_sink_make(const sd_duck_sink_options *options, sd_duck_sink **ret_sink, sd_error *error)
{
  sd_status status = check_options(options, error);
  const sd_duck_api *api = options->api;
  if (status == SD_OK && !api)
    status = sd_duck_library_load(options->libduckdb, &api, error);
  if (status == SD_OK && options->motherduck)
    status = sd_duck_library_check_motherduck(api, error);
  if (status != SD_OK)
    return status;
  sd_duck_sink *sink = sd_calloc(1, sizeof *sink);
  if (!sink)
    return sd_error_set(error, SD_NOMEM, "no memory for a sink");
  init_sync(sink);
  sink->base.vtable = &vtable;
  sink->motherduck = options->motherduck;
  sink->respect_leases = options->respect_leases || options->motherduck;
  sink->query_appender = options->query_appender || options->motherduck;
  sink->lease_seconds = options->lease_seconds;
  if (sink->lease_seconds == 0)
    sink->lease_seconds = options->motherduck ? SD_SINK_LEASE_MOTHERDUCK_S : SD_SINK_LEASE_LOCAL_S;
  sink->call_max_ms = options->call_max_ms;
  sink->log = options->log;
  sink->scrubber = options->scrubber;
  sink->api = api;
  if (options->telemetry)
    sink->tracer = sd_telemetry_tracer(options->telemetry, "streamduck", SD_VERSION);
  snprintf(sink->owner, sizeof sink->owner, "%s", options->owner ? options->owner : sd_sink_process_owner());
  if (!copy(&sink->database_name, options->database) || !copy(&sink->token, options->motherduck_token) ||
      !copy(&sink->extension, options->motherduck_extension) || !copy(&sink->libduckdb, options->libduckdb)) {
    sd_sink_unmake(sink);
    return sd_error_set(error, SD_NOMEM, "no memory for a sink");
  }
  *ret_sink = sink;
  return SD_OK;
}

void sd_sink_unmake(sd_duck_sink *sink)
{
  sd_sink_close_database(sink);
  sd_sink_free_mappings(sink);
  sd_queue_free(sink->queue);
  pthread_cond_destroy(&sink->ended);
  pthread_mutex_destroy(&sink->lock);
  sd_free(sink->database_name);
  sd_free(sink->token);
  sd_free(sink->extension);
  sd_free(sink->libduckdb);
  sd_free(sink);
}

sd_status sd_duck_sink_new(const sd_duck_sink_options *options, sd_sink **ret_sink, sd_error *error)
{
  sd_duck_sink *sink = NULL;
  sd_status status = sd_sink_make(options, &sink, error);
  if (status != SD_OK)
    return status;
  status = sd_queue_new(SD_SINK_QUEUE_MAX, NULL, NULL, &sink->queue);
  if (status != SD_OK) {
    sd_sink_unmake(sink);
    return sd_error_set(error, status, "no memory for a sink");
  }
  int rc = pthread_create(&sink->thread, NULL, sd_sink_writer, sink);
  if (rc != 0) {
    sd_sink_unmake(sink);
    return sd_error_set_errno(error, SD_NOMEM, rc, "starting the writer of %s", options->database);
  }
  *ret_sink = &sink->base;
  return SD_OK;
}

/* Waits for the thread's end. False when it hangs in a database call that nothing interrupts. */
static bool wait_ended(sd_duck_sink *sink, bool abort)
{
  bool hung = false;
  pthread_mutex_lock(&sink->lock);
  while (!sink->has_ended && !hung) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ABORT_TICK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
      until.tv_sec++;
      until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(&sink->ended, &sink->lock, &until);
    hung = abort && sink->shared_connection && sd_duck_connection_is_hung(sink->shared_connection);
  }
  pthread_mutex_unlock(&sink->lock);
  return !hung;
}

static void free_sink(sd_sink *base, bool abort)
{
  sd_duck_sink *sink = (sd_duck_sink *)base;
  if (!sink)
    return;
  atomic_store(&sink->aborting, abort);
  atomic_store(&sink->stopping, true);
  if (abort) {
    pthread_mutex_lock(&sink->lock);
    if (sink->shared_connection)
      sd_duck_connection_cancel(sink->shared_connection);
    pthread_mutex_unlock(&sink->lock);
  }
  sd_queue_close(sink->queue);
  if (!wait_ended(sink, abort)) {
    sd_log_error(sink->log, "sink", "%s: the database call does not end; its thread is left behind",
                 sink->database_name);
    pthread_detach(sink->thread);
    return;
  }
  pthread_join(sink->thread, NULL);
  sd_sink_unmake(sink);
}
