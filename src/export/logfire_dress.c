/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* From records to Logfire's spans. */
#include "export/logfire_dress.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/json_text.h"
#include "base/random.h"
#include "export/logfire_fingerprint.h"
#include "export/logfire_value.h"
#include "export/message.h"
#include "trace/otlp_fields.h"
#include "trace/protobuf_buf.h"

enum {
  ARENA_BLOCK = 64 * 1024,
  HANDED_OVER = 1 << 30 /* in a slot of `finished`: the span is dealt with */
};

struct sd_logfire_dress {
  sd_arena bytes; /* the dressed messages of this part */
  sd_record records[SD_LOGFIRE_PART_RECORDS];
  size_t count;
  sd_buf otlp; /* the record under work */
  sd_buf text;
  sd_buf schema;
  uint32_t *finished; /* index + 1 of each ended span of the batch, by its id; 0: none */
  size_t slots;       /* a power of two */
};

/* What a record needs beside what it has. */
typedef struct plan {
  const sd_record *record;
  bool is_twin;
  bool has_message, has_template, has_span_type, has_level, has_schema, has_fingerprint;
  bool has_text; /* values that must become text */
  int64_t http_status;
  int32_t level; /* 0: not sent */
  bool becomes_error;
} plan;

/* ---- Writing
 * ---------------------------------------------------------------------------------------------------- */

static void put_text_attribute(sd_bytes key, sd_bytes text, sd_buf *out)
{
  size_t attribute = sd_pb_open(out, SD_OTLP_SPAN_ATTRIBUTES);
  sd_pb_append_bytes(out, SD_OTLP_KEY_VALUE_KEY, key);
  size_t value = sd_pb_open(out, SD_OTLP_KEY_VALUE_VALUE);
  sd_pb_append_bytes(out, SD_ANY_STRING, text);
  sd_pb_close(out, value);
  sd_pb_close(out, attribute);
}

static void put_text(const char *key, sd_bytes text, sd_buf *out)
{
  put_text_attribute(sd_bytes_of(key), text, out);
}

static void put_int(const char *key, int64_t number, sd_buf *out)
{
  size_t attribute = sd_pb_open(out, SD_OTLP_SPAN_ATTRIBUTES);
  sd_pb_append_bytes(out, SD_OTLP_KEY_VALUE_KEY, sd_bytes_of(key));
  size_t value = sd_pb_open(out, SD_OTLP_KEY_VALUE_VALUE);
  sd_pb_append_number(out, SD_ANY_INT, SD_PB_VARINT, (uint64_t)number);
  sd_pb_close(out, value);
  sd_pb_close(out, attribute);
}

/* ---- Planning
 * --------------------------------------------------------------------------------------------------- */

static bool begins_with(sd_bytes text, const char *prefix)
{
  size_t len = strlen(prefix);
  return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* Arguments are what the program said; the rest was said about it. */
static bool is_argument(sd_bytes key)
{
  return !begins_with(key, "logfire.") && !begins_with(key, "code.");
}

/* Logfire takes its tags as a list. */
static bool needs_text(const sd_attribute_view *attribute)
{
  return sd_logfire_needs_text(&attribute->value) && !sd_bytes_equal_text(attribute->key, "logfire.tags");
}

static void notice(plan *p, const sd_attribute_view *attribute)
{
  sd_bytes key = attribute->key;
  p->has_text = p->has_text || needs_text(attribute);
  if (begins_with(key, "logfire.")) {
    p->has_message = p->has_message || sd_bytes_equal_text(key, "logfire.msg");
    p->has_template = p->has_template || sd_bytes_equal_text(key, "logfire.msg_template");
    p->has_span_type = p->has_span_type || sd_bytes_equal_text(key, "logfire.span_type");
    p->has_level = p->has_level || sd_bytes_equal_text(key, "logfire.level_num");
    p->has_schema = p->has_schema || sd_bytes_equal_text(key, "logfire.json_schema");
    p->has_fingerprint = p->has_fingerprint || sd_bytes_equal_text(key, "logfire.exception.fingerprint");
  } else if (attribute->value.type == SD_ANY_INT && (sd_bytes_equal_text(key, "http.response.status_code") ||
                                                     sd_bytes_equal_text(key, "http.status_code"))) {
    p->http_status = attribute->value.integer;
  }
}

static void put_schema_member(const sd_attribute_view *attribute, sd_buf *out)
{
  sd_buf_append_text(out, out->len ? "," : "{\"type\":\"object\",\"properties\":{");
  sd_json_text(attribute->key, out);
  sd_buf_append_byte(out, ':');
  sd_logfire_put_schema(&attribute->value, out);
}

/* Level and status follow from each other. */
static void plan_level(plan *p)
{
  const sd_record *r = p->record;
  p->level = r->level;
  if (r->is_log && p->level == SD_LEVEL_NONE)
    p->level = SD_LEVEL_INFO;
  if (r->status == SD_SPAN_ERROR) {
    p->level = p->level ? p->level : SD_LEVEL_ERROR;
  } else if (r->status == SD_SPAN_UNSET && p->level >= SD_LEVEL_ERROR) {
    p->becomes_error = true;
  } else if (r->status == SD_SPAN_UNSET && !p->level && !p->is_twin) {
    bool is_server = r->span_kind == SD_SPAN_SERVER;
    bool is_client = r->span_kind == SD_SPAN_CLIENT;
    p->becomes_error = (is_server && p->http_status >= 500) || (is_client && p->http_status >= 400);
    p->level = p->becomes_error                     ? SD_LEVEL_ERROR
               : is_server && p->http_status >= 400 ? SD_LEVEL_WARN
                                                    : SD_LEVEL_NONE;
  }
}

static void make_plan(sd_logfire_dress *dress, const sd_record *record, bool is_twin, plan *p)
{
  sd_bytes message = sd_bytes_make(record->otlp, record->otlp_len);
  sd_attribute_view attribute;
  memset(p, 0, sizeof *p);
  p->record = record;
  p->is_twin = is_twin;
  sd_buf_clear(&dress->schema);
  while (sd_attribute_next_field(&message, SD_OTLP_SPAN_ATTRIBUTES, &attribute)) {
    notice(p, &attribute);
    if (is_argument(attribute.key))
      put_schema_member(&attribute, &dress->schema);
  }
  if (dress->schema.len > 0)
    sd_buf_append_text(&dress->schema, "}}");
  plan_level(p);
}

/* ---- Dressing
 * --------------------------------------------------------------------------------------------------- */

static void put_message(sd_logfire_dress *dress, const plan *p)
{
  const sd_record *r = p->record;
  sd_bytes text = sd_bytes_make(r->message, r->message_len);
  if (r->message && !p->has_template)
    put_text("logfire.msg_template", text, &dress->otlp);
  if (p->has_message)
    return;
  sd_buf_clear(&dress->text);
  if (!r->message || sd_message_fill(text, sd_bytes_make(r->otlp, r->otlp_len), SD_OTLP_SPAN_ATTRIBUTES,
                                     &dress->text) != SD_OK)
    put_text("logfire.msg", sd_bytes_make(r->name, r->name_len), &dress->otlp);
  else
    put_text("logfire.msg", sd_buf_bytes(&dress->text), &dress->otlp);
}

static void put_span_type(sd_logfire_dress *dress, const plan *p)
{
  const char *type = p->is_twin ? "pending_span" : p->record->is_log ? "log" : "span";
  if (p->is_twin || !p->has_span_type)
    put_text("logfire.span_type", sd_bytes_of(type), &dress->otlp);
}

static void put_level(sd_logfire_dress *dress, const plan *p)
{
  if (p->level && !p->has_level)
    put_int("logfire.level_num", p->level, &dress->otlp);
}

static void put_schema(sd_logfire_dress *dress, const plan *p)
{
  if (dress->schema.len > 0 && !p->has_schema && sd_buf_status(&dress->schema) == SD_OK)
    put_text("logfire.json_schema", sd_buf_bytes(&dress->schema), &dress->otlp);
}

static void put_fingerprint(sd_logfire_dress *dress, const plan *p)
{
  static const uint8_t none[SD_SPAN_ID_SIZE];
  const sd_record *r = p->record;
  char fingerprint[SD_LOGFIRE_FINGERPRINT_SIZE];
  bool is_top = r->parent_remote || memcmp(r->parent_id, none, sizeof none) == 0;
  if (is_top && !p->is_twin && !p->has_fingerprint &&
      (p->level == SD_LEVEL_NONE || p->level >= SD_LEVEL_ERROR) &&
      sd_logfire_fingerprint(sd_bytes_make(r->otlp, r->otlp_len), fingerprint))
    put_text("logfire.exception.fingerprint", sd_bytes_of(fingerprint), &dress->otlp);
}

/* The attribute, as text where it must be. Returns false when it stays as it is. */
static bool put_as_text(sd_logfire_dress *dress, sd_bytes message)
{
  sd_attribute_view attribute;
  if (!sd_attribute_read(message, &attribute) || !needs_text(&attribute))
    return false;
  sd_buf_clear(&dress->text);
  if (sd_logfire_put_text(&attribute.value, &dress->text) != SD_OK)
    return false;
  put_text_attribute(attribute.key, sd_buf_bytes(&dress->text), &dress->otlp);
  return true;
}

/* A twin is a span of its own below the real one, and lasts no time. True when the field is dealt with. */
static bool put_twin_field(sd_logfire_dress *dress, const sd_record *record, const sd_pb_field *field)
{
  uint8_t id[SD_SPAN_ID_SIZE];
  sd_attribute_view attribute;
  sd_buf *out = &dress->otlp;
  switch (field->number) {
  case SD_OTLP_SPAN_SPAN_ID:
    do
      sd_random_bytes(id, sizeof id);
    while (id[0] == 0);
    sd_pb_append_bytes(out, SD_OTLP_SPAN_SPAN_ID, sd_bytes_make(id, sizeof id));
    sd_pb_append_bytes(out, SD_OTLP_SPAN_PARENT_ID, sd_bytes_make(record->span_id, sizeof record->span_id));
    return true;
  case SD_OTLP_SPAN_END:
    sd_pb_append_number(out, SD_OTLP_SPAN_END, SD_PB_FIXED64, (uint64_t)record->start_unix_ns);
    return true;
  case SD_OTLP_SPAN_FLAGS:
    sd_pb_append_number(out, SD_OTLP_SPAN_FLAGS, SD_PB_FIXED32,
                        (field->integer & 0xff) | SD_OTLP_FLAG_REMOTE_KNOWN);
    return true;
  case SD_OTLP_SPAN_PARENT_ID:
  case SD_OTLP_SPAN_TRACE_STATE:
    return true;
  case SD_OTLP_SPAN_ATTRIBUTES:
    /* What makes it a twin is not the program's to say. */
    return field->wire_type == SD_PB_BYTES && sd_attribute_read(field->bytes, &attribute) &&
           (sd_bytes_equal_text(attribute.key, "logfire.span_type") ||
            sd_bytes_equal_text(attribute.key, "logfire.pending_parent_id"));
  default:
    return false;
  }
}

/* The record's own fields. */
static void put_fields(sd_logfire_dress *dress, const plan *p)
{
  sd_bytes rest = sd_bytes_make(p->record->otlp, p->record->otlp_len);
  if (!p->is_twin && !p->has_text) {
    sd_buf_append_bytes(&dress->otlp, rest);
    return;
  }
  sd_pb_field field;
  for (sd_bytes before = rest; sd_pb_next(&rest, &field); before = rest) {
    if (p->is_twin && put_twin_field(dress, p->record, &field))
      continue;
    if (field.number == SD_OTLP_SPAN_ATTRIBUTES && field.wire_type == SD_PB_BYTES &&
        put_as_text(dress, field.bytes))
      continue;
    sd_buf_append(&dress->otlp, before.data, before.len - rest.len);
  }
}

static void put_pending_parent(sd_logfire_dress *dress, const sd_record *record)
{
  static const char digits[] = "0123456789abcdef";
  char hex[2 * SD_SPAN_ID_SIZE];
  for (size_t i = 0; i < SD_SPAN_ID_SIZE; i++) {
    hex[2 * i] = digits[record->parent_id[i] >> 4];
    hex[2 * i + 1] = digits[record->parent_id[i] & 15];
  }
  put_text("logfire.pending_parent_id", sd_bytes_make(hex, sizeof hex), &dress->otlp);
}

static void put_error_status(sd_logfire_dress *dress)
{
  static const uint8_t error[] = {SD_OTLP_STATUS_CODE << 3 | SD_PB_VARINT, SD_SPAN_ERROR};
  sd_pb_append_bytes(&dress->otlp, SD_OTLP_SPAN_STATUS, sd_bytes_make(error, sizeof error));
}

static bool dress_message(sd_logfire_dress *dress, const plan *p)
{
  sd_buf_clear(&dress->otlp);
  if (p->record->is_log) {
    put_span_type(dress, p);
    put_level(dress, p);
    put_message(dress, p);
    put_fields(dress, p);
    put_schema(dress, p);
  } else {
    put_fields(dress, p);
    put_message(dress, p);
    put_schema(dress, p);
    put_level(dress, p);
    put_span_type(dress, p);
  }
  if (p->is_twin)
    put_pending_parent(dress, p->record);
  put_fingerprint(dress, p);
  if (p->becomes_error)
    put_error_status(dress);
  return sd_buf_status(&dress->otlp) == SD_OK && sd_buf_status(&dress->schema) == SD_OK;
}

/* ---- Batches
 * ---------------------------------------------------------------------------------------------------- */

typedef struct batch {
  sd_logfire_dress *dress;
  const sd_record *records;
  size_t count;
  sd_logfire_dressed_fn *fn;
  void *user;
  size_t lost;
} batch;

static void hand_over(batch *b)
{
  if (b->dress->count > 0)
    b->fn(b->user, b->dress->records, b->dress->count);
  b->dress->count = 0;
  sd_arena_reset(&b->dress->bytes);
}

static void add(batch *b, const sd_record *record)
{
  sd_logfire_dress *dress = b->dress;
  sd_record dressed = *record;
  if (record->kind != SD_RECORD_LOG) {
    plan p;
    make_plan(dress, record, record->kind == SD_RECORD_PENDING, &p);
    const uint8_t *otlp =
        dress_message(dress, &p) ? sd_arena_copy(&dress->bytes, dress->otlp.data, dress->otlp.len) : NULL;
    if (!otlp) {
      b->lost++;
      return;
    }
    dressed.otlp = otlp;
    dressed.otlp_len = dress->otlp.len;
    dressed.level = SD_LEVEL_NONE; /* it stands among the attributes now */
    if (p.becomes_error)
      dressed.status = SD_SPAN_ERROR;
  }
  dress->records[dress->count++] = dressed;
  if (dress->count == SD_LOGFIRE_PART_RECORDS || sd_arena_used(&dress->bytes) >= SD_LOGFIRE_PART_BYTES)
    hand_over(b);
}

static bool is_span(const sd_record *record)
{
  return record->kind == SD_RECORD_SPAN && !record->is_log;
}

static bool is_same_span(const sd_record *a, const sd_record *b)
{
  return memcmp(a->span_id, b->span_id, sizeof a->span_id) == 0 &&
         memcmp(a->trace_id, b->trace_id, sizeof a->trace_id) == 0;
}

static size_t slot_of(const sd_logfire_dress *dress, const sd_record *record)
{
  uint64_t id;
  memcpy(&id, record->span_id, sizeof id);
  return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (dress->slots - 1);
}

/* Room for twice as many spans as the batch has. False without memory: then no twin is held back. */
static bool clear_finished(sd_logfire_dress *dress, size_t count)
{
  size_t slots = 64;
  while (slots < 2 * count)
    slots *= 2;
  if (slots > dress->slots) {
    uint32_t *more = sd_realloc(dress->finished, slots * sizeof *more);
    if (!more)
      return false;
    dress->finished = more;
    dress->slots = slots;
  }
  memset(dress->finished, 0, dress->slots * sizeof *dress->finished);
  return true;
}

static void note_finished(batch *b)
{
  for (size_t i = 0; i < b->count; i++) {
    if (!is_span(&b->records[i]))
      continue;
    size_t slot = slot_of(b->dress, &b->records[i]);
    while (b->dress->finished[slot])
      slot = (slot + 1) & (b->dress->slots - 1);
    b->dress->finished[slot] = (uint32_t)i + 1;
  }
}

/* The slot of the end of the record's span in this batch; NULL: it has not ended. */
static uint32_t *find_finished(const batch *b, const sd_record *record)
{
  uint32_t *slots = b->dress->finished;
  for (size_t i = slot_of(b->dress, record); slots[i]; i = (i + 1) & (b->dress->slots - 1)) {
    if (is_same_span(&b->records[(slots[i] & ~(uint32_t)HANDED_OVER) - 1], record))
      return &slots[i];
  }
  return NULL;
}

/* Spans and twins in the order in which each span was first seen. */
static void add_spans(batch *b, bool knows_finished)
{
  for (size_t i = 0; i < b->count; i++) {
    const sd_record *record = &b->records[i];
    if (record->kind == SD_RECORD_LOG || record->is_log)
      continue;
    uint32_t *finished = knows_finished ? find_finished(b, record) : NULL;
    if (!finished) {
      add(b, record);
    } else if (!(*finished & HANDED_OVER)) {
      add(b, &b->records[*finished - 1]);
      *finished |= HANDED_OVER;
    }
  }
}

size_t sd_logfire_dress_records(sd_logfire_dress *dress, const sd_record *records, size_t count,
                                sd_logfire_dressed_fn *fn, void *user)
{
  batch b = {.dress = dress, .records = records, .count = count, .fn = fn, .user = user};
  for (size_t i = 0; i < count; i++) {
    if (records[i].kind == SD_RECORD_LOG || records[i].is_log)
      add(&b, &records[i]);
  }
  bool knows_finished = clear_finished(dress, count);
  if (knows_finished)
    note_finished(&b);
  add_spans(&b, knows_finished);
  hand_over(&b);
  return b.lost;
}

sd_status sd_logfire_dress_new(sd_logfire_dress **ret_dress)
{
  sd_logfire_dress *dress = sd_calloc(1, sizeof *dress);
  if (!dress)
    return SD_NOMEM;
  sd_arena_init(&dress->bytes, ARENA_BLOCK, SD_LOGFIRE_PART_BYTES + 2 * SD_LOGFIRE_RECORD_MAX);
  sd_buf_init(&dress->otlp, SD_LOGFIRE_RECORD_MAX);
  sd_buf_init(&dress->text, SD_LOGFIRE_RECORD_MAX);
  sd_buf_init(&dress->schema, SD_LOGFIRE_RECORD_MAX);
  *ret_dress = dress;
  return SD_OK;
}

void sd_logfire_dress_free(sd_logfire_dress *dress)
{
  if (!dress)
    return;
  sd_free(dress->finished);
  sd_buf_release(&dress->schema);
  sd_buf_release(&dress->text);
  sd_buf_release(&dress->otlp);
  sd_arena_release(&dress->bytes);
  sd_free(dress);
}
