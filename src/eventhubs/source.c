/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The source: connecting again, sorting troubles, grants, refreshes, stopping. */
#include "eventhubs/source.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "eventhubs/source_internal.h"

#include <inttypes.h>
#include <stdio.h>

static sd_eventhubs_source *source_of(sd_source *base)
{
  return (sd_eventhubs_source *)base;
}

static void connect_source(sd_eventhubs_source *s);

/* ---- connection ---- */

static void on_ready(void *owner, const sd_hub_info *info)
{
  sd_eventhubs_source *s = owner;
  if (!sd_source_is_active(s))
    return;
  s->ready_ms = sd_clock_monotonic_ms();
  if (!s->known) {
    if (sd_source_make_receivers(s, info) != SD_OK) {
      sd_error error;
      sd_error_set(&error, SD_NOMEM, "out of memory for %u partitions", info->count);
      sd_hub_connection_fail(s->connection, &error);
      return;
    }
    s->known = true;
    s->handler.on_ready(s->owner, s->partitions, s->count, s->incarnation);
  } else if (!sd_source_is_same_hub(s, info)) {
    sd_source_hub_was_recreated(s, info->incarnation);
  } else if (s->refreshing && s->asked_state) {
    sd_source_take_state(s, info);
    sd_source_finish_refresh(s, NULL);
  } else if (s->refreshing) {
    s->refresh_waits = true; /* asked for while this connection was being made */
  }
  for (uint32_t i = 0; i < s->count && sd_source_is_active(s); i++)
    sd_receiver_attach_if_due(&s->receivers[i], s->ready_ms);
  sd_source_check_recovered(s);
}

static void on_authorized(void *owner)
{
  sd_eventhubs_source *s = owner;
  s->token_round++;
  if (!s->reauthorizing)
    s->denials = 0; /* a renewal in due course */
  s->reauthorizing = false;
  uint64_t now = sd_clock_monotonic_ms();
  for (uint32_t i = 0; i < s->count; i++) {
    sd_receiver *r = &s->receivers[i];
    if (r->state == SD_RECEIVER_WAITING && r->due_ms == UINT64_MAX) {
      sd_receiver_restart(r, now);
      sd_receiver_attach_if_due(r, now);
    }
  }
}

static void on_session(void *owner)
{
  sd_eventhubs_source *s = owner;
  uint64_t now = sd_clock_monotonic_ms();
  for (uint32_t i = 0; i < s->count && sd_source_is_active(s); i++)
    sd_receiver_attach_if_due(&s->receivers[i], now);
}

static void update_window(sd_eventhubs_source *s)
{
  if (!s->connection)
    return;
  size_t unfinished = sd_hub_connection_unfinished(s->connection);
  sd_hub_connection_set_window(s->connection,
                               sd_credit_window(&s->credit, s->settings.max_frame_size, unfinished));
}

void sd_source_rebalance(sd_eventhubs_source *s)
{
  for (uint32_t i = 0; i < s->count; i++)
    sd_receiver_adjust(&s->receivers[i], true);
}

void sd_source_on_attached(sd_eventhubs_source *s, sd_receiver *r)
{
  /* Others hold what this one should have. */
  if (r->credit == 0 && s->credit.free_bytes > 0)
    sd_source_rebalance(s);
  s->attention = true;
}

static void on_turn(void *owner)
{
  sd_eventhubs_source *s = owner;
  if (s->attention && sd_source_is_active(s)) {
    s->attention = false;
    for (uint32_t i = 0; i < s->count && sd_source_is_active(s); i++) {
      if (s->receivers[i].detached)
        sd_source_take_detach(s, &s->receivers[i]);
    }
    sd_source_check_recovered(s);
  }
  if (sd_source_is_active(s)) {
    sd_source_verify_hub(s);
    sd_source_ask_refresh(s);
  }
  if (s->turn_events > 0 && sd_source_is_active(s)) {
    s->turn_events = 0;
    if (s->backoff.attempt > 0)
      sd_backoff_reset(&s->backoff);
    if (s->handler.on_idle)
      s->handler.on_idle(s->owner);
  }
  update_window(s);
}

static uint64_t on_tick(void *owner, uint64_t now)
{
  sd_eventhubs_source *s = owner;
  uint64_t next = UINT64_MAX;
  for (uint32_t i = 0; i < s->count; i++) {
    sd_receiver *r = &s->receivers[i];
    sd_receiver_attach_if_due(r, now);
    bool asked = r->state == SD_RECEIVER_ATTACHING || r->state == SD_RECEIVER_DETACHING;
    if (asked && now >= r->deadline_ms && sd_source_is_active(s)) {
      sd_error error;
      sd_error_set(&error, SD_TIMEOUT, "partition %s of hub \"%s\" was not %s within %u ms", r->id,
                   s->settings.hub, r->state == SD_RECEIVER_ATTACHING ? "attached" : "detached",
                   (unsigned)s->settings.timing.step_timeout_ms);
      error.retriable = 1;
      sd_hub_connection_fail(s->connection, &error);
      return UINT64_MAX;
    }
    if (asked && r->deadline_ms < next)
      next = r->deadline_ms;
    /* One that is due and waits still waits for something else than time. */
    if (r->state == SD_RECEIVER_WAITING && r->due_ms > now && r->due_ms < next)
      next = r->due_ms;
  }
  return next;
}

static void on_timer_closed(uv_handle_t *handle)
{
  sd_eventhubs_source *s = handle->data;
  s->stopped = true;
  /* The owner may free the source in it. */
  if (s->handler.on_stopped)
    s->handler.on_stopped(s->owner);
}

static void finish_stop(sd_eventhubs_source *s)
{
  if (!uv_is_closing((uv_handle_t *)&s->timer))
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

static void on_timer(uv_timer_t *timer)
{
  sd_eventhubs_source *s = timer->data;
  if (sd_source_is_active(s) && !s->connection)
    connect_source(s);
}

/* The connection, or the attempt at one, has failed. */
static void connection_lost(sd_eventhubs_source *s, const sd_error *error, bool denied)
{
  sd_fault fault = sd_fault_of(error);
  uint64_t now = sd_clock_monotonic_ms();
  if (s->ready_ms > 0 && now - s->ready_ms >= s->settings.timing.backoff_cap_ms)
    sd_backoff_reset(&s->backoff);
  s->ready_ms = 0;
  if (fault == SD_FAULT_UNAUTHORIZED && s->denials++ > 0)
    denied = true;
  if (denied || fault == SD_FAULT_STOP) {
    if (s->refreshing)
      sd_source_finish_refresh(s, error);
    sd_source_halt(s, error);
    return;
  }
  uint32_t wait = sd_backoff_next_ms(&s->backoff, sd_fault_wait_ms(fault, &s->settings.timing));
  uv_update_time(s->settings.loop);
  uv_timer_start(&s->timer, on_timer, wait, 0);
  if (s->refreshing)
    sd_source_finish_refresh(s, error);
  sd_source_tell(s, SD_SOURCE_ALL_PARTITIONS, SD_TROUBLE_RETRYING, error);
}

static void on_over(void *owner, const sd_error *error, bool denied)
{
  sd_eventhubs_source *s = owner;
  sd_error closed;
  s->connection = NULL;
  s->reauthorizing = false;
  s->attention = false;
  s->verify = false; /* the next connection asks anyway */
  s->verifying = false;
  for (uint32_t i = 0; i < s->count; i++)
    sd_receiver_lost(&s->receivers[i]);
  if (s->stopping) {
    finish_stop(s);
    return;
  }
  if (s->halted)
    return;
  if (!error) {
    sd_error_set(&closed, SD_CLOSED, "the connection to %s is closed", s->settings.host);
    error = &closed;
  }
  connection_lost(s, error, denied);
}

static const sd_hub_handler hub_handler = {.on_ready = on_ready,
                                           .on_turn = on_turn,
                                           .on_tick = on_tick,
                                           .on_authorized = on_authorized,
                                           .on_session = on_session,
                                           .on_over = on_over};

static void connect_source(sd_eventhubs_source *s)
{
  sd_error error;
  s->asked_state = !s->known || s->refreshing;
  if (sd_hub_connection_new(&s->settings, s->asked_state, &hub_handler, s, &s->connection, &error) != SD_OK)
    connection_lost(s, &error, false);
}

/* ---- the interface ---- */

static void init_timer(sd_eventhubs_source *s)
{
  uv_timer_init(s->settings.loop, &s->timer);
  s->timer.data = s;
}

static sd_status source_start(sd_source *base, sd_error *error)
{
  sd_eventhubs_source *s = source_of(base);
  sd_buf token;
  uint64_t lifetime_ms;
  if (s->started || s->stopping)
    return sd_error_set(error, SD_STATE, "the source was started before");
  /* A ready token that has expired is told at once. */
  sd_buf_init(&token, SD_EVENTHUBS_TOKEN_MAX);
  sd_status status = sd_hub_token(&s->settings, &token, &lifetime_ms, error);
  sd_buf_release(&token);
  if (status != SD_OK)
    return status;
  if (s->settings.token)
    sd_log_warning(s->settings.log, "eventhubs",
                   "the SharedAccessSignature for hub \"%s\" is good for %llu minutes and cannot be renewed",
                   s->settings.hub, (unsigned long long)(lifetime_ms / 60000));
  init_timer(s);
  s->started = true;
  /* From the loop, so that no callback comes from inside. */
  uv_timer_start(&s->timer, on_timer, 0, 0);
  return SD_OK;
}

static void flush(sd_eventhubs_source *s)
{
  if (s->connection)
    sd_hub_connection_flush(s->connection);
}

static void source_open_partition(sd_source *base, uint32_t partition, const sd_position *position,
                                  int64_t epoch)
{
  sd_eventhubs_source *s = source_of(base);
  if (!sd_source_is_active(s) || partition >= s->count)
    return;
  sd_receiver_open(&s->receivers[partition], position, epoch);
  flush(s);
}

static void source_close_partition(sd_source *base, uint32_t partition)
{
  sd_eventhubs_source *s = source_of(base);
  if (!sd_source_is_active(s) || partition >= s->count)
    return;
  sd_receiver_close(&s->receivers[partition]);
  s->attention = true;
  flush(s);
}

static void source_grant(sd_source *base, size_t free_bytes)
{
  sd_eventhubs_source *s = source_of(base);
  sd_credit_grant(&s->credit, free_bytes);
  if (!sd_source_is_active(s))
    return;
  update_window(s);
  sd_source_rebalance(s);
  for (uint32_t i = 0; free_bytes > 0 && i < s->count; i++) {
    sd_receiver *r = &s->receivers[i];
    if (r->paused && (r->state == SD_RECEIVER_WAITING || r->state == SD_RECEIVER_DETACHING))
      sd_receiver_restart(r, 0); /* attached by the next tick, not inside a callback of the owner */
  }
  flush(s);
}

static bool source_refresh(sd_source *base)
{
  sd_eventhubs_source *s = source_of(base);
  if (!sd_source_is_active(s) || !s->known || s->refreshing)
    return false;
  s->refreshing = true;
  /* While away the next connection asks. */
  if (s->connection && sd_hub_connection_usable(s->connection)) {
    s->refresh_waits = true;
    sd_source_ask_refresh(s);
  }
  flush(s);
  return true;
}

static void source_stop(sd_source *base)
{
  sd_eventhubs_source *s = source_of(base);
  if (s->stopping)
    return;
  s->stopping = true;
  if (!s->started)
    init_timer(s);
  uv_timer_stop(&s->timer);
  if (!s->connection) {
    finish_stop(s);
    return;
  }
  sd_hub_connection_settle(s->connection);
  for (uint32_t i = 0; i < s->count; i++)
    sd_receiver_close(&s->receivers[i]);
  sd_hub_connection_close(s->connection);
  flush(s);
}

static void source_abort(sd_source *base)
{
  sd_eventhubs_source *s = source_of(base);
  if (s->stopped)
    return;
  if (!s->stopping && !s->started)
    init_timer(s);
  s->stopping = true;
  if (s->connection)
    sd_hub_connection_abort(s->connection);
  else
    finish_stop(s);
}

static void source_free(sd_source *base)
{
  sd_eventhubs_source *s = source_of(base);
  for (uint32_t i = 0; i < s->count; i++)
    sd_receiver_release(&s->receivers[i]);
  sd_free(s->receivers);
  sd_free(s->partitions);
  sd_event_decoder_release(&s->decoder);
  sd_hub_settings_release(&s->settings);
  sd_free(s);
}

static const sd_source_vtable vtable = {.struct_size = sizeof vtable,
                                        .start = source_start,
                                        .open_partition = source_open_partition,
                                        .close_partition = source_close_partition,
                                        .grant = source_grant,
                                        .refresh = source_refresh,
                                        .stop = source_stop,
                                        .abort = source_abort,
                                        .free = source_free};

sd_status sd_eventhubs_source_new(uv_loop_t *loop, const sd_eventhubs_options *options,
                                  const sd_source_handler *handler, void *owner, sd_log *log,
                                  sd_source **ret_source, sd_error *error)
{
  sd_eventhubs_source *s = sd_calloc(1, sizeof *s);
  if (!s)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  sd_status status = sd_hub_settings_init(&s->settings, loop, options, true, log, error);
  if (status != SD_OK) {
    sd_free(s);
    return status;
  }
  s->base.vtable = &vtable;
  memcpy(&s->handler, handler,
         handler->struct_size < sizeof s->handler ? handler->struct_size : sizeof s->handler);
  s->owner = owner;
  sd_credit_init(&s->credit);
  sd_event_decoder_init(&s->decoder);
  sd_backoff_init(&s->backoff, s->settings.timing.backoff_base_ms, s->settings.timing.backoff_cap_ms);
  *ret_source = &s->base;
  return SD_OK;
}

void sd_eventhubs_source_set_timing(sd_source *base, const sd_eventhubs_timing *timing)
{
  sd_eventhubs_source *s = source_of(base);
  s->settings.timing = *timing;
  sd_backoff_init(&s->backoff, timing->backoff_base_ms, timing->backoff_cap_ms);
}
