/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Deliveries, both ways, and what is said about them. */
#include "amqp/engine_internal.h"

/* ---- incoming ---- */

void amqp_link_drop_joined(sd_amqp_link *link)
{
  if (!link->joining)
    return;
  link->joining = false;
  link->session->connection->joined_bytes -= link->joined.len;
  sd_buf_clear(&link->joined);
}

/* The first frame of a delivery. False when the link was failed. */
static bool begin_delivery(sd_amqp_link *link, const sd_amqp_transfer *t)
{
  if (!amqp_link_attached(link) || amqp_serial(link->delivery_count, link->credit_end) >= 0) {
    amqp_link_fail(link, "amqp:link:transfer-limit-exceeded",
                   "a delivery came although the link has no credit");
    return false;
  }
  if (!t->has_delivery_id || t->delivery_tag.len > SD_AMQP_TAG_MAX) {
    amqp_link_fail(link, "amqp:invalid-field",
                   "a delivery begins without an id or with a tag of more than %d bytes", SD_AMQP_TAG_MAX);
    return false;
  }
  link->delivery_count++;
  if (link->credit > 0)
    link->credit--;
  link->incoming.delivery_id = t->delivery_id;
  link->incoming.tag = t->delivery_tag;
  link->incoming.message_format = t->message_format;
  link->incoming.settled = t->settled;
  return true;
}

static void deliver(sd_amqp_link *link, sd_bytes payload)
{
  sd_amqp_connection *c = link->session->connection;
  link->incoming.payload = payload;
  if (c->handler.on_delivery)
    c->handler.on_delivery(link, &link->incoming);
}

/* Adds a frame's payload to the unfinished delivery. False when link or connection was failed. */
static bool join(sd_amqp_link *link, sd_bytes payload)
{
  sd_amqp_connection *c = link->session->connection;
  if (c->joined_bytes + payload.len > c->max_message_size + AMQP_JOINED_MAX) {
    amqp_fail(c, SD_LIMIT, "amqp:resource-limit-exceeded", "too many bytes of unfinished deliveries");
    return false;
  }
  if (sd_buf_append_bytes(&link->joined, payload) != SD_OK) {
    amqp_fail(c, SD_NOMEM, "amqp:internal-error", "out of memory for a delivery");
    return false;
  }
  c->joined_bytes += payload.len;
  return true;
}

static void start_joining(sd_amqp_link *link)
{
  link->joining = true;
  if (link->incoming.tag.len > 0)
    memcpy(link->incoming_tag, link->incoming.tag.data, link->incoming.tag.len);
  link->incoming.tag.data = link->incoming_tag;
  if (!link->joined.data)
    sd_buf_init(&link->joined, (size_t)link->session->connection->max_message_size);
}

static void finish_joining(sd_amqp_link *link)
{
  sd_amqp_connection *c = link->session->connection;
  size_t len = link->joined.len;
  link->joining = false;
  c->joined_bytes -= len;
  deliver(link, sd_buf_bytes(&link->joined));
  if (len > AMQP_JOINED_KEEP)
    sd_buf_release(&link->joined);
  else
    sd_buf_clear(&link->joined);
}

static void take_transfer(sd_amqp_link *link, const sd_amqp_transfer *t, sd_bytes payload)
{
  if (link->role != SD_AMQP_RECEIVER) {
    amqp_link_fail(link, "amqp:not-allowed", "a transfer on a link whose sender is the other side");
    return;
  }
  if (!link->joining) {
    if (!begin_delivery(link, t))
      return;
  } else {
    if (t->has_delivery_id && t->delivery_id != link->incoming.delivery_id) {
      amqp_link_fail(link, "amqp:invalid-field", "delivery %u begins before delivery %u has ended",
                     (unsigned)t->delivery_id, (unsigned)link->incoming.delivery_id);
      return;
    }
    link->incoming.settled |= t->settled;
  }
  if (t->aborted) {
    amqp_link_drop_joined(link);
    return;
  }
  uint64_t max = link->session->connection->max_message_size;
  if (link->joined.len + payload.len > max) {
    amqp_link_fail(link, "amqp:link:message-size-exceeded", "a message is larger than %llu bytes",
                   (unsigned long long)max);
    return;
  }
  if (!t->more && !link->joining) {
    deliver(link, payload);
    return;
  }
  if (!link->joining)
    start_joining(link);
  if (join(link, payload) && !t->more)
    finish_joining(link);
}

void amqp_handle_transfer(sd_amqp_session *s, const sd_amqp_value *list, sd_bytes payload)
{
  sd_amqp_transfer t;
  if (sd_amqp_transfer_decode(list, &t) != SD_OK) {
    amqp_fail(s->connection, SD_PROTOCOL, "amqp:decode-error", "malformed transfer");
    return;
  }
  if (!amqp_session_count_transfer(s) || s->connection->ended)
    return;
  sd_amqp_link *link = amqp_slots_get(&s->by_remote_handle, t.handle);
  if (!link) {
    amqp_session_fail(s, "amqp:session:unattached-handle",
                      "transfer names handle %u, on which no link is attached", (unsigned)t.handle);
    return;
  }
  if (!link->detach_sent)
    take_transfer(link, &t, payload);
}

size_t sd_amqp_unfinished_bytes(const sd_amqp_connection *c)
{
  return c->joined_bytes;
}

void amqp_handle_disposition(sd_amqp_session *s, const sd_amqp_value *list)
{
  sd_amqp_connection *c = s->connection;
  sd_amqp_disposition d;
  if (sd_amqp_disposition_decode(list, &d) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, "amqp:decode-error", "malformed disposition");
    return;
  }
  if (c->handler.on_disposition)
    c->handler.on_disposition(s, &d);
  if (!amqp_usable(c) || s->end_sent)
    return;
  /* A receiver in mode second keeps its outcome until the sender settles, which this sender does at once. */
  bool outcome = d.state.code >= SD_AMQP_CODE_ACCEPTED && d.state.code <= SD_AMQP_CODE_MODIFIED;
  if (d.role == SD_AMQP_RECEIVER && !d.settled && outcome) {
    const sd_amqp_disposition answer = {
        .role = SD_AMQP_SENDER, .first = d.first, .last = d.last, .settled = true, .state = d.state};
    size_t frame = amqp_frame_begin(c, 0, s->channel);
    sd_amqp_disposition_encode(&c->out, &answer);
    amqp_frame_end(c, frame);
  }
}

void sd_amqp_settle(sd_amqp_session *s, uint32_t first, uint32_t last, uint8_t outcome_code,
                    const char *condition, const char *description)
{
  sd_amqp_connection *c = s->connection;
  if (!amqp_usable(c) || s->end_sent || s->over)
    return;
  sd_amqp_disposition d = {.role = SD_AMQP_RECEIVER,
                           .first = first,
                           .last = last,
                           .settled = true,
                           .state = {.code = outcome_code}};
  if (outcome_code == SD_AMQP_CODE_REJECTED)
    d.state.error = amqp_error_of(c, condition, description);
  size_t frame = amqp_frame_begin(c, 0, s->channel);
  sd_amqp_disposition_encode(&c->out, &d);
  amqp_frame_end(c, frame);
}

/* ---- outgoing ---- */

/* A message that is given in parts, read from front to back. */
typedef struct gather {
  const sd_bytes *parts;
  size_t at;     /* the current part */
  size_t offset; /* in it */
} gather;

static void gather_copy(gather *g, uint8_t *to, size_t n)
{
  while (n > 0) {
    size_t left = g->parts[g->at].len - g->offset;
    size_t take = left < n ? left : n;
    if (take > 0)
      memcpy(to, g->parts[g->at].data + g->offset, take);
    to += take;
    n -= take;
    g->offset += take;
    if (g->offset == g->parts[g->at].len) {
      g->at++;
      g->offset = 0;
    }
  }
}

/* Writes one transfer frame with as much of the message as fits. Returns the payload's bytes, SIZE_MAX when
 * the connection has failed. */
static size_t send_frame(sd_amqp_link *link, sd_amqp_transfer *t, gather *g, size_t remaining)
{
  sd_amqp_session *s = link->session;
  sd_amqp_connection *c = s->connection;
  size_t frame_max = c->remote_max_frame < AMQP_OUT_FRAME_MAX ? c->remote_max_frame : AMQP_OUT_FRAME_MAX;
  uint8_t head[SD_AMQP_TRANSFER_MAX];
  t->more = false;
  size_t head_len = sd_amqp_transfer_encode(head, t);
  size_t fits = frame_max - 8 - head_len;
  size_t n = remaining;
  if (n > fits) {
    n = fits;
    t->more = true;
    head_len = sd_amqp_transfer_encode(head, t); /* of the same length */
  }
  size_t size = 8 + head_len + n;
  uint8_t *p = amqp_out_reserve(c, size);
  if (!p)
    return SIZE_MAX;
  wire_set32(p, (uint32_t)size);
  p[4] = 2;
  p[5] = 0;
  wire_set16(p + 6, s->channel);
  memcpy(p + 8, head, head_len);
  gather_copy(g, p + 8 + head_len, n);
  sd_buf_commit(&c->out, size);
  s->next_outgoing_id++;
  s->remote_incoming_window--;
  return n;
}

static bool may_send_frame(const sd_amqp_link *link)
{
  return link->session->remote_incoming_window > 0 &&
         amqp_unsent(link->session->connection) <= SD_AMQP_OUTPUT_SOFT_MAX;
}

static sd_status keep_rest(sd_amqp_link *link, gather *g, size_t remaining)
{
  uint8_t *space;
  sd_buf_init(&link->rest, remaining);
  if (sd_buf_reserve(&link->rest, remaining, &space) != SD_OK) {
    sd_buf_release(&link->rest);
    amqp_fail(link->session->connection, SD_NOMEM, "amqp:internal-error", "out of memory for a message");
    return SD_NOMEM;
  }
  gather_copy(g, space, remaining);
  sd_buf_commit(&link->rest, remaining);
  link->rest_head = 0;
  link->sending = true;
  link->session->connection->partial_count++;
  return SD_OK;
}

void amqp_link_drop_rest(sd_amqp_link *link)
{
  if (!link->sending)
    return;
  link->sending = false;
  link->session->connection->partial_count--;
  sd_buf_release(&link->rest);
}

/* Sends frames while it may, then keeps what is left. */
static sd_status send_message(sd_amqp_link *link, sd_amqp_transfer *t, gather *g, size_t remaining)
{
  for (;;) {
    size_t n = send_frame(link, t, g, remaining);
    if (n == SIZE_MAX)
      return link->session->connection->error.code;
    remaining -= n;
    if (remaining == 0)
      return SD_OK;
    /* Later frames name the link only. */
    memset(t, 0, sizeof *t);
    t->handle = link->handle;
    if (!may_send_frame(link))
      return keep_rest(link, g, remaining);
  }
}

static void resume_link(sd_amqp_link *link)
{
  sd_amqp_transfer t;
  while (link->sending && may_send_frame(link)) {
    sd_bytes rest = sd_bytes_make(link->rest.data + link->rest_head, link->rest.len - link->rest_head);
    gather g = {.parts = &rest};
    memset(&t, 0, sizeof t);
    t.handle = link->handle;
    size_t n = send_frame(link, &t, &g, rest.len);
    if (n == SIZE_MAX)
      return;
    link->rest_head += n;
    if (link->rest_head == link->rest.len)
      amqp_link_drop_rest(link);
  }
}

void amqp_session_resume(sd_amqp_session *s)
{
  sd_amqp_connection *c = s->connection;
  if (c->partial_count == 0 || !amqp_usable(c) || s->end_sent)
    return;
  for (sd_amqp_link *link = s->links; link && !c->ended; link = link->next)
    resume_link(link);
}

bool sd_amqp_sendable(const sd_amqp_link *link)
{
  const sd_amqp_session *s = link->session;
  return amqp_usable(s->connection) && !s->end_sent && !link->over && amqp_link_attached(link) &&
         link->role == SD_AMQP_SENDER && link->credit > 0 && !link->sending && may_send_frame(link);
}

sd_status sd_amqp_send(sd_amqp_link *link, const sd_amqp_send_options *options, const sd_bytes *parts,
                       size_t part_count, uint32_t *ret_delivery_id)
{
  sd_amqp_session *s = link->session;
  sd_amqp_connection *c = s->connection;
  if (!amqp_usable(c) || s->end_sent || link->detach_sent || link->over)
    return SD_CLOSED;
  if (link->role != SD_AMQP_SENDER)
    return SD_STATE;
  if (options->tag.len > SD_AMQP_TAG_MAX)
    return SD_INVALID;
  if (!sd_amqp_sendable(link)) {
    link->refused = true;
    s->refused = true;
    if (amqp_unsent(c) > SD_AMQP_OUTPUT_SOFT_MAX)
      c->output_waits = true;
    return SD_AGAIN;
  }
  size_t total = 0;
  for (size_t i = 0; i < part_count; i++)
    total += parts[i].len;
  uint32_t id = s->next_delivery_id;
  sd_amqp_transfer t = {.handle = link->handle,
                        .has_delivery_id = true,
                        .delivery_id = id,
                        .delivery_tag = options->tag.data ? options->tag : sd_bytes_make("", 0),
                        .has_message_format = true,
                        .message_format = options->message_format,
                        .has_settled = true,
                        .settled = options->settled};
  gather g = {.parts = parts};
  s->next_delivery_id++;
  link->delivery_count++;
  link->credit--;
  sd_status status = send_message(link, &t, &g, total);
  if (status == SD_OK && ret_delivery_id)
    *ret_delivery_id = id;
  return status;
}

void sd_amqp_link_drained(sd_amqp_link *link)
{
  sd_amqp_session *s = link->session;
  if (link->role != SD_AMQP_SENDER || link->over || s->end_sent || !amqp_usable(s->connection) ||
      !amqp_link_attached(link))
    return;
  link->delivery_count += link->credit;
  link->credit = 0;
  link->drain = false;
  amqp_send_flow(s, link, true);
}
