/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The performatives of AMQP 1.0 (part 2, §2.7) and of SASL (part 5, §5.3.3) as structs, and their codec.
 *
 * Decoding accepts trimmed lists (absent trailing fields take the specification's defaults), list0 and any
 * width. Encoding writes every field, trailing nulls included (eventhubs.md §11 item 2). Views point into the
 * frame; `raw` views hold one encoded AMQP value, empty when null.
 */
#ifndef SD_AMQP_PERFORMATIVE_H
#define SD_AMQP_PERFORMATIVE_H

#include "amqp/value.h"

enum {
  SD_AMQP_CODE_OPEN = 0x10,
  SD_AMQP_CODE_BEGIN = 0x11,
  SD_AMQP_CODE_ATTACH = 0x12,
  SD_AMQP_CODE_FLOW = 0x13,
  SD_AMQP_CODE_TRANSFER = 0x14,
  SD_AMQP_CODE_DISPOSITION = 0x15,
  SD_AMQP_CODE_DETACH = 0x16,
  SD_AMQP_CODE_END = 0x17,
  SD_AMQP_CODE_CLOSE = 0x18,
  SD_AMQP_CODE_ERROR = 0x1d,
  SD_AMQP_CODE_RECEIVED = 0x23,
  SD_AMQP_CODE_ACCEPTED = 0x24,
  SD_AMQP_CODE_REJECTED = 0x25,
  SD_AMQP_CODE_RELEASED = 0x26,
  SD_AMQP_CODE_MODIFIED = 0x27,
  SD_AMQP_CODE_SOURCE = 0x28,
  SD_AMQP_CODE_TARGET = 0x29,
  SD_AMQP_CODE_COORDINATOR = 0x30,
  SD_AMQP_CODE_SASL_MECHANISMS = 0x40,
  SD_AMQP_CODE_SASL_INIT = 0x41,
  SD_AMQP_CODE_SASL_CHALLENGE = 0x42,
  SD_AMQP_CODE_SASL_RESPONSE = 0x43,
  SD_AMQP_CODE_SASL_OUTCOME = 0x44
};

enum {
  SD_AMQP_TAG_MAX = 32,     /* bytes of a delivery tag (§2.8.7) */
  SD_AMQP_TRANSFER_MAX = 80 /* bytes of an encoded transfer */
};

typedef enum sd_amqp_role { SD_AMQP_SENDER = 0, SD_AMQP_RECEIVER = 1 } sd_amqp_role;

enum { SD_AMQP_SND_UNSETTLED = 0, SD_AMQP_SND_SETTLED = 1, SD_AMQP_SND_MIXED = 2 };
enum { SD_AMQP_RCV_FIRST = 0, SD_AMQP_RCV_SECOND = 1 };

/* error (§2.8.14) */
typedef struct sd_amqp_error {
  bool present;
  sd_bytes condition;
  sd_bytes description;
  sd_bytes info_raw;
} sd_amqp_error;

/* open (§2.7.1) */
typedef struct sd_amqp_open {
  sd_bytes container_id;
  sd_bytes hostname;
  uint32_t max_frame_size;  /* absent: 4294967295 */
  uint16_t channel_max;     /* absent: 65535 */
  uint32_t idle_timeout_ms; /* absent: 0 = none */
  sd_bytes outgoing_locales_raw;
  sd_bytes incoming_locales_raw;
  sd_bytes offered_capabilities_raw;
  sd_bytes desired_capabilities_raw;
  sd_bytes properties_raw;
} sd_amqp_open;

/* begin (§2.7.2) */
typedef struct sd_amqp_begin {
  bool has_remote_channel;
  uint16_t remote_channel;
  uint32_t next_outgoing_id;
  uint32_t incoming_window;
  uint32_t outgoing_window;
  uint32_t handle_max; /* absent: 4294967295 */
  sd_bytes offered_capabilities_raw;
  sd_bytes desired_capabilities_raw;
  sd_bytes properties_raw;
} sd_amqp_begin;

/* source (§3.5.3) and target (§3.5.4) share their first fields. */
typedef struct sd_amqp_terminus {
  bool present;     /* false: null */
  bool coordinator; /* a transaction coordinator instead of a target; its fields are not decoded */
  sd_bytes address; /* text; data NULL when null. An address of another type counts as null */
  uint32_t durable;
  sd_bytes expiry_policy; /* empty: the default, session-end */
  uint32_t timeout;
  bool dynamic;
  sd_bytes dynamic_node_properties_raw;
  sd_bytes distribution_mode_raw; /* source only, as the four below */
  sd_bytes filter_raw;
  sd_bytes default_outcome_raw;
  sd_bytes outcomes_raw;
  sd_bytes capabilities_raw;
} sd_amqp_terminus;

/* attach (§2.7.3) */
typedef struct sd_amqp_attach {
  sd_bytes name;
  uint32_t handle;
  sd_amqp_role role;
  uint8_t snd_settle_mode; /* absent: mixed */
  uint8_t rcv_settle_mode; /* absent: first */
  sd_amqp_terminus source;
  sd_amqp_terminus target;
  sd_bytes unsettled_raw;
  bool incomplete_unsettled;
  bool has_initial_delivery_count;
  uint32_t initial_delivery_count;
  uint64_t max_message_size; /* absent or 0: no limit */
  sd_bytes offered_capabilities_raw;
  sd_bytes desired_capabilities_raw;
  sd_bytes properties_raw;
} sd_amqp_attach;

/* flow (§2.7.4) */
typedef struct sd_amqp_flow {
  bool has_next_incoming_id;
  uint32_t next_incoming_id;
  uint32_t incoming_window;
  uint32_t next_outgoing_id;
  uint32_t outgoing_window;
  bool has_handle;
  uint32_t handle;
  bool has_delivery_count;
  uint32_t delivery_count;
  bool has_link_credit;
  uint32_t link_credit;
  bool has_available;
  uint32_t available;
  bool drain;
  bool echo;
  sd_bytes properties_raw;
} sd_amqp_flow;

/* transfer (§2.7.5); the payload is what follows it in the frame. */
typedef struct sd_amqp_transfer {
  uint32_t handle;
  bool has_delivery_id;
  uint32_t delivery_id;
  sd_bytes delivery_tag; /* data NULL when absent */
  bool has_message_format;
  uint32_t message_format;
  bool has_settled;
  bool settled;
  bool more;
  bool has_rcv_settle_mode;
  uint8_t rcv_settle_mode;
  sd_bytes state_raw;
  bool resume;
  bool aborted;
  bool batchable;
} sd_amqp_transfer;

/* Outcome or state of a delivery (§3.4). */
typedef struct sd_amqp_outcome {
  uint8_t code;        /* SD_AMQP_CODE_RECEIVED … MODIFIED; 0: null */
  sd_amqp_error error; /* of REJECTED */
} sd_amqp_outcome;

/* disposition (§2.7.6) */
typedef struct sd_amqp_disposition {
  sd_amqp_role role;
  uint32_t first;
  uint32_t last; /* absent: first */
  bool settled;
  sd_amqp_outcome state;
  bool batchable;
} sd_amqp_disposition;

/* detach (§2.7.7) */
typedef struct sd_amqp_detach {
  uint32_t handle;
  bool closed;
  sd_amqp_error error;
} sd_amqp_detach;

/* end (§2.7.8) and close (§2.7.9) */
typedef struct sd_amqp_close {
  sd_amqp_error error;
} sd_amqp_close;

/* sasl-mechanisms, -init, -outcome (§5.3.3). A single symbol instead of an array is accepted. */
typedef struct sd_amqp_sasl_init {
  sd_bytes mechanism;
  sd_bytes initial_response; /* data NULL when null */
  sd_bytes hostname;
} sd_amqp_sasl_init;
typedef struct sd_amqp_sasl_outcome {
  uint8_t code; /* 0 ok, 1 auth, 2 sys, 3 sys-perm, 4 sys-temp */
} sd_amqp_sasl_outcome;

/* Reads "described list" performatives: the descriptor's code and the list, at the start of a frame body. The
 * cursor then stands at the payload. Symbolic descriptors ("amqp:open:list") are understood. */
SD_MUST_CHECK sd_status sd_amqp_performative_next(sd_amqp_cursor *body, uint8_t *ret_code,
                                                  sd_amqp_value *ret_list);

SD_MUST_CHECK sd_status sd_amqp_open_decode(const sd_amqp_value *list, sd_amqp_open *ret);
SD_MUST_CHECK sd_status sd_amqp_begin_decode(const sd_amqp_value *list, sd_amqp_begin *ret);
SD_MUST_CHECK sd_status sd_amqp_attach_decode(const sd_amqp_value *list, sd_amqp_attach *ret);
SD_MUST_CHECK sd_status sd_amqp_flow_decode(const sd_amqp_value *list, sd_amqp_flow *ret);
SD_MUST_CHECK sd_status sd_amqp_transfer_decode(const sd_amqp_value *list, sd_amqp_transfer *ret);
SD_MUST_CHECK sd_status sd_amqp_disposition_decode(const sd_amqp_value *list, sd_amqp_disposition *ret);
SD_MUST_CHECK sd_status sd_amqp_detach_decode(const sd_amqp_value *list, sd_amqp_detach *ret);
SD_MUST_CHECK sd_status sd_amqp_close_decode(const sd_amqp_value *list, sd_amqp_close *ret);
SD_MUST_CHECK sd_status sd_amqp_sasl_init_decode(const sd_amqp_value *list, sd_amqp_sasl_init *ret);
SD_MUST_CHECK sd_status sd_amqp_sasl_outcome_decode(const sd_amqp_value *list, sd_amqp_sasl_outcome *ret);

void sd_amqp_open_encode(sd_buf *buf, const sd_amqp_open *open);
void sd_amqp_begin_encode(sd_buf *buf, const sd_amqp_begin *begin);
void sd_amqp_attach_encode(sd_buf *buf, const sd_amqp_attach *attach);
void sd_amqp_flow_encode(sd_buf *buf, const sd_amqp_flow *flow);
void sd_amqp_disposition_encode(sd_buf *buf, const sd_amqp_disposition *disposition);
void sd_amqp_detach_encode(sd_buf *buf, const sd_amqp_detach *detach);
void sd_amqp_end_encode(sd_buf *buf, const sd_amqp_close *end);
void sd_amqp_close_encode(sd_buf *buf, const sd_amqp_close *close);
void sd_amqp_sasl_mechanisms_encode(sd_buf *buf, const sd_bytes *mechanisms, size_t count);
void sd_amqp_sasl_init_encode(sd_buf *buf, const sd_amqp_sasl_init *init);
void sd_amqp_sasl_outcome_encode(sd_buf *buf, const sd_amqp_sasl_outcome *outcome);

/* A transfer, of which there is one for each event, goes into space at hand instead; returns its length,
 * which `more` does not change. The state is not written, since no delivery here begins with one, and neither
 * is a tag of more than SD_AMQP_TAG_MAX bytes. */
size_t sd_amqp_transfer_encode(uint8_t space[SD_AMQP_TRANSFER_MAX], const sd_amqp_transfer *transfer);

/* Frames (§2.3): begin writes an 8-byte header (type 0 AMQP, 1 SASL) and returns a mark; end fills in the
 * size. */
size_t sd_amqp_frame_begin(sd_buf *buf, uint8_t type, uint16_t channel);
void sd_amqp_frame_end(sd_buf *buf, size_t mark);

#endif
