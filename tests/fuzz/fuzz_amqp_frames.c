/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what the peer sends, to a server and to a client. The first byte says in which pieces they
 * come and how the callbacks answer. Every session and link that was shown must end once.
 */
#include "amqp/engine.h"
#include "base/alloc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct side {
  int opens, closes, sessions, links;
  unsigned mode;
  uint64_t payload_sum;
} side;

static void check(bool good)
{
  if (!good)
    abort();
}

static side *of_session(const sd_amqp_session *s)
{
  return sd_amqp_connection_user(sd_amqp_session_connection(s));
}

static side *of_link(const sd_amqp_link *link)
{
  return of_session(sd_amqp_link_session(link));
}

static char mine; /* marks what this side began or has counted */

static void begin_link(sd_amqp_session *s, sd_amqp_role role, const char *name)
{
  sd_amqp_link *link;
  sd_amqp_attach attach = {.name = sd_bytes_of(name),
                           .role = role,
                           .source = {.present = true, .address = sd_bytes_of("hub")},
                           .target = {.present = true, .address = sd_bytes_of("$cbs")}};
  if (sd_amqp_link_attach(s, &attach, &mine, &link) != SD_OK)
    return;
  of_session(s)->links++;
  if (role == SD_AMQP_RECEIVER)
    sd_amqp_link_set_credit(link, 10);
}

static void on_open(sd_amqp_connection *c, const sd_amqp_open *open)
{
  side *me = sd_amqp_connection_user(c);
  sd_amqp_session *s;
  check(open->max_frame_size >= SD_AMQP_FRAME_SIZE_MIN);
  me->opens++;
  if (sd_amqp_session_begin(c, &mine, &s) == SD_OK) {
    me->sessions++;
    begin_link(s, SD_AMQP_RECEIVER, "r");
  }
}

static void on_close(sd_amqp_connection *c, const sd_error *error)
{
  side *me = sd_amqp_connection_user(c);
  (void)error;
  me->closes++;
  check(me->sessions == 0 && me->links == 0);
}

static void on_begin(sd_amqp_session *s)
{
  if (sd_amqp_session_user(s))
    return;
  of_session(s)->sessions++;
  sd_amqp_session_set_user(s, &mine);
  begin_link(s, SD_AMQP_SENDER, "s");
}

static void on_end(sd_amqp_session *s, const sd_error *error)
{
  (void)error;
  check(--of_session(s)->sessions >= 0);
}

static void on_attach(sd_amqp_link *link, const sd_amqp_attach *remote)
{
  side *me = of_link(link);
  if (sd_amqp_link_user(link))
    return;
  me->links++;
  sd_amqp_attach local = *remote;
  if (me->mode & 8)
    sd_amqp_link_refuse(link, "amqp:not-found", "no such node");
  else if (sd_amqp_link_accept(link, &local) == SD_OK)
    sd_amqp_link_set_credit(link, 5);
}

static void on_detach(sd_amqp_link *link, const sd_error *error)
{
  (void)error;
  check(--of_link(link)->links >= 0);
}

static void on_flow(sd_amqp_link *link, bool drain)
{
  static const uint8_t body[2000];
  sd_bytes part = sd_bytes_make(body, sizeof body);
  sd_amqp_send_options options = {.struct_size = sizeof options, .tag = sd_bytes_of("t")};
  for (int i = 0; i < 4; i++) {
    uint32_t id;
    if (sd_amqp_send(link, &options, &part, 1, &id) != SD_OK)
      break;
  }
  if (drain)
    sd_amqp_link_drained(link);
}

static void on_delivery(sd_amqp_link *link, const sd_amqp_delivery *delivery)
{
  side *me = of_link(link);
  for (size_t i = 0; i < delivery->payload.len; i++)
    me->payload_sum += delivery->payload.data[i];
  for (size_t i = 0; i < delivery->tag.len; i++)
    me->payload_sum += delivery->tag.data[i];
  sd_amqp_settle(sd_amqp_link_session(link), delivery->delivery_id, delivery->delivery_id,
                 SD_AMQP_CODE_ACCEPTED, NULL, NULL);
  if (me->mode & 16)
    sd_amqp_link_detach(link, NULL, NULL);
  if (me->mode & 32)
    sd_amqp_session_end(sd_amqp_link_session(link), "amqp:internal-error", "end");
  sd_amqp_link_set_credit(link, 5);
}

static void on_disposition(sd_amqp_session *s, const sd_amqp_disposition *d)
{
  if ((of_session(s)->mode & 64) && d->state.error.present)
    sd_amqp_connection_lost(sd_amqp_session_connection(s), NULL);
}

static void drop_output(sd_amqp_connection *c, unsigned mode)
{
  sd_bytes out = sd_amqp_output(c);
  sd_amqp_output_consume(c, mode & 128 ? out.len / 2 : out.len);
}

static void run(bool server, const uint8_t *data, size_t size, unsigned mode)
{
  static const sd_amqp_handler handler = {.struct_size = sizeof handler,
                                          .on_open = on_open,
                                          .on_close = on_close,
                                          .on_begin = on_begin,
                                          .on_end = on_end,
                                          .on_attach = on_attach,
                                          .on_detach = on_detach,
                                          .on_flow = on_flow,
                                          .on_delivery = on_delivery,
                                          .on_disposition = on_disposition};
  sd_amqp_connection_options options = {.struct_size = sizeof options,
                                        .server = server,
                                        .container_id = "fuzz",
                                        .hostname = "localhost",
                                        .max_frame_size = 4096,
                                        .idle_timeout_ms = 60000,
                                        .max_message_size = 10000,
                                        .incoming_window = 8};
  side me = {.mode = mode};
  sd_amqp_connection *c;
  uint64_t now = 0;
  static const size_t pieces[] = {SIZE_MAX, 1, 7, 100};
  size_t piece = pieces[mode & 3];
  if (sd_amqp_connection_new(&options, &handler, &me, now, &c) != SD_OK)
    return;
  while (size > 0) {
    size_t n = size < piece ? size : piece;
    if (sd_amqp_receive(c, data, n, now) != SD_OK)
      break;
    data += n;
    size -= n;
    now += 10;
    if (mode & 4)
      drop_output(c, mode);
    (void)sd_amqp_tick(c, now);
  }
  drop_output(c, 0);
  if (!sd_amqp_connection_over(c))
    sd_amqp_connection_lost(c, NULL);
  check(me.closes == 1);
  sd_amqp_connection_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 1)
    return 0;
  run(true, data + 1, size - 1, data[0]);
  run(false, data + 1, size - 1, data[0]);
  return 0;
}
