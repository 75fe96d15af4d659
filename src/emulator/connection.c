/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* One client's connection: bytes between the socket and the AMQP engine, and whose turn it is to send. */
#include "emulator/publication.h"
#include "emulator/state.h"

#include "base/alloc.h"

static emu_connection *connection_of(const sd_amqp_connection *amqp)
{
  return sd_amqp_connection_user(amqp);
}

/* ---- what the engine tells ---- */

static bool on_sasl(sd_amqp_connection *amqp, const sd_amqp_sasl_init *init)
{
  return emu_sasl(connection_of(amqp), init);
}

static void on_close(sd_amqp_connection *amqp, const sd_error *error)
{
  (void)error;
  connection_of(amqp)->over = true;
}

static void on_begin(sd_amqp_session *session)
{
  (void)session;
}

static void on_end(sd_amqp_session *session, const sd_error *error)
{
  (void)error;
  emu_connection *connection = connection_of(sd_amqp_session_connection(session));
  if (connection->settle_session == session)
    connection->settle_session = NULL;
}

static void on_attach(sd_amqp_link *amqp, const sd_amqp_attach *remote)
{
  emu_attach(connection_of(sd_amqp_session_connection(sd_amqp_link_session(amqp))), amqp, remote);
}

static void on_detach(sd_amqp_link *amqp, const sd_error *error)
{
  (void)error;
  emu_link *link = sd_amqp_link_user(amqp);
  if (link)
    emu_link_free(link);
}

static void on_flow(sd_amqp_link *amqp, bool drain)
{
  emu_link *link = sd_amqp_link_user(amqp);
  if (!link || link->detached)
    return;
  link->drain = link->drain || drain;
  emu_mark_dirty(link->connection);
}

static void tell_settled(emu_connection *connection)
{
  if (connection->settle_session)
    sd_amqp_settle(connection->settle_session, connection->settle_first, connection->settle_last,
                   SD_AMQP_CODE_ACCEPTED, NULL, NULL);
  connection->settle_session = NULL;
}

void emu_settle(emu_link *link, const sd_amqp_delivery *delivery, const char *condition,
                const char *description)
{
  emu_connection *connection = link->connection;
  sd_amqp_session *session = sd_amqp_link_session(link->amqp);
  if (delivery->settled)
    return;
  if (condition) {
    tell_settled(connection);
    sd_amqp_settle(session, delivery->delivery_id, delivery->delivery_id, SD_AMQP_CODE_REJECTED, condition,
                   description);
    return;
  }
  if (connection->settle_session == session && delivery->delivery_id == connection->settle_last + 1) {
    connection->settle_last++;
    return;
  }
  tell_settled(connection);
  connection->settle_session = session;
  connection->settle_first = connection->settle_last = delivery->delivery_id;
}

static uint64_t *throttle_of(emu_link *link)
{
  for (uint32_t i = 0; i < link->hub->partition_count; i++) {
    emu_partition *partition = &link->hub->partitions[i];
    if ((!link->partition || link->partition == partition) && partition->faults.throttled_sends > 0)
      return &partition->faults.throttled_sends;
  }
  return NULL;
}

static void on_publication(emu_link *link, const sd_amqp_delivery *delivery)
{
  char text[EMU_TEXT_MAX];
  uint64_t *throttled = throttle_of(link);
  if (delivery->payload.len > EMU_PUBLICATION_MAX) {
    /* Refused with a disposition, as the service does: rhea does not tell a sender why its link went. */
    emu_error_text(link->connection->emulator, text, sizeof text,
                   "The received message (delivery-id:%u, size:%zu bytes) exceeds the limit (%d bytes) "
                   "currently allowed "
                   "on the link.",
                   (unsigned)delivery->delivery_id, delivery->payload.len, EMU_PUBLICATION_MAX);
    emu_settle(link, delivery, "amqp:link:message-size-exceeded", text);
  } else if (throttled) {
    if (*throttled != UINT64_MAX)
      --*throttled;
    emu_error_text(
        link->connection->emulator, text, sizeof text,
        "The request was terminated because the entity is being throttled. Error code : 50002. Please wait 4 "
        "seconds and try again.");
    emu_settle(link, delivery, "com.microsoft:server-busy", text);
  } else {
    emu_append append = {.payload = delivery->payload,
                         .message_format = delivery->message_format,
                         .publisher = link->publisher[0] ? link->publisher : NULL,
                         .partition = link->partition};
    sd_error error;
    uint32_t events = 0;
    sd_status status = emu_hub_append(link->hub, &append, &events, &error);
    if (status == SD_OK) {
      emu_settle(link, delivery, NULL, NULL);
    } else {
      emu_error_text(link->connection->emulator, text, sizeof text, "%s", error.message);
      emu_settle(link, delivery,
                 status == SD_PROTOCOL  ? "amqp:decode-error"
                 : status == SD_INVALID ? "com.microsoft:argument-error"
                 : status == SD_LIMIT   ? "amqp:link:message-size-exceeded"
                                        : "amqp:internal-error",
                 text);
    }
  }
  if (sd_amqp_link_credit(link->amqp) < EMU_PRODUCER_CREDIT / 2)
    sd_amqp_link_set_credit(link->amqp, EMU_PRODUCER_CREDIT);
}

static void on_delivery(sd_amqp_link *amqp, const sd_amqp_delivery *delivery)
{
  emu_link *link = sd_amqp_link_user(amqp);
  if (!link || link->detached)
    return;
  if (link->kind == EMU_LINK_SENDER) {
    on_publication(link, delivery);
    return;
  }
  emu_settle(link, delivery, NULL, NULL);
  emu_request(link, delivery);
  if (sd_amqp_link_credit(amqp) < EMU_REQUEST_CREDIT / 2)
    sd_amqp_link_set_credit(amqp, EMU_REQUEST_CREDIT);
}

static const sd_amqp_handler amqp_handler = {
    .struct_size = sizeof(sd_amqp_handler),
    .on_sasl = on_sasl,
    .on_close = on_close,
    .on_begin = on_begin,
    .on_end = on_end,
    .on_attach = on_attach,
    .on_detach = on_detach,
    .on_flow = on_flow,
    .on_delivery = on_delivery,
};

/* ---- bytes ---- */

void emu_connection_flush(emu_connection *connection)
{
  if (!connection->stream || connection->silent || connection->aborted)
    return;
  for (;;) {
    sd_bytes output = sd_amqp_output(connection->amqp);
    if (output.len == 0)
      break;
    size_t sent = sd_net_write(connection->stream, output);
    sd_amqp_output_consume(connection->amqp, sent);
    if (sent < output.len)
      return;
  }
  if (connection->over)
    sd_net_close(connection->stream);
  if (connection->reading_paused) {
    connection->reading_paused = false;
    sd_net_resume(connection->stream);
  }
}

static void on_connected(sd_net_stream *stream)
{
  emu_connection_flush(sd_net_user(stream));
}

static void on_space(sd_net_stream *stream, uint8_t **ret_space, size_t *ret_size)
{
  emu_connection *connection = sd_net_user(stream);
  *ret_size = 0;
  /* A peer that does not read what we answer is not read from either. */
  if (connection->silent || sd_amqp_output(connection->amqp).len > SD_AMQP_OUTPUT_SOFT_MAX) {
    connection->reading_paused = true;
    return;
  }
  sd_amqp_input_space(connection->amqp, ret_space, ret_size);
}

static void on_data(sd_net_stream *stream, size_t n)
{
  emu_connection *connection = sd_net_user(stream);
  if (connection->over)
    return;
  (void)sd_amqp_input_commit(connection->amqp, n, emu_now_ms(connection->emulator));
  tell_settled(connection);
  emu_connection_flush(connection);
}

static void on_writable(sd_net_stream *stream)
{
  emu_connection *connection = sd_net_user(stream);
  emu_connection_flush(connection);
  emu_mark_dirty(connection);
}

static void on_stream_closed(sd_net_stream *stream, const sd_error *error)
{
  emu_connection *connection = sd_net_user(stream);
  sd_emulator *emulator = connection->emulator;
  connection->stream = NULL;
  connection->aborted = true;
  sd_error ended;
  sd_error_set(&ended, SD_CLOSED, "the connection ended");
  if (!connection->over)
    sd_amqp_connection_lost(connection->amqp, error ? error : &ended);
  while (connection->links) /* none, the engine has told the end of each */
    emu_link_free(connection->links);
  sd_amqp_connection_free(connection->amqp);
  emu_tokens_release(connection);
  for (emu_connection **at = &emulator->dirty; *at; at = &(*at)->next_dirty) {
    if (*at == connection) {
      *at = connection->next_dirty;
      break;
    }
  }
  if (connection->previous)
    connection->previous->next = connection->next;
  else
    emulator->connections = connection->next;
  if (connection->next)
    connection->next->previous = connection->previous;
  emulator->connection_count--;
  sd_free(connection);
  emu_connection_gone(emulator);
}

const sd_net_handler emu_net_handler = {
    .struct_size = sizeof(sd_net_handler),
    .on_connected = on_connected,
    .on_space = on_space,
    .on_data = on_data,
    .on_writable = on_writable,
    .on_closed = on_stream_closed,
};

bool emu_connection_accept(void *user, sd_net_stream *stream)
{
  sd_emulator *emulator = user;
  emu_connection *connection = emulator->stopping ? NULL : sd_calloc(1, sizeof *connection);
  if (!connection)
    return false;
  sd_amqp_connection_options options = {
      .struct_size = sizeof options,
      .server = true,
      .container_id = "streamduck-emulator",
      .max_frame_size = EMU_FRAME_SIZE,
      .idle_timeout_ms = EMU_IDLE_TIMEOUT_MS,
      .max_message_size = EMU_DELIVERY_MAX,
      .incoming_window = EMU_WINDOW,
      .handle_max = EMU_HANDLE_MAX,
  };
  if (sd_amqp_connection_new(&options, &amqp_handler, connection, emu_now_ms(emulator), &connection->amqp) !=
      SD_OK) {
    sd_free(connection);
    return false;
  }
  connection->emulator = emulator;
  connection->stream = stream;
  connection->next = emulator->connections;
  if (emulator->connections)
    emulator->connections->previous = connection;
  emulator->connections = connection;
  emulator->connection_count++;
  emulator->accepted++;
  sd_net_set_user(stream, connection);
  return true;
}

/* ---- turns ---- */

bool emu_connection_work(emu_connection *connection)
{
  if (!connection->stream || connection->over || connection->silent || connection->aborted)
    return false;
  bool more = false;
  emu_link *first = connection->turn ? connection->turn : connection->links;
  emu_link *link = first;
  while (link && !connection->cut_after_turn) {
    emu_link *next = link->next ? link->next : connection->links;
    if (!link->detached && link->kind == EMU_LINK_RECEIVER && emu_receiver_turn(link) == EMU_TURN_MORE)
      more = true;
    else if (!link->detached && link->kind == EMU_LINK_REPLIES)
      emu_replies_turn(link);
    link = next == first ? NULL : next;
  }
  /* The next turn begins with another link. */
  connection->turn = first ? first->next : NULL;
  emu_connection_flush(connection);
  if (connection->cut_after_turn)
    emu_connection_cut(connection);
  return more && !connection->over && !connection->aborted && sd_amqp_output(connection->amqp).len == 0;
}

void emu_connection_tick(emu_connection *connection)
{
  if (!connection->stream || connection->silent || connection->over || connection->aborted)
    return;
  (void)sd_amqp_tick(connection->amqp, emu_now_ms(connection->emulator));
  if (!connection->over)
    emu_check_expiry(connection);
  emu_connection_flush(connection);
}

void emu_connection_cut(emu_connection *connection)
{
  if (!connection->stream || connection->aborted)
    return;
  connection->aborted = true;
  sd_net_abort(connection->stream);
}

void emu_connection_close(emu_connection *connection, const char *condition, const char *description)
{
  if (!connection->stream || connection->over)
    return;
  sd_amqp_connection_close(connection->amqp, condition, description);
  emu_connection_flush(connection);
}
