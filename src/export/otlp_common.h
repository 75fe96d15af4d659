/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * What requests of all signals share: the resource, the scope, and messages that are written in place. Sizes
 * are exact; the functions that write get a place that was checked to be large enough and return its end.
 */
#ifndef SD_EXPORT_OTLP_COMMON_H
#define SD_EXPORT_OTLP_COMMON_H

#include "trace/value.h"

#include <streamduck/export.h>

/* Field numbers: Export*ServiceRequest, Resource{Spans,Metrics,Logs}, Scope{Spans,Metrics,Logs}. */
enum { SD_OTLP_REQUEST_RESOURCES = 1 };
enum { SD_OTLP_RESOURCE_RESOURCE = 1, SD_OTLP_RESOURCE_SCOPES = 2 };
enum { SD_OTLP_SCOPE_SCOPE = 1, SD_OTLP_SCOPE_RECORDS = 2 };

/* A tag below field 16 and a length of four bytes, patched when the content is known: enough for
 * SD_OTLP_REQUEST_MAX. */
enum { SD_NEST_SIZE = 1 + 4 };
uint8_t *sd_nest_open(uint8_t *at, uint32_t field);
/* content: what sd_nest_open returned. */
void sd_nest_close(uint8_t *content, const uint8_t *end);

/* A whole field with its tag, below field 16; nothing for an empty or missing text. Repairs UTF-8. */
size_t sd_text_field_size(const char *text);
uint8_t *sd_text_field_put(uint8_t *at, uint32_t field, const char *text);

/* A KeyValue as the repeated field `field` (below 16). */
size_t sd_attribute_field_size(const sd_attribute *attribute);
uint8_t *sd_attribute_field_put(uint8_t *at, uint32_t field, const sd_attribute *attribute);

/* The tracer's InstrumentationScope as the field of its Scope… message. */
size_t sd_scope_size(const sd_tracer *tracer);
uint8_t *sd_scope_put(uint8_t *at, const sd_tracer *tracer);

/* The Resource of the tracer's telemetry as the field of its Resource… message. */
size_t sd_resource_size(const sd_tracer *tracer);
uint8_t *sd_resource_put(uint8_t *at, const sd_tracer *tracer);

#endif
