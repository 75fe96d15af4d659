/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One partition's receiving link: position, attach, deliveries, credit. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "eventhubs/source_internal.h"

#include <inttypes.h>
#include <stdio.h>

enum { SELECTOR_MAX = 1024, ADDRESS_MAX = 1024, ATTACH_EXTRA_MAX = 2048 };

#define FILTER_NAME "apache.org:selector-filter:string"

static sd_receiver *receiver_of(sd_hub_link *link)
{
  return (sd_receiver *)link;
}

/* ---- position ---- */

static sd_status put_quoted(sd_buf *out, const char *annotation, const char *value)
{
  sd_buf_appendf(out, "amqp.annotation.%s > '", annotation);
  for (const char *p = value; *p; p++) {
    if (*p == '\'') /* as in SQL */
      sd_buf_append_byte(out, '\'');
    sd_buf_append_byte(out, (uint8_t)*p);
  }
  return sd_buf_append_byte(out, '\'');
}

static sd_status put_number(sd_buf *out, const char *annotation, int64_t value)
{
  return sd_buf_appendf(out, "amqp.annotation.%s > '%" PRId64 "'", annotation, value);
}

sd_status sd_receiver_selector(const sd_receiver *r, sd_buf *out)
{
  const sd_position *from = &r->position;
  if (r->delivered && r->last_offset[0] != '\0')
    put_quoted(out, "x-opt-offset", r->last_offset);
  else if (r->delivered)
    put_number(out, "x-opt-sequence-number", r->last_sequence);
  else if (from->kind == SD_POSITION_LATEST && r->has_latest)
    put_number(out, "x-opt-sequence-number", r->latest_sequence);
  else if (from->kind == SD_POSITION_LATEST)
    put_quoted(out, "x-opt-offset", "@latest");
  else if (from->kind == SD_POSITION_TIME)
    put_number(out, "x-opt-enqueued-time", from->unix_us / 1000);
  else if (from->kind == SD_POSITION_OFFSET)
    put_quoted(out, "x-opt-offset", from->offset);
  else if (from->kind == SD_POSITION_SEQUENCE)
    put_number(out, "x-opt-sequence-number", from->sequence);
  else
    put_quoted(out, "x-opt-offset", "-1");
  return sd_buf_status(out);
}

/* ---- attach ---- */

/* filter, properties and capabilities, one behind the other in buf; *ret_… view them. */
static sd_status encode_extras(const sd_receiver *r, const char *selector, sd_buf *buf,
                               sd_amqp_attach *attach)
{
  const sd_hub_settings *settings = &r->source->settings;
  const sd_bytes capability = sd_bytes_of("com.microsoft:georeplication");
  size_t mark = sd_amqp_begin_map(buf);
  sd_amqp_put_symbol(buf, sd_bytes_of(FILTER_NAME));
  sd_buf_append_byte(buf, 0x00); /* a described value, by symbol */
  sd_amqp_put_symbol(buf, sd_bytes_of(FILTER_NAME));
  sd_amqp_put_string(buf, sd_bytes_of(selector));
  sd_amqp_end_map(buf, mark, 2);
  size_t filter_end = buf->len;

  uint32_t pairs = 1;
  mark = sd_amqp_begin_map(buf);
  sd_amqp_put_symbol(buf, sd_bytes_of("com.microsoft:epoch"));
  sd_amqp_put_long(buf, r->epoch);
  if (settings->receiver_name[0] != '\0') {
    sd_amqp_put_symbol(buf, sd_bytes_of("com.microsoft:receiver-name"));
    sd_amqp_put_string(buf, sd_bytes_of(settings->receiver_name));
    pairs++;
  }
  sd_amqp_end_map(buf, mark, 2 * pairs);
  size_t properties_end = buf->len;

  sd_amqp_put_symbol_array(buf, &capability, 1);
  sd_status status = sd_buf_status(buf);
  if (status == SD_OK) {
    attach->source.filter_raw = sd_bytes_make(buf->data, filter_end);
    attach->properties_raw = sd_bytes_make(buf->data + filter_end, properties_end - filter_end);
    attach->desired_capabilities_raw = sd_bytes_make(buf->data + properties_end, buf->len - properties_end);
  }
  return status;
}

static sd_status attach(sd_receiver *r)
{
  sd_eventhubs_source *s = r->source;
  sd_amqp_attach local;
  sd_buf selector;
  sd_buf extras;
  char address[ADDRESS_MAX];
  char uuid[SD_UUID_TEXT_SIZE];
  char name[SD_BATCH_PARTITION_ID_MAX + SD_UUID_TEXT_SIZE + 1];
  sd_buf_init(&selector, SELECTOR_MAX);
  sd_buf_init(&extras, ATTACH_EXTRA_MAX);
  memset(&local, 0, sizeof local);
  snprintf(address, sizeof address, "%s/ConsumerGroups/%s/Partitions/%s", s->settings.hub,
           s->settings.consumer_group, r->id);
  snprintf(name, sizeof name, "%s-%s", r->id, sd_random_uuid(uuid));
  local.name = sd_bytes_of(name);
  local.role = SD_AMQP_RECEIVER;
  local.snd_settle_mode = SD_AMQP_SND_MIXED; /* as the service likes it */
  local.source.present = true;
  local.source.address = sd_bytes_of(address);
  local.target.present = true;
  local.target.address = sd_bytes_of(s->settings.receiver_name[0] != '\0' ? s->settings.receiver_name : uuid);
  sd_status status = sd_receiver_selector(r, &selector);
  if (status == SD_OK)
    status = encode_extras(r, sd_buf_text(&selector), &extras, &local);
  if (status == SD_OK)
    status = sd_hub_connection_attach(s->connection, false, &local, &r->link);
  sd_buf_release(&selector);
  sd_buf_release(&extras);
  return status;
}

static void wait_until(sd_receiver *r, uint64_t due_ms)
{
  r->state = SD_RECEIVER_WAITING;
  r->due_ms = due_ms;
  if (r->source->connection)
    sd_hub_connection_wake_at(r->source->connection, due_ms);
}

void sd_receiver_attach_if_due(sd_receiver *r, uint64_t now_ms)
{
  sd_eventhubs_source *s = r->source;
  if (r->state != SD_RECEIVER_WAITING || r->detached || r->link.amqp || now_ms < r->due_ms || s->verify ||
      s->stopping || s->halted || !s->connection || !sd_hub_connection_usable(s->connection))
    return;
  if (r->paused && s->credit.free_bytes == 0) {
    wait_until(r, now_ms + s->settings.timing.pause_ms);
    return;
  }
  sd_status status = attach(r);
  if (status == SD_AGAIN)
    return; /* when there is a session with room */
  if (status != SD_OK) {
    sd_error error;
    sd_error_set(&error, status, "partition %s of hub \"%s\" could not be attached: %s", r->id,
                 s->settings.hub,
                 status == SD_LIMIT ? "the broker allows no more links" : sd_status_text(status));
    error.retriable = 1;
    wait_until(r, now_ms + sd_backoff_next_ms(&r->backoff, 1));
    sd_source_tell(s, r->index, SD_TROUBLE_RETRYING, &error);
    return;
  }
  r->paused = false;
  r->state = SD_RECEIVER_ATTACHING;
  r->token_round = s->token_round;
  r->deadline_ms = now_ms + s->settings.timing.step_timeout_ms;
  sd_hub_connection_wake_at(s->connection, r->deadline_ms);
}

static void drop_credit(sd_receiver *r)
{
  sd_credit_changed(&r->source->credit, r->credit, 0);
  r->credit = 0;
}

static void on_attach(sd_hub_link *link, const sd_amqp_attach *remote)
{
  sd_receiver *r = receiver_of(link);
  if (!remote->source.present || r->state != SD_RECEIVER_ATTACHING)
    return; /* refused: the detach with the reason follows */
  r->state = SD_RECEIVER_RECEIVING;
  r->attached_ms = sd_clock_monotonic_ms();
  r->has_latest = true;
  r->events = 0;
  r->watched = false;
  r->silent = 0;
  sd_receiver_adjust(r, false);
  sd_source_on_attached(r->source, r);
}

static void set_error(sd_receiver *r, const sd_error *error)
{
  sd_free(r->error);
  r->error = error ? sd_alloc(sizeof *r->error) : NULL;
  if (r->error)
    *r->error = *error;
}

static void on_detach(sd_hub_link *link, const sd_error *error)
{
  sd_receiver *r = receiver_of(link);
  drop_credit(r);
  /* A hub that is deleted ends its links in the same way, and one created anew would take an old position. */
  if (r->state == SD_RECEIVER_RECEIVING)
    r->source->verify = true;
  r->detached = true;
  r->source->attention = true;
  /* The answer to our own detach has none, and the reason why we detached is kept. */
  if (error || r->state != SD_RECEIVER_DETACHING)
    set_error(r, error);
}

static void detach(sd_receiver *r)
{
  drop_credit(r);
  if (r->link.amqp && r->state != SD_RECEIVER_DETACHING) {
    r->state = SD_RECEIVER_DETACHING;
    r->deadline_ms = sd_clock_monotonic_ms() + r->source->settings.timing.step_timeout_ms;
    sd_hub_connection_wake_at(r->link.connection, r->deadline_ms);
    sd_hub_link_detach(&r->link);
  }
}

void sd_receiver_restart(sd_receiver *r, uint64_t due_ms)
{
  r->due_ms = due_ms;
  detach(r);
  if (!r->link.amqp && !r->detached)
    wait_until(r, due_ms);
}

/* ---- deliveries ---- */

void sd_receiver_adjust(sd_receiver *r, bool rebalance)
{
  sd_credit *credit = &r->source->credit;
  if (r->state != SD_RECEIVER_RECEIVING || !r->link.amqp)
    return;
  uint32_t wanted = sd_credit_for_link(credit, r->credit, rebalance);
  r->low_mark = wanted / 2;
  if (wanted == r->credit)
    return;
  sd_credit_changed(credit, r->credit, wanted);
  r->credit = wanted;
  sd_amqp_link_set_credit(r->link.amqp, wanted);
}

static void pause_receiver(sd_receiver *r)
{
  r->paused = true;
  sd_receiver_restart(r, sd_clock_monotonic_ms() + r->source->settings.timing.pause_ms);
}

/* Nothing says where in the partition this delivery stands, so it can neither be landed nor stepped over. */
static void refuse_malformed(sd_receiver *r)
{
  sd_error error;
  bool last = ++r->malformed >= SD_RECEIVER_MALFORMED_MAX;
  sd_error_set(&error, SD_PROTOCOL,
               "partition %s of hub \"%s\": an event without a readable sequence number arrived behind "
               "sequence number %" PRId64 "%s",
               r->id, r->source->settings.hub, r->delivered ? r->last_sequence : -1,
               last ? "; start behind it by hand" : "");
  error.fatal = last;
  error.retriable = !last;
  detach(r);
  set_error(r, &error);
}

static void record(sd_receiver *r, const sd_event *event)
{
  sd_eventhubs_source *s = r->source;
  r->delivered = true;
  r->last_sequence = event->sequence_number;
  if (event->offset.len > 0)
    memcpy(r->last_offset, event->offset.data, event->offset.len);
  r->last_offset[event->offset.len] = '\0';
  r->events++;
  r->malformed = 0;
  s->turn_events++;
  s->denials = 0;
}

static void on_delivery(sd_hub_link *link, const sd_amqp_delivery *delivery)
{
  sd_receiver *r = receiver_of(link);
  sd_eventhubs_source *s = r->source;
  sd_event event;
  if (!delivery->settled)
    sd_hub_link_note_unsettled(link, delivery->delivery_id);
  if (r->credit > 0) {
    sd_credit_changed(&s->credit, r->credit, r->credit - 1);
    r->credit--;
  }
  if (r->state != SD_RECEIVER_RECEIVING || s->stopping || s->halted)
    return;
  sd_status status = sd_event_decode(&s->decoder, delivery->payload, &event);
  if (status == SD_PROTOCOL) {
    refuse_malformed(r);
    return;
  }
  if (status == SD_OK && event.sequence_number > r->last_sequence) {
    size_t texts = event.body.len + event.offset.len + event.properties.len + event.system_properties.len;
    uint32_t opened = r->opened;
    status = s->handler.on_event(s->owner, r->index, &event);
    if (status == SD_OK)
      sd_credit_arrived(&s->credit, texts + SD_RECEIVER_ROW_COST);
    if (status == SD_OK && opened == r->opened)
      record(r, &event);
  }
  if (status != SD_OK) {
    /* No room, or no memory: it is read again later. */
    if (r->state == SD_RECEIVER_RECEIVING)
      pause_receiver(r);
    return;
  }
  if (r->credit <= r->low_mark)
    sd_receiver_adjust(r, false);
}

/* A link that is attached and has credit, but delivers nothing although the broker has more: the classic
 * silent stop. */
void sd_receiver_watch(sd_receiver *r, const sd_source_partition *state)
{
  sd_eventhubs_source *s = r->source;
  bool may_send = r->credit > 0 && s->credit.free_bytes >= s->settings.max_frame_size;
  if (r->state != SD_RECEIVER_RECEIVING || !may_send || state->empty) {
    r->watched = false;
    r->silent = 0;
    return;
  }
  bool behind = r->last_sequence != INT64_MIN ? state->last_sequence > r->last_sequence
                                              : r->watched && state->last_sequence > r->watched_last;
  bool quiet = r->watched && r->events == r->watched_events;
  r->silent = behind && quiet ? r->silent + 1 : 0;
  if (!r->watched || !(behind && quiet))
    r->watched_last = state->last_sequence;
  r->watched = true;
  r->watched_events = r->events;
  if (r->silent < SD_RECEIVER_SILENT_MAX)
    return;
  sd_log_warning(
      s->settings.log, "eventhubs",
      "partition %s of hub \"%s\" has been silent, but the broker holds events up to sequence number "
      "%" PRId64 ": attaching again",
      r->id, s->settings.hub, state->last_sequence);
  r->watched = false;
  r->silent = 0;
  sd_receiver_restart(r, sd_clock_monotonic_ms());
}

/* ---- life ---- */

void sd_receiver_init(sd_receiver *r, sd_eventhubs_source *source, uint32_t index, const char *id)
{
  memset(r, 0, sizeof *r);
  r->source = source;
  r->index = index;
  snprintf(r->id, sizeof r->id, "%s", id);
  r->link.on_attach = on_attach;
  r->link.on_detach = on_detach;
  r->link.on_delivery = on_delivery;
  sd_backoff_init(&r->backoff, source->settings.timing.backoff_base_ms,
                  source->settings.timing.backoff_cap_ms);
}

void sd_receiver_release(sd_receiver *r)
{
  sd_free(r->error);
  r->error = NULL;
}

void sd_receiver_open(sd_receiver *r, const sd_position *position, int64_t epoch)
{
  sd_eventhubs_source *s = r->source;
  const sd_source_partition *state = &s->partitions[r->index];
  if (!r->wanted)
    s->credit.partitions++;
  r->wanted = true;
  r->paused = false;
  r->position = *position;
  snprintf(r->position_offset, sizeof r->position_offset, "%s", position->offset ? position->offset : "");
  r->position.offset = r->position_offset;
  r->epoch = epoch;
  set_error(r, NULL);
  r->opened++;
  r->delivered = false;
  r->last_sequence = position->kind == SD_POSITION_SEQUENCE ? position->sequence : INT64_MIN;
  r->malformed = 0;
  r->has_latest = false;
  r->latest_sequence = state->last_sequence;
  sd_backoff_reset(&r->backoff);
  sd_receiver_restart(r, 0);
  sd_receiver_attach_if_due(r, sd_clock_monotonic_ms());
}

void sd_receiver_close(sd_receiver *r)
{
  if (r->wanted)
    r->source->credit.partitions--;
  r->wanted = false;
  detach(r);
  if (!r->link.amqp)
    r->state = SD_RECEIVER_CLOSED;
}

void sd_receiver_lost(sd_receiver *r)
{
  drop_credit(r);
  set_error(r, NULL);
  r->detached = false;
  r->state = r->wanted ? SD_RECEIVER_WAITING : SD_RECEIVER_CLOSED;
  r->due_ms = 0;
}
