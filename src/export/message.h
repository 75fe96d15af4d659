/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Messages: a template such as "late by {seconds:.1f} s" filled by the attributes of its record. Any thread.
 */
#ifndef SD_EXPORT_MESSAGE_H
#define SD_EXPORT_MESSAGE_H

#include "trace/value.h"

enum {
  SD_MESSAGE_VALUE_MAX = 128,  /* characters of one value; longer ones lose their middle */
  SD_MESSAGE_MAX = 256 * 1024, /* bytes */
};

/* Appends the template with values in the place of its fields: {key}, {key=}, {key!r}, {key:.2f},
 * {key[member]}, {key.member}; {{ and }} stand for braces. attributes: the message and the number of its
 * field that holds them. A template that cannot be filled is appended as it is. */
sd_status sd_message_fill(sd_bytes text, sd_bytes message, uint32_t attributes, sd_buf *out);

/* Whether the template shows the attribute. */
bool sd_message_shows(sd_bytes text, sd_bytes key);

#endif
