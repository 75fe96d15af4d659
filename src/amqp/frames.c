/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The input of a connection: cutting it into protocol headers and frames, and handing each to its room-mate.
 */
#include "amqp/engine_internal.h"
#include "base/alloc.h"

enum { FRAME_HEAD = 8 };

static void handle_open(sd_amqp_connection *c, const sd_amqp_value *list)
{
  sd_amqp_open open;
  if (sd_amqp_open_decode(list, &open) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "malformed open");
    return;
  }
  if (c->open_received) {
    amqp_fail(c, SD_PROTOCOL, "amqp:not-allowed", "the connection is open already");
    return;
  }
  if (open.max_frame_size < SD_AMQP_FRAME_SIZE_MIN) {
    amqp_fail(c, SD_PROTOCOL, "amqp:invalid-field", "max-frame-size %u is below %d",
              (unsigned)open.max_frame_size, SD_AMQP_FRAME_SIZE_MIN);
    return;
  }
  c->remote_max_frame = open.max_frame_size;
  c->remote_channel_max = open.channel_max;
  c->remote_idle_ms = open.idle_timeout_ms;
  if (!c->open_sent)
    amqp_send_open(c);
  c->open_received = true;
  if (!c->ended && !c->close_sent && c->handler.on_open)
    c->handler.on_open(c, &open);
}

static void handle_close(sd_amqp_connection *c, const sd_amqp_value *list)
{
  sd_amqp_close close;
  if (sd_amqp_close_decode(list, &close) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "malformed close");
    return;
  }
  if (!c->close_sent)
    sd_amqp_connection_close(c, NULL, NULL);
  if (c->ended)
    return;
  c->ended = true;
  if (close.error.present) {
    c->with_error = true;
    sd_amqp_error_to_sd(&close.error, &c->error);
    c->error.fatal = 1;
  }
}

static void handle_session_frame(sd_amqp_connection *c, uint16_t channel, uint8_t code,
                                 const sd_amqp_value *list, sd_amqp_cursor rest)
{
  sd_amqp_session *s = amqp_slots_get(&c->by_remote_channel, channel);
  if (!s) {
    amqp_fail(c, SD_PROTOCOL, "amqp:not-allowed", "no session has begun on channel %u", channel);
    return;
  }
  if (code == SD_AMQP_CODE_END) {
    amqp_handle_end(s, list);
    return;
  }
  if (s->end_sent)
    return; /* on its way before the peer saw our end */
  switch (code) {
  case SD_AMQP_CODE_TRANSFER:
    amqp_handle_transfer(s, list, sd_bytes_make(rest.at, sd_amqp_cursor_left(&rest)));
    break;
  case SD_AMQP_CODE_FLOW:
    amqp_handle_flow(s, list);
    break;
  case SD_AMQP_CODE_DISPOSITION:
    amqp_handle_disposition(s, list);
    break;
  case SD_AMQP_CODE_ATTACH:
    amqp_handle_attach(s, list);
    break;
  default:
    amqp_handle_detach(s, list);
    break;
  }
}

static void handle_performative(sd_amqp_connection *c, uint16_t channel, sd_amqp_cursor body)
{
  uint8_t code;
  sd_amqp_value list;
  if (sd_amqp_performative_next(&body, &code, &list) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "a frame does not begin with a performative");
    return;
  }
  if (code == SD_AMQP_CODE_CLOSE && (c->open_received || c->close_sent)) {
    handle_close(c, &list);
    return;
  }
  if (c->close_sent)
    return;
  if (!c->open_received && code != SD_AMQP_CODE_OPEN) {
    amqp_fail(c, SD_PROTOCOL, "amqp:not-allowed", "performative 0x%02x before open", code);
    return;
  }
  switch (code) {
  case SD_AMQP_CODE_OPEN:
    handle_open(c, &list);
    break;
  case SD_AMQP_CODE_BEGIN:
    amqp_handle_begin(c, channel, &list);
    break;
  case SD_AMQP_CODE_ATTACH:
  case SD_AMQP_CODE_FLOW:
  case SD_AMQP_CODE_TRANSFER:
  case SD_AMQP_CODE_DISPOSITION:
  case SD_AMQP_CODE_DETACH:
  case SD_AMQP_CODE_END:
    handle_session_frame(c, channel, code, &list, body);
    break;
  default:
    amqp_fail(c, SD_PROTOCOL, "amqp:not-implemented", "unknown performative 0x%02x", code);
    break;
  }
}

/* A whole frame; its size was checked against the maximum. */
void amqp_handle_frame(sd_amqp_connection *c, const uint8_t *frame, size_t size)
{
  size_t offset = (size_t)frame[4] * 4;
  uint8_t type = frame[5];
  bool sasl = c->phase == AMQP_PHASE_SASL;
  if (offset < FRAME_HEAD || offset > size) {
    amqp_fail(c, SD_PROTOCOL, "amqp:connection:framing-error", "data offset %u of a frame of %zu bytes",
              frame[4], size);
    return;
  }
  if (type != (sasl ? 1 : 0)) {
    amqp_fail(c, SD_PROTOCOL, "amqp:connection:framing-error", "unexpected frame type %u", type);
    return;
  }
  sd_amqp_cursor body = {frame + offset, frame + size};
  if (sasl)
    amqp_handle_sasl(c, body);
  else if (body.at != body.end)
    handle_performative(c, wire_get16(frame + 6), body);
  else if (!c->open_received)
    amqp_fail(c, SD_PROTOCOL, "amqp:not-allowed", "an empty frame before open");
}

/* Grows the input buffer; it never shrinks and never passes one frame and the slack. */
static sd_status grow_input(sd_amqp_connection *c, size_t need)
{
  size_t max = (size_t)c->local.max_frame_size + AMQP_INPUT_SLACK;
  size_t cap = c->in_cap * 2 > need ? c->in_cap * 2 : need;
  if (cap > max)
    cap = max;
  if (cap <= c->in_cap)
    return SD_OK;
  uint8_t *in = sd_realloc(c->in, cap);
  if (!in)
    return SD_NOMEM;
  c->in = in;
  c->in_cap = cap;
  return SD_OK;
}

/* Handles what is complete in the buffer; returns how many bytes were used and how large the next piece is.
 */
static size_t handle_input(sd_amqp_connection *c, size_t *ret_need)
{
  size_t at = 0;
  *ret_need = FRAME_HEAD;
  while (!c->ended && at < c->in_len) {
    const uint8_t *p = c->in + at;
    size_t left = c->in_len - at;
    if (c->phase == AMQP_PHASE_HEADER || c->phase == AMQP_PHASE_AMQP_HEADER) {
      size_t used = amqp_handle_header(c, p, left);
      if (used == 0)
        break;
      at += used;
      continue;
    }
    if (left < FRAME_HEAD)
      break;
    size_t size = wire_get32(p);
    if (size < FRAME_HEAD || size > c->local.max_frame_size) {
      amqp_fail(c, SD_PROTOCOL, "amqp:connection:framing-error", "frame size %zu is not between %d and %u",
                size, FRAME_HEAD, (unsigned)c->local.max_frame_size);
      break;
    }
    if (left < size) {
      *ret_need = size;
      break;
    }
    amqp_handle_frame(c, p, size);
    at += size;
  }
  return at;
}

void sd_amqp_input_space(sd_amqp_connection *c, uint8_t **ret_space, size_t *ret_size)
{
  *ret_space = c->in + c->in_len;
  *ret_size = c->in_cap - c->in_len;
}

sd_status sd_amqp_input_commit(sd_amqp_connection *c, size_t n, uint64_t now_ms)
{
  if (c->over)
    return SD_CLOSED;
  if (now_ms > c->now_ms)
    c->now_ms = now_ms;
  if (n > 0)
    c->last_in_ms = c->now_ms;
  amqp_enter(c);
  bool full = n > 0 && n == c->in_cap - c->in_len;
  c->in_len += n;
  size_t need;
  size_t used = handle_input(c, &need);
  if (c->ended) {
    c->in_len = 0;
  } else {
    c->in_len -= used;
    if (used > 0 && c->in_len > 0)
      memmove(c->in, c->in + used, c->in_len);
    /* A frame that does not fit must have room; a reader that fills the buffer is helped by a larger one. */
    if ((need > c->in_cap || full) && grow_input(c, need) != SD_OK && need > c->in_cap)
      amqp_fail(c, SD_NOMEM, "amqp:internal-error", "out of memory for a frame of %zu bytes", need);
  }
  amqp_leave(c);
  return c->over ? SD_CLOSED : SD_OK;
}

sd_status sd_amqp_receive(sd_amqp_connection *c, const void *data, size_t len, uint64_t now_ms)
{
  const uint8_t *at = data;
  while (len > 0) {
    uint8_t *space;
    size_t size;
    sd_amqp_input_space(c, &space, &size);
    size_t n = len < size ? len : size;
    memcpy(space, at, n);
    sd_status status = sd_amqp_input_commit(c, n, now_ms);
    if (status != SD_OK)
      return status;
    at += n;
    len -= n;
  }
  return c->over ? SD_CLOSED : SD_OK;
}
