/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* JSON through jansson, for configuration, status and tools; the hot path does not come here. */
#ifndef SD_JSON_JSON_H
#define SD_JSON_JSON_H

#include "base/buf.h"

#include <jansson.h>

/* Parses one JSON value of any kind; duplicate keys are refused. The caller owns *ret (json_decref). */
SD_MUST_CHECK sd_status sd_json_parse(sd_bytes text, json_t **ret, sd_error *error);

/* Appends the value on one line, keys in insertion order. */
SD_MUST_CHECK sd_status sd_json_write(const json_t *value, sd_buf *out);

#endif
