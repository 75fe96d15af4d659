/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Data points: one function per message that counts and writes. Attributes are field 7, 9 or 1, by message.
 */
#include "export/otlp_point.h"

#include "export/otlp_common.h"

enum { NUMBER_START = 2, NUMBER_TIME = 3, NUMBER_DOUBLE = 4, NUMBER_INT = 6, NUMBER_ATTRIBUTES = 7 };
enum {
  EXPLICIT_START = 2,
  EXPLICIT_TIME = 3,
  EXPLICIT_COUNT = 4,
  EXPLICIT_SUM = 5,
  EXPLICIT_BUCKETS = 6,
  EXPLICIT_BOUNDS = 7,
  EXPLICIT_ATTRIBUTES = 9,
  EXPLICIT_MIN = 11,
  EXPLICIT_MAX = 12
};
enum {
  EXPONENTIAL_ATTRIBUTES = 1,
  EXPONENTIAL_START = 2,
  EXPONENTIAL_TIME = 3,
  EXPONENTIAL_COUNT = 4,
  EXPONENTIAL_SUM = 5,
  EXPONENTIAL_SCALE = 6,
  EXPONENTIAL_ZERO_COUNT = 7,
  EXPONENTIAL_POSITIVE = 8,
  EXPONENTIAL_NEGATIVE = 9,
  EXPONENTIAL_MIN = 12,
  EXPONENTIAL_MAX = 13
};
enum { BUCKETS_OFFSET = 1, BUCKETS_COUNTS = 2 };

/* Counts, and writes unless `at` is NULL. */
typedef struct writer {
  uint8_t *at;
  size_t size;
} writer;

static void put_fixed(writer *out, uint32_t field, uint64_t value)
{
  out->size += 1 + 8;
  if (out->at)
    out->at = sd_pb_put_fixed64(sd_pb_put_tag(out->at, field, SD_PB_FIXED64), value);
}

static uint64_t bits_of(double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static void put_double(writer *out, uint32_t field, double value)
{
  put_fixed(out, field, bits_of(value));
}

static void put_sint32(writer *out, uint32_t field, int32_t value)
{
  uint64_t encoded = sd_pb_zigzag(value);
  out->size += 1 + sd_pb_varint_size(encoded);
  if (out->at)
    out->at = sd_pb_put_varint(sd_pb_put_tag(out->at, field, SD_PB_VARINT), encoded);
}

static void put_head(writer *out, uint32_t field, size_t len)
{
  out->size += 1 + sd_pb_varint_size(len);
  if (out->at)
    out->at = sd_pb_put_varint(sd_pb_put_tag(out->at, field, SD_PB_BYTES), len);
}

static void put_attributes(writer *out, uint32_t field, const sd_point_value *point)
{
  for (size_t i = 0; i < point->attribute_count; i++) {
    out->size += sd_attribute_field_size(&point->attributes[i]);
    if (out->at)
      out->at = sd_attribute_field_put(out->at, field, &point->attributes[i]);
  }
}

static void put_packed_counts(writer *out, uint32_t field, const uint64_t *counts, size_t count)
{
  put_head(out, field, 8 * count);
  out->size += 8 * count;
  for (size_t i = 0; out->at && i < count; i++)
    out->at = sd_pb_put_fixed64(out->at, counts[i]);
}

static void put_packed_bounds(writer *out, uint32_t field, const double *bounds, size_t count)
{
  if (count == 0)
    return;
  put_head(out, field, 8 * count);
  out->size += 8 * count;
  for (size_t i = 0; out->at && i < count; i++)
    out->at = sd_pb_put_fixed64(out->at, bits_of(bounds[i]));
}

static void put_time(writer *out, uint32_t field, int64_t unix_ns)
{
  if (unix_ns > 0)
    put_fixed(out, field, (uint64_t)unix_ns);
}

static void put_number(writer *out, const sd_metric *metric, const sd_point_value *point)
{
  put_time(out, NUMBER_START, point->start_unix_ns);
  put_time(out, NUMBER_TIME, point->unix_ns);
  if (metric->floating)
    put_double(out, NUMBER_DOUBLE, point->number);
  else
    put_fixed(out, NUMBER_INT, (uint64_t)point->integer);
  put_attributes(out, NUMBER_ATTRIBUTES, point);
}

static void put_explicit(writer *out, const sd_point_value *point)
{
  put_time(out, EXPLICIT_START, point->start_unix_ns);
  put_time(out, EXPLICIT_TIME, point->unix_ns);
  put_fixed(out, EXPLICIT_COUNT, point->count);
  put_double(out, EXPLICIT_SUM, point->sum);
  if (point->bucket_counts) {
    put_packed_counts(out, EXPLICIT_BUCKETS, point->bucket_counts, point->boundary_count + 1);
    put_packed_bounds(out, EXPLICIT_BOUNDS, point->boundaries, point->boundary_count);
  }
  put_attributes(out, EXPLICIT_ATTRIBUTES, point);
  if (point->count > 0) {
    put_double(out, EXPLICIT_MIN, point->min);
    put_double(out, EXPLICIT_MAX, point->max);
  }
}

static void put_buckets(writer *out, uint32_t field, const sd_buckets *buckets)
{
  if (buckets->count == 0)
    return;
  size_t packed = 0;
  for (size_t i = 0; i < buckets->count; i++)
    packed += sd_pb_varint_size(buckets->counts[i]);
  size_t offset = 1 + sd_pb_varint_size(sd_pb_zigzag(buckets->offset));
  put_head(out, field, offset + 1 + sd_pb_varint_size(packed) + packed);
  put_sint32(out, BUCKETS_OFFSET, buckets->offset);
  put_head(out, BUCKETS_COUNTS, packed);
  out->size += packed;
  for (size_t i = 0; out->at && i < buckets->count; i++)
    out->at = sd_pb_put_varint(out->at, buckets->counts[i]);
}

static void put_exponential(writer *out, const sd_point_value *point)
{
  put_attributes(out, EXPONENTIAL_ATTRIBUTES, point);
  put_time(out, EXPONENTIAL_START, point->start_unix_ns);
  put_time(out, EXPONENTIAL_TIME, point->unix_ns);
  put_fixed(out, EXPONENTIAL_COUNT, point->count);
  put_double(out, EXPONENTIAL_SUM, point->sum);
  put_sint32(out, EXPONENTIAL_SCALE, point->scale);
  put_fixed(out, EXPONENTIAL_ZERO_COUNT, point->zero_count);
  put_buckets(out, EXPONENTIAL_POSITIVE, &point->positive);
  put_buckets(out, EXPONENTIAL_NEGATIVE, &point->negative);
  if (point->count > 0) {
    put_double(out, EXPONENTIAL_MIN, point->min);
    put_double(out, EXPONENTIAL_MAX, point->max);
  }
}

size_t sd_otlp_point_put(uint8_t *at, const sd_metric *metric, const sd_point_value *point)
{
  writer out = {at, 0};
  if (metric->kind != SD_HISTOGRAM)
    put_number(&out, metric, point);
  else if (metric->form == SD_HISTOGRAM_EXPONENTIAL)
    put_exponential(&out, point);
  else
    put_explicit(&out, point);
  return out.size;
}
