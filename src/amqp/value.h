/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * AMQP 1.0 type system (part 1 of the specification): decoding in place and encoding into an sd_buf. No I/O,
 * no allocation while decoding. A decoded value points into the input and lives as long as it.
 */
#ifndef SD_AMQP_VALUE_H
#define SD_AMQP_VALUE_H

#include "base/buf.h"

typedef enum sd_amqp_type {
  SD_AMQP_NULL = 0, /* also: the field is absent */
  SD_AMQP_BOOLEAN,
  SD_AMQP_UBYTE,
  SD_AMQP_USHORT,
  SD_AMQP_UINT,
  SD_AMQP_ULONG,
  SD_AMQP_BYTE,
  SD_AMQP_SHORT,
  SD_AMQP_INT,
  SD_AMQP_LONG,
  SD_AMQP_FLOAT,
  SD_AMQP_DOUBLE,
  SD_AMQP_DECIMAL32,
  SD_AMQP_DECIMAL64,
  SD_AMQP_DECIMAL128,
  SD_AMQP_CHAR,
  SD_AMQP_TIMESTAMP, /* milliseconds since 1970, in i */
  SD_AMQP_UUID,
  SD_AMQP_BINARY,
  SD_AMQP_STRING,
  SD_AMQP_SYMBOL,
  SD_AMQP_LIST,
  SD_AMQP_MAP,
  SD_AMQP_ARRAY
} sd_amqp_type;

enum {
  SD_AMQP_DEPTH_MAX = 32,            /* nested compounds and descriptors; deeper input is refused */
  SD_AMQP_EMPTY_ELEMENTS_MAX = 4096, /* elements of an array whose elements take no bytes (nulls, list0, …) */
  SD_AMQP_JSON_KEY_MAX = 65536       /* bytes of the JSON of a map's key that is no text */
};

/* One value. `descriptor` holds the encoded bytes of the descriptor of a described value (of any type, as the
 * wire allows), empty otherwise; `type` is then the type of the described value. Where a described value is
 * described again, it holds "outer 00 inner", and the functions below speak of the outer one. */
typedef struct sd_amqp_value {
  sd_amqp_type type;
  sd_bytes descriptor;
  union {
    bool boolean;
    uint64_t u;     /* UBYTE … ULONG, CHAR */
    int64_t i;      /* BYTE … LONG, TIMESTAMP */
    double d;       /* FLOAT, DOUBLE */
    sd_bytes bytes; /* BINARY, STRING, SYMBOL, UUID (16), DECIMAL (4, 8, 16) */
    struct {
      uint32_t count;              /* items; a map counts keys and values */
      uint8_t element_code;        /* ARRAY: constructor byte of the elements (0 in a list or map) */
      sd_bytes element_descriptor; /* ARRAY of described values */
      sd_bytes items;              /* LIST, MAP: encoded items; ARRAY: element data without constructors */
    } compound;
  } as;
} sd_amqp_value;

/* A position in encoded bytes. */
typedef struct sd_amqp_cursor {
  const uint8_t *at;
  const uint8_t *end;
} sd_amqp_cursor;

static inline sd_amqp_cursor sd_amqp_cursor_of(sd_bytes bytes)
{
  sd_amqp_cursor c = {bytes.data, bytes.len > 0 ? bytes.data + bytes.len : bytes.data};
  return c;
}

static inline size_t sd_amqp_cursor_left(const sd_amqp_cursor *c)
{
  return (size_t)(c->end - c->at);
}

/* Reads the next value and moves behind it. SD_PROTOCOL for truncated or malformed input (the cursor then
 * stays). Compounds are bounds-checked as a whole; their items are checked when they are read. */
SD_MUST_CHECK sd_status sd_amqp_decode(sd_amqp_cursor *cursor, sd_amqp_value *ret_value);

/* Walks a list, map (keys and values in turn) or array. *ret_done is true when there is no item left. */
typedef struct sd_amqp_items {
  sd_amqp_cursor cursor;
  uint32_t left;
  uint8_t element_code;
  sd_bytes element_descriptor;
} sd_amqp_items;
void sd_amqp_items_init(sd_amqp_items *items, const sd_amqp_value *compound);
/* SD_OK with a value, SD_NOT_FOUND at the end, SD_PROTOCOL when malformed. */
SD_MUST_CHECK sd_status sd_amqp_items_next(sd_amqp_items *items, sd_amqp_value *ret_value);

/* Looks up a string or symbol key in a map. False when it is absent, malformed, or `map` is no map. */
bool sd_amqp_map_find(const sd_amqp_value *map, const char *key, sd_amqp_value *ret_value);

/* The numeric or symbolic descriptor of a described value. False when there is none of that kind. */
bool sd_amqp_descriptor_code(const sd_amqp_value *value, uint64_t *ret_code);
bool sd_amqp_descriptor_symbol(const sd_amqp_value *value, sd_bytes *ret_symbol);

/* Conveniences: true when the value has a fitting type and range. Integers of any width convert. */
bool sd_amqp_as_int64(const sd_amqp_value *value, int64_t *ret);
bool sd_amqp_as_text(const sd_amqp_value *value, sd_bytes *ret); /* STRING or SYMBOL */

/* Encoding: the shortest form. Failures are kept by the buffer (sd_buf_status). */
void sd_amqp_put_null(sd_buf *buf);
void sd_amqp_put_boolean(sd_buf *buf, bool value);
void sd_amqp_put_ubyte(sd_buf *buf, uint8_t value);
void sd_amqp_put_ushort(sd_buf *buf, uint16_t value);
void sd_amqp_put_uint(sd_buf *buf, uint32_t value);
void sd_amqp_put_ulong(sd_buf *buf, uint64_t value);
void sd_amqp_put_byte(sd_buf *buf, int8_t value);
void sd_amqp_put_short(sd_buf *buf, int16_t value);
void sd_amqp_put_int(sd_buf *buf, int32_t value);
void sd_amqp_put_long(sd_buf *buf, int64_t value);
void sd_amqp_put_float(sd_buf *buf, float value);
void sd_amqp_put_double(sd_buf *buf, double value);
void sd_amqp_put_char(sd_buf *buf, uint32_t code_point);
void sd_amqp_put_timestamp(sd_buf *buf, int64_t unix_ms);
void sd_amqp_put_uuid(sd_buf *buf, const uint8_t uuid[16]);
void sd_amqp_put_binary(sd_buf *buf, sd_bytes value);
void sd_amqp_put_string(sd_buf *buf, sd_bytes value);
void sd_amqp_put_symbol(sd_buf *buf, sd_bytes value);
/* The descriptor of a described value as 00 53 code; the value follows. */
void sd_amqp_put_descriptor(sd_buf *buf, uint8_t code);
/* Any decoded value again, descriptor included. */
void sd_amqp_put_value(sd_buf *buf, const sd_amqp_value *value);

/* Compounds: begin returns a mark; put the items; end fills in size and count. Always the 32-bit form, never
 * list0, because pyamqp reads performatives by position (eventhubs.md §11 item 2). A map counts keys and
 * values. */
size_t sd_amqp_begin_list(sd_buf *buf);
void sd_amqp_end_list(sd_buf *buf, size_t mark, uint32_t count);
size_t sd_amqp_begin_map(sd_buf *buf);
void sd_amqp_end_map(sd_buf *buf, size_t mark, uint32_t count);
/* Arrays of strings or symbols (constructor written once). */
void sd_amqp_put_string_array(sd_buf *buf, const sd_bytes *items, size_t count);
void sd_amqp_put_symbol_array(sd_buf *buf, const sd_bytes *items, size_t count);

/* Appends the value as JSON: integers and finite floats as numbers (ulong too, in full), NaN and infinities
 * as null, boolean, null, string, symbol and char as strings (bytes that are not UTF-8: base64), binary as
 * base64, uuid in its text form, timestamp as ISO 8601 UTC, decimals as "0x…" hex of their bits, lists and
 * arrays as arrays, maps as objects (keys that are no text: their JSON as the key's text). A described value
 * is its plain value. SD_PROTOCOL when the encoded items are malformed or nested deeper than
 * SD_AMQP_DEPTH_MAX; SD_LIMIT, SD_NOMEM from the buffer. On failure out is as before. Timestamps outside the
 * years 1 to 9999 are numbers (milliseconds); a char that is no Unicode scalar is U+FFFD. */
SD_MUST_CHECK sd_status sd_amqp_value_to_json(const sd_amqp_value *value, sd_buf *out);

#endif
