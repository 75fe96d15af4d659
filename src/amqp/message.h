/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The sections of an AMQP message (part 3, §3.2), decoded in place. */
#ifndef SD_AMQP_MESSAGE_H
#define SD_AMQP_MESSAGE_H

#include "amqp/value.h"

enum {
  SD_AMQP_SECTION_HEADER = 0x70,
  SD_AMQP_SECTION_DELIVERY_ANNOTATIONS = 0x71,
  SD_AMQP_SECTION_MESSAGE_ANNOTATIONS = 0x72,
  SD_AMQP_SECTION_PROPERTIES = 0x73,
  SD_AMQP_SECTION_APPLICATION_PROPERTIES = 0x74,
  SD_AMQP_SECTION_DATA = 0x75,
  SD_AMQP_SECTION_SEQUENCE = 0x76,
  SD_AMQP_SECTION_VALUE = 0x77,
  SD_AMQP_SECTION_FOOTER = 0x78
};

/* message-format of a batch: each data section holds one encoded message (eventhubs.md §5). */
#define SD_AMQP_FORMAT_BATCH 0x80013700u

typedef enum sd_amqp_body_kind {
  SD_AMQP_BODY_NONE = 0,
  SD_AMQP_BODY_DATA,
  SD_AMQP_BODY_VALUE,
  SD_AMQP_BODY_SEQUENCE
} sd_amqp_body_kind;

/* Sections that are absent have type SD_AMQP_NULL. */
typedef struct sd_amqp_message {
  sd_amqp_value header;                 /* list */
  sd_amqp_value delivery_annotations;   /* map */
  sd_amqp_value message_annotations;    /* map */
  sd_amqp_value properties;             /* list */
  sd_amqp_value application_properties; /* map */
  sd_amqp_value footer;                 /* map */
  sd_amqp_body_kind body_kind;
  uint32_t body_count;    /* sections of the body */
  sd_amqp_value body;     /* the first of them: BINARY (data), any (value), LIST (sequence) */
  sd_bytes body_sections; /* encoded bytes from the first to the last body section */
} sd_amqp_message;

/* SD_PROTOCOL when a section is malformed, unknown or of the wrong type. Section order is not enforced. */
SD_MUST_CHECK sd_status sd_amqp_message_decode(sd_bytes payload, sd_amqp_message *ret_message);

/* Walks body sections: value of each; SD_NOT_FOUND at the end. Start with sd_amqp_cursor_of(body_sections).
 */
SD_MUST_CHECK sd_status sd_amqp_body_next(sd_amqp_cursor *cursor, sd_amqp_value *ret_section);

/* Fields of the properties section (§3.2.4) by position; absent fields are SD_AMQP_NULL. */
enum {
  SD_AMQP_PROPERTY_MESSAGE_ID = 0,
  SD_AMQP_PROPERTY_USER_ID,
  SD_AMQP_PROPERTY_TO,
  SD_AMQP_PROPERTY_SUBJECT,
  SD_AMQP_PROPERTY_REPLY_TO,
  SD_AMQP_PROPERTY_CORRELATION_ID,
  SD_AMQP_PROPERTY_CONTENT_TYPE,
  SD_AMQP_PROPERTY_CONTENT_ENCODING,
  SD_AMQP_PROPERTY_ABSOLUTE_EXPIRY_TIME,
  SD_AMQP_PROPERTY_CREATION_TIME,
  SD_AMQP_PROPERTY_GROUP_ID,
  SD_AMQP_PROPERTY_GROUP_SEQUENCE,
  SD_AMQP_PROPERTY_REPLY_TO_GROUP_ID,
  SD_AMQP_PROPERTY_COUNT
};
SD_MUST_CHECK sd_status sd_amqp_properties_decode(const sd_amqp_value *list,
                                                  sd_amqp_value ret_fields[SD_AMQP_PROPERTY_COUNT]);

/* Encoding. A data section's header is 00 53 75 and a binary constructor. */
void sd_amqp_put_data_section(sd_buf *buf, sd_bytes data);
/* 00 53 <section>; the value follows. */
static inline void sd_amqp_put_section(sd_buf *buf, uint8_t section)
{
  sd_amqp_put_descriptor(buf, section);
}

#endif
