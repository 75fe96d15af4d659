/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The messages of OTLP as data: field numbers, JSON names, kinds. From opentelemetry-proto 1.x. */
#ifndef SD_EXPORT_OTLP_SCHEMA_H
#define SD_EXPORT_OTLP_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a field stands in protobuf and in JSON. */
typedef enum sd_otlp_kind {
  SD_OTLP_TEXT,
  SD_OTLP_HEX,    /* bytes: an id */
  SD_OTLP_BASE64, /* bytes */
  SD_OTLP_BOOL,
  SD_OTLP_ENUM,    /* int32 varint: a number */
  SD_OTLP_UINT32,  /* varint: a number */
  SD_OTLP_FIXED32, /* a number */
  SD_OTLP_SINT32,  /* zigzag: a number */
  SD_OTLP_INT64,   /* varint: a string */
  SD_OTLP_UINT64,  /* varint: a string */
  SD_OTLP_FIXED64, /* a string */
  SD_OTLP_SFIXED64,
  SD_OTLP_DOUBLE,
  SD_OTLP_MESSAGE
} sd_otlp_kind;

typedef struct sd_otlp_message sd_otlp_message;

typedef struct sd_otlp_field {
  uint8_t number;
  uint8_t kind; /* an sd_otlp_kind */
  bool repeated;
  const char *name; /* in JSON */
  const sd_otlp_message *message;
} sd_otlp_field;

enum { SD_OTLP_FIELDS_MAX = 16 };

struct sd_otlp_message {
  const sd_otlp_field *fields;
  size_t count; /* <= SD_OTLP_FIELDS_MAX */
};

/* The export request of a signal (SD_SIGNAL_…); NULL for another number. */
const sd_otlp_message *sd_otlp_request_message(int signal);

#endif
