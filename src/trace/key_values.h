/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of the form "key=value,key2=value2" in environment variables: OTEL_RESOURCE_ATTRIBUTES and
 * OTEL_EXPORTER_OTLP_HEADERS (OpenTelemetry specification, resource SDK and OTLP exporter). Keys and values
 * are percent-decoded; white space around them and empty members do not count; a value may hold '='.
 */
#ifndef SD_TRACE_KEY_VALUES_H
#define SD_TRACE_KEY_VALUES_H

#include "base/bytes.h"

#include <streamduck/error.h>

enum {
  SD_KEY_VALUES_MAX = 128,             /* members */
  SD_KEY_VALUES_BYTES_MAX = 64 * 1024, /* of the text */
  SD_KEY_VALUES_HEADERS = 1            /* flag: keys must be tokens, values must have no control characters */
};

typedef struct sd_key_value {
  const char *key; /* UTF-8, not empty */
  const char *value;
} sd_key_value;

typedef struct sd_key_values {
  sd_key_value *items; /* in the order of the text, a key may come again */
  size_t count;
} sd_key_values;

/* All or nothing, as the specification wants it: SD_INVALID (or SD_LIMIT) names the member by its number,
 * never its content, which may be a secret. Release *ret_list. */
SD_MUST_CHECK sd_status sd_key_values_parse(sd_bytes text, unsigned flags, sd_key_values *ret_list,
                                            sd_error *error);
void sd_key_values_release(sd_key_values *list);

#endif
