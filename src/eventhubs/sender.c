/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The batch sender: links per target, batches under way, their verdicts. */
#include "eventhubs/sender.h"

#include "amqp/message.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "eventhubs/batch_encode.h"
#include "eventhubs/connection.h"
#include "eventhubs/fault.h"

#include <stdio.h>

enum { ADDRESS_MAX = SD_EVENTHUBS_NAME_MAX + 64 };

typedef enum lane_state { LANE_NEW = 0, LANE_ATTACHING, LANE_OPEN } lane_state;

/* The link to one target: the hub itself or a partition. */
typedef struct lane {
  sd_hub_link link; /* first: callbacks find the lane by it */
  sd_eventhubs_sender *sender;
  const char *partition_id; /* NULL: the hub */
  lane_state state;
  uint64_t deadline_ms; /* of attaching */
  size_t message_max;
} lane;

/* A batch under way. */
typedef struct flight {
  bool used;
  const sd_hub_session *session; /* in which delivery_id counts */
  uint32_t delivery_id;
  uint32_t events;
  void *user;
  uint64_t deadline_ms;
} flight;

struct sd_eventhubs_sender {
  sd_hub_settings settings;
  sd_sender_handler handler;
  void *owner;
  sd_hub_connection *connection;
  uv_timer_t closer; /* makes on_closed come from the loop when there was no connection */
  bool started;
  bool stopping;
  bool ready;
  bool wants_room; /* send answered SD_AGAIN */
  bool has_room;   /* something changed since */
  sd_source_partition *partitions;
  uint32_t count;
  lane *lanes; /* count + 1: the hub, then the partitions */
  flight flights[SD_SENDER_UNSETTLED_MAX];
  uint32_t in_flight;
  uint32_t next_tag;
  sd_buf message;
};

static sd_status again(sd_eventhubs_sender *s, sd_error *error, const char *why)
{
  s->wants_room = true;
  s->has_room = false;
  return sd_error_set(error, SD_AGAIN, "%s", why);
}

/* ---- lanes ---- */

static void lane_failed(sd_eventhubs_sender *s, const sd_error *error)
{
  const sd_fault_names names = {s->settings.host, s->settings.hub, NULL};
  sd_error told;
  if (error)
    told = *error;
  else
    sd_error_set(&told, SD_CLOSED, "the broker ended a link to hub \"%s\"", s->settings.hub);
  sd_fault fault = sd_fault_of(&told);
  if (fault == SD_FAULT_STOP || fault == SD_FAULT_UNAUTHORIZED)
    sd_fault_advise(&told, &names);
  else
    told.retriable = 1;
  sd_hub_connection_fail(s->connection, &told);
}

static void on_attach(sd_hub_link *link, const sd_amqp_attach *remote)
{
  lane *l = (lane *)link;
  if (!remote->target.present)
    return; /* refused: the detach with the reason follows */
  l->state = LANE_OPEN;
  l->message_max = SD_SENDER_BATCH_BYTES_MAX;
  if (remote->max_message_size > 0 && remote->max_message_size < l->message_max)
    l->message_max = (size_t)remote->max_message_size;
  l->sender->has_room = true;
}

static void on_detach(sd_hub_link *link, const sd_error *error)
{
  lane *l = (lane *)link;
  l->state = LANE_NEW;
  if (!l->sender->stopping)
    lane_failed(l->sender, error);
}

static void on_flow(sd_hub_link *link)
{
  lane *l = (lane *)link;
  l->sender->has_room = true;
}

static sd_status attach_lane(lane *l)
{
  sd_eventhubs_sender *s = l->sender;
  char address[ADDRESS_MAX];
  char uuid[SD_UUID_TEXT_SIZE];
  sd_amqp_attach local;
  if (l->partition_id)
    snprintf(address, sizeof address, "%s/Partitions/%s", s->settings.hub, l->partition_id);
  else
    snprintf(address, sizeof address, "%s", s->settings.hub);
  memset(&local, 0, sizeof local);
  sd_random_uuid(uuid);
  local.name = sd_bytes_of(uuid);
  local.role = SD_AMQP_SENDER;
  local.snd_settle_mode = SD_AMQP_SND_UNSETTLED;
  local.source.present = true;
  local.source.address = sd_bytes_of(uuid);
  local.target.present = true;
  local.target.address = sd_bytes_of(address);
  local.max_message_size = SD_SENDER_BATCH_BYTES_MAX;
  sd_status status = sd_hub_connection_attach(s->connection, false, &local, &l->link);
  if (status != SD_OK)
    return status;
  l->state = LANE_ATTACHING;
  l->deadline_ms = sd_clock_monotonic_ms() + s->settings.timing.step_timeout_ms;
  sd_hub_connection_wake_at(s->connection, l->deadline_ms);
  return SD_OK;
}

static lane *find_lane(sd_eventhubs_sender *s, const char *partition_id)
{
  if (!partition_id)
    return &s->lanes[0];
  for (uint32_t i = 0; i < s->count; i++) {
    if (strcmp(s->partitions[i].id, partition_id) == 0)
      return &s->lanes[i + 1];
  }
  return NULL;
}

/* ---- verdicts ---- */

static void verdict_error(const sd_eventhubs_sender *s, const sd_amqp_disposition *disposition,
                          sd_error *error)
{
  if (disposition->state.code == SD_AMQP_CODE_REJECTED && disposition->state.error.present) {
    sd_amqp_error_to_sd(&disposition->state.error, error);
    sd_fault fault = sd_fault_of(error);
    error->retriable = fault != SD_FAULT_STOP && fault != SD_FAULT_UNAUTHORIZED;
    return;
  }
  sd_error_set(error, SD_REMOTE, "the broker did not take a batch for hub \"%s\" (outcome 0x%x)",
               s->settings.hub, (unsigned)disposition->state.code);
  error->source = SD_SOURCE_AMQP;
  error->retriable = disposition->state.code != SD_AMQP_CODE_REJECTED;
}

static void on_session(void *owner)
{
  sd_eventhubs_sender *s = owner;
  s->has_room = true;
}

static void on_disposition(void *owner, const sd_hub_session *session, const sd_amqp_disposition *disposition)
{
  sd_eventhubs_sender *s = owner;
  uint8_t code = disposition->state.code;
  bool outcome = code >= SD_AMQP_CODE_ACCEPTED && code <= SD_AMQP_CODE_MODIFIED;
  if (disposition->role != SD_AMQP_RECEIVER || !(outcome || disposition->settled))
    return;
  for (uint32_t i = 0; i < SD_SENDER_UNSETTLED_MAX; i++) {
    flight *f = &s->flights[i];
    /* Ids are serial numbers: they wrap around. */
    if (!f->used || f->session != session ||
        f->delivery_id - disposition->first > disposition->last - disposition->first)
      continue;
    sd_error error;
    f->used = false;
    s->in_flight--;
    s->has_room = true;
    if (code != SD_AMQP_CODE_ACCEPTED)
      verdict_error(s, disposition, &error);
    if (!s->stopping && s->handler.on_settled)
      s->handler.on_settled(s->owner, f->user, f->events, code == SD_AMQP_CODE_ACCEPTED ? NULL : &error);
  }
}

/* ---- connection ---- */

static sd_status take_hub(sd_eventhubs_sender *s, const sd_hub_info *info)
{
  sd_source_partition *partitions = sd_calloc(info->count, sizeof *partitions);
  lane *lanes = sd_calloc((size_t)info->count + 1, sizeof *lanes);
  if (!partitions || !lanes) {
    sd_free(partitions);
    sd_free(lanes);
    return SD_NOMEM;
  }
  memcpy(partitions, info->partitions, info->count * sizeof *partitions);
  for (uint32_t i = 0; i <= info->count; i++) {
    lanes[i].sender = s;
    lanes[i].partition_id = i > 0 ? partitions[i - 1].id : NULL;
    lanes[i].link.on_attach = on_attach;
    lanes[i].link.on_detach = on_detach;
    lanes[i].link.on_flow = on_flow;
  }
  s->partitions = partitions;
  s->lanes = lanes;
  s->count = info->count;
  return SD_OK;
}

static void on_ready(void *owner, const sd_hub_info *info)
{
  sd_eventhubs_sender *s = owner;
  if (s->stopping)
    return;
  if (take_hub(s, info) != SD_OK) {
    sd_error error;
    sd_error_set(&error, SD_NOMEM, "out of memory for %u partitions", info->count);
    sd_hub_connection_fail(s->connection, &error);
    return;
  }
  s->ready = true;
  if (s->handler.on_ready)
    s->handler.on_ready(s->owner, s->partitions, s->count);
}

static void on_turn(void *owner)
{
  sd_eventhubs_sender *s = owner;
  if (!s->wants_room || !s->has_room || s->stopping)
    return;
  s->wants_room = false;
  if (s->handler.on_room)
    s->handler.on_room(s->owner);
}

static uint64_t on_tick(void *owner, uint64_t now)
{
  sd_eventhubs_sender *s = owner;
  uint64_t next = UINT64_MAX;
  for (uint32_t i = 0; i <= s->count; i++) {
    if (s->lanes[i].state == LANE_ATTACHING && s->lanes[i].deadline_ms < next)
      next = s->lanes[i].deadline_ms;
  }
  for (uint32_t i = 0; i < SD_SENDER_UNSETTLED_MAX; i++) {
    if (s->flights[i].used && s->flights[i].deadline_ms < next)
      next = s->flights[i].deadline_ms;
  }
  if (now < next)
    return next;
  sd_error error;
  sd_error_set(&error, SD_TIMEOUT, "the broker did not answer about a link or a batch for hub \"%s\" in time",
               s->settings.hub);
  error.retriable = 1;
  sd_hub_connection_fail(s->connection, &error);
  return UINT64_MAX;
}

static void on_authorized(void *owner)
{
  (void)owner; /* links live on */
}

static void on_over(void *owner, const sd_error *error, bool denied)
{
  sd_eventhubs_sender *s = owner;
  const sd_fault_names names = {s->settings.host, s->settings.hub, NULL};
  sd_error told;
  s->connection = NULL;
  s->ready = false;
  if (s->stopping)
    error = NULL;
  if (error) {
    told = *error;
    /* What a lane reported has its advice already. */
    if (denied || (sd_fault_of(error) == SD_FAULT_STOP && s->count == 0))
      sd_fault_advise(&told, &names);
    error = &told;
  }
  s->stopping = true;
  if (s->handler.on_closed)
    s->handler.on_closed(s->owner, error);
}

static const sd_hub_handler hub_handler = {.on_ready = on_ready,
                                           .on_turn = on_turn,
                                           .on_tick = on_tick,
                                           .on_authorized = on_authorized,
                                           .on_session = on_session,
                                           .on_disposition = on_disposition,
                                           .on_over = on_over};

/* ---- the interface ---- */

sd_status sd_eventhubs_sender_new(uv_loop_t *loop, const sd_eventhubs_options *options,
                                  const sd_sender_handler *handler, void *owner, sd_log *log,
                                  sd_eventhubs_sender **ret_sender, sd_error *error)
{
  sd_eventhubs_sender *s = sd_calloc(1, sizeof *s);
  if (!s)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  sd_status status = sd_hub_settings_init(&s->settings, loop, options, false, log, error);
  if (status != SD_OK) {
    sd_free(s);
    return status;
  }
  memcpy(&s->handler, handler,
         handler->struct_size < sizeof s->handler ? handler->struct_size : sizeof s->handler);
  s->owner = owner;
  sd_buf_init(&s->message, SD_SENDER_BATCH_BYTES_MAX);
  *ret_sender = s;
  return SD_OK;
}

sd_status sd_eventhubs_sender_start(sd_eventhubs_sender *s, sd_error *error)
{
  if (s->started || s->stopping)
    return sd_error_set(error, SD_STATE, "the sender was started before");
  sd_status status = sd_hub_connection_new(&s->settings, true, &hub_handler, s, &s->connection, error);
  if (status == SD_OK)
    s->started = true;
  return status;
}

sd_status sd_eventhubs_sender_send(sd_eventhubs_sender *s, const char *partition_id,
                                   const sd_sender_event *events, uint32_t count, void *user, sd_error *error)
{
  if (!s->ready || s->stopping)
    return sd_error_set(error, SD_STATE, "the sender for hub \"%s\" is not connected", s->settings.hub);
  if (count == 0)
    return sd_error_set(error, SD_INVALID, "a batch needs an event");
  lane *l = find_lane(s, partition_id);
  if (!l)
    return sd_error_set(error, SD_NOT_FOUND, "hub \"%s\" has no partition \"%s\"", s->settings.hub,
                        partition_id);
  sd_amqp_send_options options = {.struct_size = sizeof options,
                                  .tag = sd_bytes_make(&s->next_tag, sizeof s->next_tag),
                                  .message_format = SD_AMQP_FORMAT_BATCH};
  if (l->state == LANE_NEW) {
    sd_status attached = attach_lane(l);
    if (attached == SD_AGAIN) {
      sd_hub_connection_flush(s->connection);
      return again(s, error, "a session for the link is being begun");
    }
    if (attached != SD_OK)
      return sd_error_set(error, attached, "no link to hub \"%s\": %s", s->settings.hub,
                          sd_status_text(attached));
    sd_hub_connection_flush(s->connection);
  }
  if (l->state != LANE_OPEN)
    return again(s, error, "the link is being attached");
  if (s->in_flight == SD_SENDER_UNSETTLED_MAX)
    return again(s, error, "too many batches wait for the broker's verdict");
  /* Asking the engine makes it call back when there is room; the encoding is saved. */
  if (!sd_amqp_sendable(l->link.amqp) && sd_amqp_send(l->link.amqp, &options, NULL, 0, NULL) == SD_AGAIN)
    return again(s, error, "the broker gives no credit, or the network is slow");

  sd_buf_clear(&s->message);
  sd_status status = sd_eventhubs_encode_batch(&s->message, events, count);
  if (status == SD_LIMIT || s->message.len > l->message_max)
    return sd_error_set(error, SD_LIMIT, "a batch of %u events is larger than %zu bytes", count,
                        l->message_max);
  if (status != SD_OK)
    return sd_error_set(error, status, "a batch could not be encoded: %s", sd_status_text(status));
  flight *f = s->flights;
  while (f->used)
    f++;
  sd_bytes message = sd_buf_bytes(&s->message);
  status = sd_amqp_send(l->link.amqp, &options, &message, 1, &f->delivery_id);
  if (status != SD_OK)
    return sd_error_set(error, status, "a batch could not be sent: %s", sd_status_text(status));
  f->used = true;
  f->session = l->link.session;
  f->events = count;
  f->user = user;
  f->deadline_ms = sd_clock_monotonic_ms() + s->settings.timing.verdict_timeout_ms;
  s->in_flight++;
  s->next_tag++;
  sd_hub_connection_wake_at(s->connection, f->deadline_ms);
  sd_hub_connection_flush(s->connection);
  return SD_OK;
}

static void on_closer_closed(uv_handle_t *handle)
{
  sd_eventhubs_sender *s = handle->data;
  if (s->handler.on_closed)
    s->handler.on_closed(s->owner, NULL);
}

void sd_eventhubs_sender_stop(sd_eventhubs_sender *s)
{
  if (s->stopping)
    return;
  s->stopping = true;
  if (!s->connection) {
    uv_timer_init(s->settings.loop, &s->closer);
    s->closer.data = s;
    uv_close((uv_handle_t *)&s->closer, on_closer_closed);
    return;
  }
  for (uint32_t i = 0; s->lanes && i <= s->count; i++)
    sd_hub_link_detach(&s->lanes[i].link);
  sd_hub_connection_close(s->connection);
  sd_hub_connection_flush(s->connection);
}

void sd_eventhubs_sender_free(sd_eventhubs_sender *s)
{
  if (!s)
    return;
  sd_free(s->lanes);
  sd_free(s->partitions);
  sd_buf_release(&s->message);
  sd_hub_settings_release(&s->settings);
  sd_free(s);
}

void sd_eventhubs_sender_set_timing(sd_eventhubs_sender *s, const sd_eventhubs_timing *timing)
{
  s->settings.timing = *timing;
}
