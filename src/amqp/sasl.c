/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Protocol headers (§2.2) and the SASL layer (part 5, §5.3), both roles. */
#include "amqp/engine_internal.h"

enum { HEADER_SIZE = 8, ID_AMQP = 0, ID_TLS = 2, ID_SASL = 3 };

static const char *const mechanisms[] = {"ANONYMOUS", "PLAIN", "MSSBCBS", "EXTERNAL"};
enum { MECHANISM_COUNT = sizeof mechanisms / sizeof *mechanisms };

static const char *const outcome_names[] = {"ok", "auth", "sys", "sys-perm", "sys-temp"};

void amqp_send_header(sd_amqp_connection *c, uint8_t protocol_id)
{
  const uint8_t header[HEADER_SIZE] = {'A', 'M', 'Q', 'P', protocol_id, 1, 0, 0};
  amqp_out_bytes(c, header, sizeof header);
}

static void send_mechanisms(sd_amqp_connection *c)
{
  sd_bytes names[MECHANISM_COUNT];
  for (size_t i = 0; i < MECHANISM_COUNT; i++)
    names[i] = sd_bytes_of(mechanisms[i]);
  size_t frame = amqp_frame_begin(c, 1, 0);
  sd_amqp_sasl_mechanisms_encode(&c->out, names, MECHANISM_COUNT);
  amqp_frame_end(c, frame);
}

static void server_header(sd_amqp_connection *c, uint8_t id)
{
  if (c->phase == AMQP_PHASE_HEADER && id == ID_SASL) {
    amqp_send_header(c, ID_SASL);
    send_mechanisms(c);
    c->phase = AMQP_PHASE_SASL;
  } else if (id == ID_AMQP) {
    amqp_send_header(c, ID_AMQP);
    c->phase = AMQP_PHASE_FRAMES;
  } else {
    amqp_send_header(c, ID_AMQP);
    amqp_fail(
        c, id == ID_TLS ? SD_UNSUPPORTED : SD_PROTOCOL, NULL,
        id == ID_TLS
            ? "the peer asked for TLS inside AMQP, which is not offered: connect with TLS from the start "
              "or without"
            : "the peer asked for a protocol layer that is not offered");
  }
}

static void client_header(sd_amqp_connection *c, uint8_t id)
{
  if (c->phase == AMQP_PHASE_HEADER && id == ID_SASL) {
    c->phase = AMQP_PHASE_SASL;
  } else if (c->phase == AMQP_PHASE_AMQP_HEADER && id == ID_AMQP) {
    c->phase = AMQP_PHASE_FRAMES;
    amqp_send_open(c);
  } else {
    amqp_fail(c, SD_PROTOCOL, NULL,
              "the server answered with protocol layer %u, which does not fit: it does not speak AMQP "
              "1.0 with SASL",
              id);
  }
}

size_t amqp_handle_header(sd_amqp_connection *c, const uint8_t *data, size_t len)
{
  static const uint8_t magic[4] = {'A', 'M', 'Q', 'P'};
  size_t n = len < sizeof magic ? len : sizeof magic;
  bool amqp = memcmp(data, magic, n) == 0;
  if (amqp && len < HEADER_SIZE)
    return 0;
  if (amqp && data[5] == 1 && data[6] == 0 && data[7] == 0) {
    if (c->server)
      server_header(c, data[4]);
    else
      client_header(c, data[4]);
    return HEADER_SIZE;
  }
  /* §2.2: what we do not speak is answered with what we do, then the connection ends. */
  if (c->server)
    amqp_send_header(c, amqp && data[4] == ID_SASL ? ID_SASL : ID_AMQP);
  if (amqp)
    amqp_fail(c, SD_PROTOCOL, NULL, "the peer speaks AMQP %u.%u.%u; only 1.0.0 is supported", data[5],
              data[6], data[7]);
  else
    amqp_fail(c, SD_PROTOCOL, NULL, "the peer does not speak AMQP");
  return len;
}

static bool offered(sd_bytes mechanism)
{
  for (size_t i = 0; i < MECHANISM_COUNT; i++) {
    if (sd_bytes_equal_text(mechanism, mechanisms[i]))
      return true;
  }
  return false;
}

static void server_init(sd_amqp_connection *c, const sd_amqp_value *list)
{
  sd_amqp_sasl_init init;
  if (sd_amqp_sasl_init_decode(list, &init) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, NULL, "malformed sasl-init");
    return;
  }
  bool good = offered(init.mechanism);
  if (good && c->handler.on_sasl)
    good = c->handler.on_sasl(c, &init);
  if (c->ended)
    return;
  const sd_amqp_sasl_outcome outcome = {.code = good ? 0 : 1};
  size_t frame = amqp_frame_begin(c, 1, 0);
  sd_amqp_sasl_outcome_encode(&c->out, &outcome);
  amqp_frame_end(c, frame);
  if (good)
    c->phase = AMQP_PHASE_AMQP_HEADER;
  else
    amqp_fail(c, SD_DENIED, NULL, "the client's SASL login was refused");
}

/* Whether the list's first field, an array of symbols or one symbol, names ANONYMOUS. */
static bool offers_anonymous(const sd_amqp_value *list)
{
  sd_amqp_items fields, names;
  sd_amqp_value field, name;
  sd_bytes text;
  sd_amqp_items_init(&fields, list);
  if (sd_amqp_items_next(&fields, &field) != SD_OK)
    return false;
  if (sd_amqp_as_text(&field, &text))
    return sd_bytes_equal_text(text, "ANONYMOUS");
  sd_amqp_items_init(&names, &field);
  while (sd_amqp_items_next(&names, &name) == SD_OK) {
    if (sd_amqp_as_text(&name, &text) && sd_bytes_equal_text(text, "ANONYMOUS"))
      return true;
  }
  return false;
}

static void client_mechanisms(sd_amqp_connection *c, const sd_amqp_value *list)
{
  static const uint8_t nothing[1] = {0};
  if (!offers_anonymous(list)) {
    amqp_fail(c, SD_DENIED, NULL, "the server does not offer the SASL mechanism ANONYMOUS");
    return;
  }
  const sd_amqp_sasl_init init = {.mechanism = sd_bytes_of("ANONYMOUS"),
                                  .initial_response = sd_bytes_make(nothing, 0),
                                  .hostname = c->local.hostname};
  size_t frame = amqp_frame_begin(c, 1, 0);
  sd_amqp_sasl_init_encode(&c->out, &init);
  amqp_frame_end(c, frame);
}

static void client_outcome(sd_amqp_connection *c, const sd_amqp_value *list)
{
  sd_amqp_sasl_outcome outcome;
  if (sd_amqp_sasl_outcome_decode(list, &outcome) != SD_OK) {
    amqp_fail(c, SD_PROTOCOL, NULL, "malformed sasl-outcome");
    return;
  }
  if (outcome.code != 0) {
    bool known = outcome.code < sizeof outcome_names / sizeof *outcome_names;
    amqp_fail(c, SD_DENIED, NULL, "the server refused the SASL login (outcome %u, %s)", outcome.code,
              known ? outcome_names[outcome.code] : "unknown");
    if (outcome.code == 4)
      c->error.retriable = 1;
    return;
  }
  c->phase = AMQP_PHASE_AMQP_HEADER;
  amqp_send_header(c, ID_AMQP);
}

void amqp_handle_sasl(sd_amqp_connection *c, sd_amqp_cursor body)
{
  uint8_t code;
  sd_amqp_value list;
  if (sd_amqp_performative_next(&body, &code, &list) != SD_OK)
    amqp_fail(c, SD_PROTOCOL, NULL, "malformed SASL frame");
  else if (c->server && code == SD_AMQP_CODE_SASL_INIT)
    server_init(c, &list);
  else if (!c->server && code == SD_AMQP_CODE_SASL_MECHANISMS)
    client_mechanisms(c, &list);
  else if (!c->server && code == SD_AMQP_CODE_SASL_OUTCOME)
    client_outcome(c, &list);
  else
    amqp_fail(c, SD_PROTOCOL, NULL, "unexpected SASL frame 0x%02x", code);
}
