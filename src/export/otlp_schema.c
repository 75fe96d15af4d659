/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The tables of OTLP's messages: common, trace, logs, metrics. */
#include "export/otlp_schema.h"

#include <assert.h>
#include <streamduck/export.h>

/* clang-format off */
#define ONE(number, kind, name) {number, SD_OTLP_##kind, false, name, NULL}
#define MANY(number, kind, name) {number, SD_OTLP_##kind, true, name, NULL}
#define MESSAGE(number, name, of) {number, SD_OTLP_MESSAGE, false, name, &of}
#define MESSAGES(number, name, of) {number, SD_OTLP_MESSAGE, true, name, &of}
#define DEFINE(message)                                                                                      \
  static_assert(sizeof message##_fields / sizeof *message##_fields <= SD_OTLP_FIELDS_MAX, "");              \
  static const sd_otlp_message message = {message##_fields, sizeof message##_fields / sizeof *message##_fields}

/* common.proto, resource.proto */

static const sd_otlp_message any_value;

static const sd_otlp_field key_value_fields[] = {ONE(1, TEXT, "key"), MESSAGE(2, "value", any_value)};
DEFINE(key_value);

static const sd_otlp_field array_value_fields[] = {MESSAGES(1, "values", any_value)};
DEFINE(array_value);

static const sd_otlp_field key_value_list_fields[] = {MESSAGES(1, "values", key_value)};
DEFINE(key_value_list);

static const sd_otlp_field any_value_fields[] = {
    ONE(1, TEXT, "stringValue"), ONE(2, BOOL, "boolValue"), ONE(3, INT64, "intValue"), ONE(4, DOUBLE, "doubleValue"),
    MESSAGE(5, "arrayValue", array_value), MESSAGE(6, "kvlistValue", key_value_list), ONE(7, BASE64, "bytesValue")};
DEFINE(any_value);

static const sd_otlp_field entity_ref_fields[] = {
    ONE(1, TEXT, "schemaUrl"), ONE(2, TEXT, "type"), MANY(3, TEXT, "idKeys"), MANY(4, TEXT, "descriptionKeys")};
DEFINE(entity_ref);

static const sd_otlp_field resource_fields[] = {
    MESSAGES(1, "attributes", key_value), ONE(2, UINT32, "droppedAttributesCount"), MESSAGES(3, "entityRefs", entity_ref)};
DEFINE(resource);

static const sd_otlp_field scope_fields[] = {
    ONE(1, TEXT, "name"), ONE(2, TEXT, "version"), MESSAGES(3, "attributes", key_value),
    ONE(4, UINT32, "droppedAttributesCount")};
DEFINE(scope);

/* trace.proto */

static const sd_otlp_field event_fields[] = {
    ONE(1, FIXED64, "timeUnixNano"), ONE(2, TEXT, "name"), MESSAGES(3, "attributes", key_value),
    ONE(4, UINT32, "droppedAttributesCount")};
DEFINE(event);

static const sd_otlp_field link_fields[] = {
    ONE(1, HEX, "traceId"), ONE(2, HEX, "spanId"), ONE(3, TEXT, "traceState"), MESSAGES(4, "attributes", key_value),
    ONE(5, UINT32, "droppedAttributesCount"), ONE(6, FIXED32, "flags")};
DEFINE(link);

static const sd_otlp_field status_fields[] = {ONE(2, TEXT, "message"), ONE(3, ENUM, "code")};
DEFINE(status);

static const sd_otlp_field span_fields[] = {
    ONE(1, HEX, "traceId"), ONE(2, HEX, "spanId"), ONE(3, TEXT, "traceState"), ONE(4, HEX, "parentSpanId"),
    ONE(16, FIXED32, "flags"), ONE(5, TEXT, "name"), ONE(6, ENUM, "kind"), ONE(7, FIXED64, "startTimeUnixNano"),
    ONE(8, FIXED64, "endTimeUnixNano"), MESSAGES(9, "attributes", key_value), ONE(10, UINT32, "droppedAttributesCount"),
    MESSAGES(11, "events", event), ONE(12, UINT32, "droppedEventsCount"), MESSAGES(13, "links", link),
    ONE(14, UINT32, "droppedLinksCount"), MESSAGE(15, "status", status)};
DEFINE(span);

static const sd_otlp_field scope_spans_fields[] = {
    MESSAGE(1, "scope", scope), MESSAGES(2, "spans", span), ONE(3, TEXT, "schemaUrl")};
DEFINE(scope_spans);

static const sd_otlp_field resource_spans_fields[] = {
    MESSAGE(1, "resource", resource), MESSAGES(2, "scopeSpans", scope_spans), ONE(3, TEXT, "schemaUrl")};
DEFINE(resource_spans);

static const sd_otlp_field trace_request_fields[] = {MESSAGES(1, "resourceSpans", resource_spans)};
DEFINE(trace_request);

/* logs.proto */

static const sd_otlp_field log_record_fields[] = {
    ONE(1, FIXED64, "timeUnixNano"), ONE(11, FIXED64, "observedTimeUnixNano"), ONE(2, ENUM, "severityNumber"),
    ONE(3, TEXT, "severityText"), MESSAGE(5, "body", any_value), MESSAGES(6, "attributes", key_value),
    ONE(7, UINT32, "droppedAttributesCount"), ONE(8, FIXED32, "flags"), ONE(9, HEX, "traceId"), ONE(10, HEX, "spanId"),
    ONE(12, TEXT, "eventName")};
DEFINE(log_record);

static const sd_otlp_field scope_logs_fields[] = {
    MESSAGE(1, "scope", scope), MESSAGES(2, "logRecords", log_record), ONE(3, TEXT, "schemaUrl")};
DEFINE(scope_logs);

static const sd_otlp_field resource_logs_fields[] = {
    MESSAGE(1, "resource", resource), MESSAGES(2, "scopeLogs", scope_logs), ONE(3, TEXT, "schemaUrl")};
DEFINE(resource_logs);

static const sd_otlp_field logs_request_fields[] = {MESSAGES(1, "resourceLogs", resource_logs)};
DEFINE(logs_request);

/* metrics.proto */

static const sd_otlp_field exemplar_fields[] = {
    MESSAGES(7, "filteredAttributes", key_value), ONE(2, FIXED64, "timeUnixNano"), ONE(3, DOUBLE, "asDouble"),
    ONE(6, SFIXED64, "asInt"), ONE(4, HEX, "spanId"), ONE(5, HEX, "traceId")};
DEFINE(exemplar);

static const sd_otlp_field number_point_fields[] = {
    MESSAGES(7, "attributes", key_value), ONE(2, FIXED64, "startTimeUnixNano"), ONE(3, FIXED64, "timeUnixNano"),
    ONE(4, DOUBLE, "asDouble"), ONE(6, SFIXED64, "asInt"), MESSAGES(5, "exemplars", exemplar), ONE(8, UINT32, "flags")};
DEFINE(number_point);

static const sd_otlp_field histogram_point_fields[] = {
    MESSAGES(9, "attributes", key_value), ONE(2, FIXED64, "startTimeUnixNano"), ONE(3, FIXED64, "timeUnixNano"),
    ONE(4, FIXED64, "count"), ONE(5, DOUBLE, "sum"), MANY(6, FIXED64, "bucketCounts"), MANY(7, DOUBLE, "explicitBounds"),
    MESSAGES(8, "exemplars", exemplar), ONE(10, UINT32, "flags"), ONE(11, DOUBLE, "min"), ONE(12, DOUBLE, "max")};
DEFINE(histogram_point);

static const sd_otlp_field buckets_fields[] = {ONE(1, SINT32, "offset"), MANY(2, UINT64, "bucketCounts")};
DEFINE(buckets);

static const sd_otlp_field exponential_point_fields[] = {
    MESSAGES(1, "attributes", key_value), ONE(2, FIXED64, "startTimeUnixNano"), ONE(3, FIXED64, "timeUnixNano"),
    ONE(4, FIXED64, "count"), ONE(5, DOUBLE, "sum"), ONE(6, SINT32, "scale"), ONE(7, FIXED64, "zeroCount"),
    MESSAGE(8, "positive", buckets), MESSAGE(9, "negative", buckets), ONE(10, UINT32, "flags"),
    MESSAGES(11, "exemplars", exemplar), ONE(12, DOUBLE, "min"), ONE(13, DOUBLE, "max"), ONE(14, DOUBLE, "zeroThreshold")};
DEFINE(exponential_point);

static const sd_otlp_field quantile_fields[] = {ONE(1, DOUBLE, "quantile"), ONE(2, DOUBLE, "value")};
DEFINE(quantile);

static const sd_otlp_field summary_point_fields[] = {
    MESSAGES(7, "attributes", key_value), ONE(2, FIXED64, "startTimeUnixNano"), ONE(3, FIXED64, "timeUnixNano"),
    ONE(4, FIXED64, "count"), ONE(5, DOUBLE, "sum"), MESSAGES(6, "quantileValues", quantile), ONE(8, UINT32, "flags")};
DEFINE(summary_point);

static const sd_otlp_field gauge_fields[] = {MESSAGES(1, "dataPoints", number_point)};
DEFINE(gauge);

static const sd_otlp_field sum_fields[] = {
    MESSAGES(1, "dataPoints", number_point), ONE(2, ENUM, "aggregationTemporality"), ONE(3, BOOL, "isMonotonic")};
DEFINE(sum);

static const sd_otlp_field histogram_fields[] = {
    MESSAGES(1, "dataPoints", histogram_point), ONE(2, ENUM, "aggregationTemporality")};
DEFINE(histogram);

static const sd_otlp_field exponential_histogram_fields[] = {
    MESSAGES(1, "dataPoints", exponential_point), ONE(2, ENUM, "aggregationTemporality")};
DEFINE(exponential_histogram);

static const sd_otlp_field summary_fields[] = {MESSAGES(1, "dataPoints", summary_point)};
DEFINE(summary);

static const sd_otlp_field metric_fields[] = {
    ONE(1, TEXT, "name"), ONE(2, TEXT, "description"), ONE(3, TEXT, "unit"), MESSAGE(5, "gauge", gauge),
    MESSAGE(7, "sum", sum), MESSAGE(9, "histogram", histogram),
    MESSAGE(10, "exponentialHistogram", exponential_histogram), MESSAGE(11, "summary", summary),
    MESSAGES(12, "metadata", key_value)};
DEFINE(metric);

static const sd_otlp_field scope_metrics_fields[] = {
    MESSAGE(1, "scope", scope), MESSAGES(2, "metrics", metric), ONE(3, TEXT, "schemaUrl")};
DEFINE(scope_metrics);

static const sd_otlp_field resource_metrics_fields[] = {
    MESSAGE(1, "resource", resource), MESSAGES(2, "scopeMetrics", scope_metrics), ONE(3, TEXT, "schemaUrl")};
DEFINE(resource_metrics);

static const sd_otlp_field metrics_request_fields[] = {MESSAGES(1, "resourceMetrics", resource_metrics)};
DEFINE(metrics_request);
/* clang-format on */

const sd_otlp_message *sd_otlp_request_message(int signal)
{
  switch (signal) {
  case SD_SIGNAL_TRACES:
    return &trace_request;
  case SD_SIGNAL_METRICS:
    return &metrics_request;
  case SD_SIGNAL_LOGS:
    return &logs_request;
  default:
    return NULL;
  }
}
