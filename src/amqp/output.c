/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The output of a connection: bytes are appended at the end and consumed at a head that moves. */
#include "amqp/engine_internal.h"

enum {
  COMPACT_MIN = 4096,          /* consumed bytes that are worth moving the rest */
  DESCRIPTION_MAX = 2048,      /* of an error sent */
  DESCRIPTION_SMALL_MAX = 160, /* where the peer's frames are smaller than … */
  FRAME_SMALL = 1024
};

/* Moves the unsent bytes down once at least as many were consumed: every byte is moved at most once on
 * average. */
static void compact(sd_amqp_connection *c)
{
  if (c->out_head >= COMPACT_MIN && c->out_head >= c->out.len - c->out_head) {
    sd_buf_consume(&c->out, c->out_head);
    c->out_head = 0;
  }
}

uint8_t *amqp_out_reserve(sd_amqp_connection *c, size_t n)
{
  uint8_t *space;
  compact(c);
  if (amqp_unsent(c) + n > SD_AMQP_OUTPUT_HARD_MAX) {
    amqp_fail(c, SD_LIMIT, NULL, "more than %d bytes of output wait for the peer: it does not read",
              SD_AMQP_OUTPUT_HARD_MAX);
    return NULL;
  }
  if (sd_buf_reserve(&c->out, n, &space) != SD_OK) {
    amqp_fail(c, SD_NOMEM, NULL, "out of memory for the output");
    return NULL;
  }
  c->last_out_ms = c->now_ms;
  return space;
}

void amqp_out_bytes(sd_amqp_connection *c, const void *data, size_t len)
{
  uint8_t *space = amqp_out_reserve(c, len);
  if (!space)
    return;
  memcpy(space, data, len);
  sd_buf_commit(&c->out, len);
}

size_t amqp_frame_begin(sd_amqp_connection *c, uint8_t type, uint16_t channel)
{
  compact(c);
  return sd_amqp_frame_begin(&c->out, type, channel);
}

void amqp_frame_end(sd_amqp_connection *c, size_t mark)
{
  sd_status status = sd_buf_status(&c->out);
  if (status != SD_OK) {
    sd_buf_truncate(&c->out, mark);
    amqp_fail(c, status, NULL, "no memory for the output");
    return;
  }
  if (c->open_received && c->out.len - mark > c->remote_max_frame) {
    size_t size = c->out.len - mark;
    sd_buf_truncate(&c->out, mark);
    amqp_fail(c, SD_LIMIT, "amqp:not-allowed",
              "a frame of %zu bytes does not fit the peer's maximum of %u bytes", size,
              (unsigned)c->remote_max_frame);
    return;
  }
  if (amqp_unsent(c) > SD_AMQP_OUTPUT_HARD_MAX) {
    sd_buf_truncate(&c->out, mark);
    amqp_fail(c, SD_LIMIT, NULL, "more than %d bytes of output wait for the peer: it does not read",
              SD_AMQP_OUTPUT_HARD_MAX);
    return;
  }
  sd_amqp_frame_end(&c->out, mark);
  c->last_out_ms = c->now_ms;
}

sd_amqp_error amqp_error_of(const sd_amqp_connection *c, const char *condition, const char *description)
{
  sd_amqp_error error;
  memset(&error, 0, sizeof error);
  if (!condition)
    return error;
  error.present = true;
  error.condition = sd_bytes_of(condition);
  error.description = sd_bytes_of(description ? description : "");
  size_t max = c->remote_max_frame < FRAME_SMALL ? DESCRIPTION_SMALL_MAX : DESCRIPTION_MAX;
  if (error.description.len > max) {
    /* Not in the middle of a UTF-8 character. */
    while (max > 0 && (error.description.data[max] & 0xc0) == 0x80)
      max--;
    error.description.len = max;
  }
  return error;
}

sd_bytes sd_amqp_output(const sd_amqp_connection *c)
{
  if (!c->out.data)
    return sd_bytes_make(NULL, 0);
  return sd_bytes_make(c->out.data + c->out_head, amqp_unsent(c));
}

void sd_amqp_output_consume(sd_amqp_connection *c, size_t n)
{
  size_t unsent = amqp_unsent(c);
  c->out_head += n < unsent ? n : unsent;
  if (c->out_head == c->out.len) {
    sd_buf_truncate(&c->out, 0);
    c->out_head = 0;
  }
  /* The outermost amqp_leave resumes what waited for room. */
  if (c->depth == 0) {
    amqp_enter(c);
    amqp_leave(c);
  }
}
