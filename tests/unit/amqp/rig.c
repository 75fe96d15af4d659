/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The engine's test rig: see rig.h. */
#include "rig.h"

static rig_side *side_of(const sd_amqp_connection *c)
{
  return sd_amqp_connection_user(c);
}

static rig_side *side_of_session(const sd_amqp_session *s)
{
  return side_of(sd_amqp_session_connection(s));
}

static rig_side *side_of_link(const sd_amqp_link *link)
{
  return side_of_session(sd_amqp_link_session(link));
}

static bool on_sasl(sd_amqp_connection *c, const sd_amqp_sasl_init *init)
{
  rig_side *side = side_of(c);
  sd_bytes_to_text(init->mechanism, side->mechanism, sizeof side->mechanism);
  return !side->deny_sasl;
}

static void on_open(sd_amqp_connection *c, const sd_amqp_open *open)
{
  assert_true(open->container_id.len > 0);
  side_of(c)->opens++;
}

static void note(rig_side *side, bool *flag, const sd_error *error)
{
  *flag = error != NULL;
  if (error)
    side->error = *error;
}

static void on_close(sd_amqp_connection *c, const sd_error *error)
{
  rig_side *side = side_of(c);
  side->closes++;
  note(side, &side->close_error, error);
}

static void on_begin(sd_amqp_session *s)
{
  rig_side *side = side_of_session(s);
  side->begins++;
  side->session = s;
}

static void on_end(sd_amqp_session *s, const sd_error *error)
{
  rig_side *side = side_of_session(s);
  side->ends++;
  note(side, &side->end_error, error);
  if (side->session == s)
    side->session = NULL;
}

static void remember_link(rig_side *side, sd_amqp_link *link)
{
  for (unsigned i = 0; i < side->link_count; i++) {
    if (side->links[i] == link)
      return;
  }
  if (side->link_count < RIG_LINKS_MAX)
    side->links[side->link_count++] = link;
}

static void on_attach(sd_amqp_link *link, const sd_amqp_attach *remote)
{
  static const uint8_t empty_map[] = {0xc1, 1, 0};
  rig_side *side = side_of_link(link);
  /* The user pointer marks links that this side began. */
  bool ours = sd_amqp_link_user(link) != NULL;
  side->attaches++;
  side->remote_has_source = remote->source.present;
  side->remote_has_target = remote->target.present;
  side->remote_max_message_size = remote->max_message_size;
  remember_link(side, link);
  if (ours || side->leave_attach)
    return;
  if (side->refuse) {
    sd_amqp_link_refuse(link, side->refuse, "the test refuses every link");
    return;
  }
  sd_amqp_attach local = *remote;
  local.max_message_size = 1024 * 1024;
  local.unsettled_raw = sd_bytes_make(NULL, 0);
  local.properties_raw = sd_bytes_make(empty_map, sizeof empty_map);
  local.initial_delivery_count = 0;
  if (sd_amqp_link_accept(link, &local) == SD_OK && side->credit > 0)
    sd_amqp_link_set_credit(link, side->credit);
}

static void on_detach(sd_amqp_link *link, const sd_error *error)
{
  rig_side *side = side_of_link(link);
  side->detaches++;
  note(side, &side->detach_error, error);
  for (unsigned i = 0; i < side->link_count; i++) {
    if (side->links[i] == link)
      side->links[i] = NULL;
  }
}

static void on_flow(sd_amqp_link *link, bool drain)
{
  rig_side *side = side_of_link(link);
  side->flows++;
  side->drains += drain;
  while (side->sent < side->send_on_flow && rig_send(link, 100, (uint8_t)side->sent) == SD_OK)
    side->sent++;
  if (drain && side->answer_drain)
    sd_amqp_link_drained(link);
}

static void on_delivery(sd_amqp_link *link, const sd_amqp_delivery *delivery)
{
  rig_side *side = side_of_link(link);
  side->deliveries++;
  if (side->lose_on_delivery) {
    sd_error error;
    sd_error_set(&error, SD_IO, "the test cut the connection");
    sd_amqp_connection_lost(side->connection, &error);
  }
  if (side->detach_on_delivery)
    sd_amqp_link_detach(link, NULL, NULL);
  /* Views must be good even after those. */
  side->delivery = *delivery;
  assert_true(delivery->tag.len <= sizeof side->tag);
  if (delivery->tag.len > 0)
    memcpy(side->tag, delivery->tag.data, delivery->tag.len);
  side->delivery.tag.data = side->tag;
  sd_buf_clear(&side->payload);
  sd_buf_append_bytes(&side->payload, delivery->payload);
  side->delivery.payload = sd_buf_bytes(&side->payload);
  if (side->settle)
    sd_amqp_settle(sd_amqp_link_session(link), delivery->delivery_id, delivery->delivery_id,
                   SD_AMQP_CODE_ACCEPTED, NULL, NULL);
}

static void on_disposition(sd_amqp_session *s, const sd_amqp_disposition *disposition)
{
  rig_side *side = side_of_session(s);
  side->dispositions++;
  side->disposition = *disposition;
}

sd_amqp_connection_options rig_options(bool server)
{
  sd_amqp_connection_options options = {.struct_size = sizeof options,
                                        .server = server,
                                        .container_id = server ? "server" : "client",
                                        .hostname = server ? NULL : "localhost",
                                        .max_message_size = 1024 * 1024};
  return options;
}

sd_status rig_side_start(rig_side *side, bool server, const sd_amqp_connection_options *options, uint64_t now)
{
  static const sd_amqp_handler handler = {.struct_size = sizeof handler,
                                          .on_sasl = on_sasl,
                                          .on_open = on_open,
                                          .on_close = on_close,
                                          .on_begin = on_begin,
                                          .on_end = on_end,
                                          .on_attach = on_attach,
                                          .on_detach = on_detach,
                                          .on_flow = on_flow,
                                          .on_delivery = on_delivery,
                                          .on_disposition = on_disposition};
  sd_amqp_connection_options usual = rig_options(server);
  sd_buf_init(&side->payload, 64 * 1024 * 1024);
  return sd_amqp_connection_new(options ? options : &usual, &handler, side, now, &side->connection);
}

void rig_side_stop(rig_side *side)
{
  sd_amqp_connection_free(side->connection);
  side->connection = NULL;
  sd_buf_release(&side->payload);
}

void rig_start_with(rig *r, const sd_amqp_connection_options *client,
                    const sd_amqp_connection_options *server)
{
  memset(r, 0, sizeof *r);
  r->now = 1000;
  r->client.credit = r->server.credit = 100;
  assert_int_equal(rig_side_start(&r->client, false, client, r->now), SD_OK);
  assert_int_equal(rig_side_start(&r->server, true, server, r->now), SD_OK);
}

void rig_start(rig *r)
{
  rig_start_with(r, NULL, NULL);
}

void rig_stop(rig *r)
{
  rig_side_stop(&r->client);
  rig_side_stop(&r->server);
}

static bool move(rig_side *from, rig_side *to, size_t chunk, uint64_t now, size_t *total)
{
  sd_bytes out = sd_amqp_output(from->connection);
  size_t n = chunk > 0 && chunk < out.len ? chunk : out.len;
  if (n == 0)
    return false;
  /* An engine that is over takes nothing more; what is left for it is dropped, as a socket would. */
  (void)sd_amqp_receive(to->connection, out.data, n, now);
  sd_amqp_output_consume(from->connection, n);
  *total += n;
  return true;
}

void rig_pump(rig *r)
{
  bool moved;
  do {
    moved = move(&r->client, &r->server, r->chunk, r->now, &r->client_sent);
    moved |= move(&r->server, &r->client, r->chunk, r->now, &r->server_sent);
  } while (moved);
}

void rig_open_session(rig *r)
{
  rig_pump(r);
  assert_int_equal(r->client.opens, 1);
  assert_int_equal(r->server.opens, 1);
  sd_amqp_session *s;
  assert_int_equal(sd_amqp_session_begin(r->client.connection, NULL, &s), SD_OK);
  rig_pump(r);
  assert_ptr_equal(r->client.session, s);
  assert_non_null(r->server.session);
}

sd_amqp_link *rig_attach(rig *r, const char *name, sd_amqp_role role)
{
  static int mine;
  sd_amqp_link *link;
  sd_amqp_attach attach = {.name = sd_bytes_of(name),
                           .role = role,
                           .snd_settle_mode = SD_AMQP_SND_MIXED,
                           .source = {.present = true, .address = sd_bytes_of("from")},
                           .target = {.present = true, .address = sd_bytes_of("to")}};
  assert_int_equal(sd_amqp_link_attach(r->client.session, &attach, &mine, &link), SD_OK);
  remember_link(&r->client, link);
  rig_pump(r);
  return link;
}

sd_amqp_link *rig_last_link(rig_side *side)
{
  assert_true(side->link_count > 0);
  return side->links[side->link_count - 1];
}

sd_status rig_send(sd_amqp_link *link, size_t size, uint8_t seed)
{
  static uint8_t bytes[4 * 1024 * 1024];
  assert_true(size <= sizeof bytes);
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)(i * (seed + 1u));
  /* In three parts, one of them empty. */
  sd_bytes parts[] = {sd_bytes_make(bytes, size / 3), sd_bytes_make(NULL, 0),
                      sd_bytes_make(bytes + size / 3, size - size / 3)};
  sd_amqp_send_options options = {.struct_size = sizeof options, .tag = sd_bytes_make(&seed, 1)};
  uint32_t id;
  return sd_amqp_send(link, &options, parts, 3, &id);
}

bool rig_payload_is(const rig_side *side, size_t size, uint8_t seed)
{
  if (side->payload.len != size)
    return false;
  for (size_t i = 0; i < size; i++) {
    if (side->payload.data[i] != (uint8_t)(i * (seed + 1u)))
      return false;
  }
  return side->delivery.tag.len == 1 && side->tag[0] == seed;
}

sd_status rig_input_hex(rig_side *side, const char *hex, uint64_t now)
{
  uint8_t bytes[8192];
  size_t n = hex_bytes(hex, bytes, sizeof bytes);
  return sd_amqp_receive(side->connection, bytes, n, now);
}

sd_status rig_input_frame(rig_side *side, uint8_t type, uint16_t channel, const char *body_hex, uint64_t now)
{
  uint8_t bytes[8192];
  size_t n = 8 + hex_bytes(body_hex, bytes + 8, sizeof bytes - 8);
  uint8_t head[8] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n, 2, type, (uint8_t)(channel >> 8), (uint8_t)channel};
  memcpy(bytes, head, sizeof head);
  return sd_amqp_receive(side->connection, bytes, n, now);
}

void rig_raw_server(rig_side *side)
{
  rig_raw_server_with(side, NULL);
}

void rig_raw_server_with(rig_side *side, const sd_amqp_connection_options *options)
{
  memset(side, 0, sizeof *side);
  side->credit = 100;
  assert_int_equal(rig_side_start(side, true, options, 1000), SD_OK);
  assert_int_equal(rig_input_hex(side, "\"AMQP\" 00010000", 1000), SD_OK);
  assert_int_equal(rig_input_frame(side, 0, 0, "005310 c00401 a10163", 1000), SD_OK);
  assert_int_equal(side->opens, 1);
  sd_amqp_output_consume(side->connection, sd_amqp_output(side->connection).len);
}

uint8_t rig_next_performative(rig_side *side, uint8_t *store, size_t store_size, sd_amqp_value *ret_list)
{
  sd_bytes out = sd_amqp_output(side->connection);
  assert_true(out.len >= 8);
  size_t size =
      (size_t)out.data[0] << 24 | (size_t)out.data[1] << 16 | (size_t)out.data[2] << 8 | out.data[3];
  assert_true(size > 8 && size <= out.len && size <= store_size);
  memcpy(store, out.data, size);
  sd_amqp_output_consume(side->connection, size);
  sd_amqp_cursor body = {store + 8, store + size};
  uint8_t code;
  assert_int_equal(sd_amqp_performative_next(&body, &code, ret_list), SD_OK);
  return code;
}
