/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Two engines joined back to back, and raw bytes into one of them, for the engine's tests. */
#ifndef SD_TEST_AMQP_RIG_H
#define SD_TEST_AMQP_RIG_H

#include "hex.h"

#include "amqp/engine.h"
#include "base/alloc.h"

enum { RIG_LINKS_MAX = 16 };

/* What happened on one side, and how it answers. */
typedef struct rig_side {
  sd_amqp_connection *connection;

  unsigned opens, closes, begins, ends, attaches, detaches, flows, drains, deliveries, dispositions;
  bool close_error, end_error, detach_error; /* whether the last of each had one */
  sd_error error;                            /* of the last callback that had one */
  sd_amqp_session *session;                  /* the last shown */
  sd_amqp_link *links[RIG_LINKS_MAX];        /* in the order shown; NULL after on_detach */
  unsigned link_count;
  bool remote_has_source, remote_has_target;
  uint64_t remote_max_message_size;
  sd_amqp_delivery delivery; /* the last; its views are in `tag` and `payload` */
  uint8_t tag[32];
  sd_buf payload;
  sd_amqp_disposition disposition;
  char mechanism[32];

  /* Answers. */
  bool deny_sasl;
  bool leave_attach;  /* neither accept nor refuse */
  const char *refuse; /* condition for every attach */
  uint32_t credit;    /* given on accepting a receiving link */
  bool settle;        /* accept every delivery */
  bool answer_drain;
  bool lose_on_delivery; /* sd_amqp_connection_lost from within on_delivery */
  bool detach_on_delivery;
  unsigned send_on_flow; /* messages to send when on_flow comes */
  unsigned sent;
} rig_side;

typedef struct rig {
  rig_side client;
  rig_side server;
  size_t chunk; /* bytes moved at once; 0: all there are */
  uint64_t now;
  size_t client_sent; /* bytes that came out of the client */
  size_t server_sent;
} rig;

/* Options as every test uses them unless it changes them. */
sd_amqp_connection_options rig_options(bool server);
/* A side with these options (NULL: rig_options). */
sd_status rig_side_start(rig_side *side, bool server, const sd_amqp_connection_options *options,
                         uint64_t now);
void rig_side_stop(rig_side *side);

void rig_start(rig *r);
void rig_start_with(rig *r, const sd_amqp_connection_options *client,
                    const sd_amqp_connection_options *server);
void rig_stop(rig *r);
/* Moves bytes both ways until neither has any. */
void rig_pump(rig *r);
/* Connected, one session begun by the client. */
void rig_open_session(rig *r);
/* The client attaches; role is the client's. Returns its link; the server's is the last of its links. */
sd_amqp_link *rig_attach(rig *r, const char *name, sd_amqp_role role);
sd_amqp_link *rig_last_link(rig_side *side);

/* A message of size bytes, each its position times `seed`. */
sd_status rig_send(sd_amqp_link *link, size_t size, uint8_t seed);
bool rig_payload_is(const rig_side *side, size_t size, uint8_t seed);

/* Gives hex to a side as input, `prefix` 8-byte frame header for frames: "channel" and body. */
sd_status rig_input_hex(rig_side *side, const char *hex, uint64_t now);
sd_status rig_input_frame(rig_side *side, uint8_t type, uint16_t channel, const char *body_hex, uint64_t now);
/* A server that has exchanged headers and open with a peer that the test plays by hand; its output is
 * emptied. */
void rig_raw_server(rig_side *side);
void rig_raw_server_with(rig_side *side, const sd_amqp_connection_options *options);
/* The next performative in the side's output: its code and list, and consumes it. Fails the test when there
 * is none. Views are in `store`. */
uint8_t rig_next_performative(rig_side *side, uint8_t *store, size_t store_size, sd_amqp_value *ret_list);

#endif
