/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The emulator as a whole: options, listeners, timers, stopping. */
#include "emulator/state.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t default_memory_max = UINT64_C(1) << 30;
enum { SCRATCH_MAX = 64 * 1024 };

uint64_t emu_now_ms(const sd_emulator *emulator)
{
  (void)emulator;
  return sd_clock_monotonic_ms();
}

int64_t emu_wall_ms(sd_emulator *emulator)
{
  int64_t now = sd_clock_unix_us() / 1000;
  if (now > emulator->last_ms)
    emulator->last_ms = now;
  return emulator->last_ms;
}

/* ---- turns ---- */

static void on_work(uv_idle_t *worker)
{
  sd_emulator *emulator = worker->data;
  emu_connection *list = emulator->dirty;
  emulator->dirty = NULL;
  while (list) {
    emu_connection *connection = list;
    list = connection->next_dirty;
    connection->next_dirty = NULL;
    connection->dirty = false;
    if (emu_connection_work(connection))
      emu_mark_dirty(connection);
  }
  if (!emulator->dirty)
    (void)uv_idle_stop(worker);
}

void emu_mark_dirty(emu_connection *connection)
{
  sd_emulator *emulator = connection->emulator;
  if (connection->dirty || emulator->handles_open == 0)
    return;
  connection->dirty = true;
  connection->next_dirty = emulator->dirty;
  emulator->dirty = connection;
  (void)uv_idle_start(&emulator->worker, on_work);
}

static void on_tick(uv_timer_t *tick)
{
  sd_emulator *emulator = tick->data;
  for (emu_connection *at = emulator->connections; at;) {
    emu_connection *next = at->next;
    emu_connection_tick(at);
    at = next;
  }
}

static void on_delay(uv_timer_t *delay)
{
  sd_emulator *emulator = delay->data;
  for (emu_connection *at = emulator->connections; at; at = at->next)
    emu_mark_dirty(at);
}

void emu_wake_at(sd_emulator *emulator, uint64_t at_ms)
{
  uint64_t now = emu_now_ms(emulator);
  uint64_t wait = at_ms > now ? at_ms - now : 0;
  if (emulator->stopping ||
      (uv_is_active((uv_handle_t *)&emulator->delay) && uv_timer_get_due_in(&emulator->delay) <= wait))
    return;
  (void)uv_timer_start(&emulator->delay, on_delay, wait, 0);
}

/* ---- making one ---- */

/* The service's rule, which also makes it a good name of a folder. */
static bool is_good_name(const char *name)
{
  size_t len = strlen(name);
  if (len == 0 || len > SD_EMULATOR_NAME_MAX || !isalnum((unsigned char)name[0]))
    return false;
  for (size_t i = 0; i < len; i++) {
    if (!isalnum((unsigned char)name[i]) && !strchr("-._", name[i]))
      return false;
  }
  return true;
}

static sd_status check(const sd_emulator_options *options, sd_error *error)
{
  if (!options->listen_host || !options->listen_host[0])
    return sd_error_set(error, SD_CONFIG,
                        "the emulator needs an address to listen on, for example 127.0.0.1:0");
  if (options->hub_count == 0 || options->hub_count > SD_EMULATOR_HUBS_MAX)
    return sd_error_set(error, SD_CONFIG, "the emulator needs 1 to %d hubs, for example --hub events:4",
                        SD_EMULATOR_HUBS_MAX);
  if (options->group_count > SD_EMULATOR_GROUPS_MAX)
    return sd_error_set(error, SD_CONFIG, "at most %d consumer groups are possible", SD_EMULATOR_GROUPS_MAX);
  if (options->tls_host && (!options->cert_file || !options->key_file))
    return sd_error_set(error, SD_CONFIG, "listening with TLS needs a certificate and its key");
  for (size_t i = 0; i < options->hub_count; i++) {
    const sd_emulator_hub *hub = &options->hubs[i];
    if (!is_good_name(hub->name))
      return sd_error_set(
          error, SD_CONFIG,
          "\"%.100s\" is no hub name: letters, digits, '-', '.', '_', beginning with a letter or digit, "
          "at most %d characters",
          hub->name, SD_EMULATOR_NAME_MAX);
    if (hub->partitions == 0 || hub->partitions > SD_EMULATOR_PARTITIONS_MAX)
      return sd_error_set(error, SD_CONFIG, "hub %s must have 1 to %d partitions", hub->name,
                          SD_EMULATOR_PARTITIONS_MAX);
    for (size_t k = 0; k < i; k++) {
      if (strcasecmp(hub->name, options->hubs[k].name) == 0)
        return sd_error_set(error, SD_CONFIG, "hub %s is named twice", hub->name);
    }
  }
  for (size_t i = 0; i < options->group_count; i++) {
    if (strcasecmp(options->groups[i], "$Default") != 0 && !is_good_name(options->groups[i]))
      return sd_error_set(error, SD_CONFIG, "\"%.100s\" is no name for a consumer group", options->groups[i]);
  }
  return SD_OK;
}

static bool copy_text(const char *text, char **to)
{
  if (!text)
    return true;
  *to = sd_strdup(text);
  return *to != NULL;
}

static sd_status copy_options(sd_emulator *emulator, const sd_emulator_options *options, sd_error *error)
{
  emulator->listen_port = options->listen_port;
  emulator->tls_port = options->tls_port;
  emulator->memory_max = options->memory_max ? options->memory_max : default_memory_max;
  emulator->groups = sd_calloc(options->group_count + 1, sizeof *emulator->groups);
  emulator->hubs = sd_calloc(options->hub_count, sizeof *emulator->hubs);
  if (!emulator->groups || !emulator->hubs || !copy_text(options->listen_host, &emulator->listen_host) ||
      !copy_text(options->tls_host, &emulator->tls_host) ||
      !copy_text(options->data_dir, &emulator->data_dir) || !copy_text(options->sas_key, &emulator->sas_key))
    return sd_error_set(error, SD_NOMEM, "cannot make the emulator");
  (void)snprintf(emulator->groups[emulator->group_count++], EMU_NAME_MAX, "$Default");
  for (size_t i = 0; i < options->group_count; i++) {
    uint32_t known = 0;
    if (!emu_find_group(emulator, options->groups[i], &known))
      (void)snprintf(emulator->groups[emulator->group_count++], EMU_NAME_MAX, "%s", options->groups[i]);
  }
  return SD_OK;
}

/* Two emulators on one folder would destroy each other's logs. */
static sd_status lock_data(sd_emulator *emulator, sd_error *error)
{
  if (mkdir(emulator->data_dir, 0755) != 0 && errno != EEXIST)
    return sd_error_set_errno(error, SD_IO, errno, "cannot make the data folder %s", emulator->data_dir);
  char path[4096 + 16];
  (void)snprintf(path, sizeof path, "%.4096s/lock", emulator->data_dir);
  emulator->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (emulator->lock_fd < 0)
    return sd_error_set_errno(error, SD_IO, errno, "cannot use the data folder %s", emulator->data_dir);
  if (flock(emulator->lock_fd, LOCK_EX | LOCK_NB) != 0)
    return sd_error_set(error, SD_CONFLICT,
                        "another emulator uses the data folder %s; stop it, or take another folder",
                        emulator->data_dir);
  return SD_OK;
}

sd_status sd_emulator_new(uv_loop_t *loop, const sd_emulator_options *options, sd_emulator **ret_emulator,
                          sd_error *error)
{
  sd_status status = check(options, error);
  if (status != SD_OK)
    return status;
  sd_emulator *emulator = sd_calloc(1, sizeof *emulator);
  if (!emulator)
    return sd_error_set(error, SD_NOMEM, "cannot make the emulator");
  emulator->loop = loop;
  emulator->lock_fd = -1;
  emulator->tag_prefix = sd_random_u64();
  sd_buf_init(&emulator->scratch, SCRATCH_MAX);
  status = copy_options(emulator, options, error);
  if (status == SD_OK && emulator->tls_host)
    status = sd_tls_server_new(options->cert_file, options->key_file, &emulator->tls, error);
  if (status == SD_OK && emulator->data_dir)
    status = lock_data(emulator, error);
  for (size_t i = 0; i < options->hub_count && status == SD_OK; i++) {
    emulator->hub_count++;
    status = emu_hub_open(emulator, &options->hubs[i], &emulator->hubs[i], error);
  }
  if (status != SD_OK) {
    sd_emulator_free(emulator);
    return status;
  }
  *ret_emulator = emulator;
  return SD_OK;
}

void sd_emulator_free(sd_emulator *emulator)
{
  if (!emulator)
    return;
  for (size_t i = 0; i < emulator->hub_count; i++)
    emu_hub_release(&emulator->hubs[i]);
  sd_tls_context_free(emulator->tls);
  if (emulator->lock_fd >= 0)
    (void)close(emulator->lock_fd);
  emu_log_space_release(&emulator->space);
  sd_buf_release(&emulator->scratch);
  sd_free(emulator->hubs);
  sd_free(emulator->groups);
  sd_free(emulator->listen_host);
  sd_free(emulator->tls_host);
  sd_free(emulator->data_dir);
  sd_free(emulator->sas_key);
  sd_free(emulator);
}

/* ---- running ---- */

static sd_status listen_on(sd_emulator *emulator, const char *host, uint16_t port, sd_tls_context *tls,
                           sd_net_listener **ret_listener, sd_error *error)
{
  sd_net_listen_options options = {.struct_size = sizeof options,
                                   .host = host,
                                   .port = port,
                                   .tls = tls,
                                   .handler = &emu_net_handler,
                                   .on_accept = emu_connection_accept,
                                   .user = emulator};
  return sd_net_listen(emulator->loop, &options, ret_listener, error);
}

sd_status sd_emulator_start(sd_emulator *emulator, sd_error *error)
{
  if (emulator->started)
    return sd_error_set(error, SD_STATE, "the emulator runs already");
  sd_status status =
      listen_on(emulator, emulator->listen_host, emulator->listen_port, NULL, &emulator->listener, error);
  if (status != SD_OK)
    return status;
  if (emulator->tls_host) {
    status = listen_on(emulator, emulator->tls_host, emulator->tls_port, emulator->tls,
                       &emulator->tls_listener, error);
    if (status != SD_OK) {
      sd_net_listener_close(emulator->listener);
      emulator->listener = NULL;
      return status;
    }
    emulator->tls_port = sd_net_listener_port(emulator->tls_listener);
  }
  emulator->listen_port = sd_net_listener_port(emulator->listener);
  (void)uv_idle_init(emulator->loop, &emulator->worker);
  (void)uv_timer_init(emulator->loop, &emulator->tick);
  (void)uv_timer_init(emulator->loop, &emulator->delay);
  emulator->worker.data = emulator->tick.data = emulator->delay.data = emulator;
  emulator->handles_open = 3;
  emulator->started = true;
  return uv_timer_start(&emulator->tick, on_tick, EMU_TICK_MS, EMU_TICK_MS) == 0 ? SD_OK : SD_INTERNAL;
}

static void on_handle_closed(uv_handle_t *handle)
{
  sd_emulator *emulator = handle->data;
  if (--emulator->handles_open == 0)
    emulator->on_stopped(emulator->stopped_user);
}

void emu_connection_gone(sd_emulator *emulator)
{
  if (!emulator->stopping || emulator->connection_count > 0 || uv_is_closing((uv_handle_t *)&emulator->tick))
    return;
  uv_close((uv_handle_t *)&emulator->worker, on_handle_closed);
  uv_close((uv_handle_t *)&emulator->tick, on_handle_closed);
  uv_close((uv_handle_t *)&emulator->delay, on_handle_closed);
}

/* The peers had their time to answer the close. */
static void on_stop_timer(uv_timer_t *timer)
{
  sd_emulator *emulator = timer->data;
  for (emu_connection *at = emulator->connections; at; at = at->next)
    emu_connection_cut(at);
}

void sd_emulator_stop(sd_emulator *emulator, void (*on_stopped)(void *user), void *user)
{
  enum { STOP_MS = 1000 };
  if (!emulator->started || emulator->stopping)
    return;
  emulator->stopping = true;
  emulator->on_stopped = on_stopped;
  emulator->stopped_user = user;
  sd_net_listener_close(emulator->listener);
  if (emulator->tls_listener)
    sd_net_listener_close(emulator->tls_listener);
  for (emu_connection *at = emulator->connections; at; at = at->next) {
    if (at->silent)
      emu_connection_cut(at);
    else
      emu_connection_close(at, "amqp:connection:forced", "The emulator stops.");
  }
  (void)uv_timer_start(&emulator->tick, on_stop_timer, STOP_MS, 0);
  emu_connection_gone(emulator);
}
