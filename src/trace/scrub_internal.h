/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to scrub_record.c, scrub_text.c and scrub_json.c: what they share while one record is rewritten. */
#ifndef SD_TRACE_SCRUB_INTERNAL_H
#define SD_TRACE_SCRUB_INTERNAL_H

#include "base/scrub.h"
#include "trace/protobuf.h"
#include "trace/scrub_record.h"
#include "trace/scrub_words.h"

#include <pthread.h>

enum {
  SD_SCRUB_NOTES_MAX = 64, /* things listed in logfire.scrubbed; more are taken out unlisted */
  SD_SCRUB_TEXT_MAX = 4 * SD_SPAN_BYTES_MAX, /* each buffer */
  SD_SCRUB_JSON_LEVELS = 3,                  /* JSON text inside strings of JSON text … */
  SD_SCRUB_JSON_DEPTH_MAX = 64               /* arrays and objects inside each other in one of them */
};

/* Where a value stands, from the inside out: ["attributes", "k", 0]. */
typedef struct sd_scrub_path {
  const struct sd_scrub_path *up; /* NULL: this is the first */
  sd_bytes key;                   /* data NULL: an index */
  size_t index;
} sd_scrub_path;

/* What taking one JSON text apart needs. */
typedef struct sd_scrub_json {
  sd_buf decoded; /* strings without their escapes */
  sd_buf clean;   /* one string after scrubbing */
} sd_scrub_json;

struct sd_record_scrubber {
  pthread_mutex_t adding; /* held around changes of secrets */
  sd_scrubber *secrets;
  sd_scrub_words words;
  bool has_words; /* false: only registered secrets are looked for */
  int rules;      /* of the base room's scrubber */
  sd_scrub_callback_fn *callback;
  void *user;

  /* The telemetry's thread; about the record under work. */
  sd_bytes message;   /* its template */
  sd_bytes noted_key; /* the attribute of the template last listed */
  bool is_changed;
  size_t note_count;
  sd_buf message_notes; /* for logfire.scrubbed: those of the message come first */
  sd_buf notes;
  sd_buf path;        /* as text, for the callback */
  sd_buf value;       /* as text, for the callback */
  sd_buf replacement; /* what stands for a value that was taken out */
  sd_buf text;        /* bytes that are text */
  sd_scrub_json json[SD_SCRUB_JSON_LEVELS];
};

static inline sd_scrub_path sd_scrub_path_key(const sd_scrub_path *up, sd_bytes key)
{
  if (!key.data)
    key = sd_bytes_of("");
  return (sd_scrub_path){.up = up, .key = key};
}

static inline sd_scrub_path sd_scrub_path_index(const sd_scrub_path *up, size_t index)
{
  return (sd_scrub_path){.up = up, .index = index};
}

/* ---- scrub_layout.c */

/* What a field of a message holds. */
typedef enum sd_scrub_content {
  SD_SCRUB_UNKNOWN = 0,
  SD_SCRUB_VARINT,
  SD_SCRUB_FIXED64,
  SD_SCRUB_FIXED32,
  SD_SCRUB_ID,
  SD_SCRUB_TRACE_STATE,
  SD_SCRUB_TEXT,
  SD_SCRUB_ANY,
  SD_SCRUB_ATTRIBUTE,
  SD_SCRUB_EVENT,
  SD_SCRUB_LINK,
  SD_SCRUB_STATUS
} sd_scrub_content;

enum { SD_SCRUB_FIELDS = 17 };

typedef struct sd_scrub_layout {
  uint8_t fields[SD_SCRUB_FIELDS]; /* sd_scrub_content by number */
  const char *text;                /* what notes call its texts */
  uint32_t attributes;             /* field number; 0: none */
} sd_scrub_layout;

extern const sd_scrub_layout sd_scrub_span_layout;
extern const sd_scrub_layout sd_scrub_event_layout;
extern const sd_scrub_layout sd_scrub_link_layout;
extern const sd_scrub_layout sd_scrub_status_layout;
extern const sd_scrub_layout sd_scrub_log_layout;

/* SD_SCRUB_UNKNOWN also when the wire type is not the one that it must have. */
sd_scrub_content sd_scrub_content_of(const sd_scrub_layout *layout, const sd_pb_field *field);

/* ---- scrub_check.c */

/* True when the message needs no change: nothing in it is suspect and its fields are those that our encoder
 * writes. scrubber NULL: only the latter. */
bool sd_scrub_is_clean(const sd_record_scrubber *scrubber, const sd_scrub_layout *layout, sd_bytes message);

/* ---- scrub_write.c */

/* Appends the message without secrets, unknown fields and bytes that are no text; then logfire.scrubbed where
 * anything was found. SD_INVALID when the message is malformed. */
sd_status sd_scrub_write(sd_record_scrubber *scrubber, const sd_scrub_layout *layout, sd_bytes message,
                         sd_buf *out);

/* ---- scrub_text.c */

/* Whether a text may have to be changed; false is certain. is_safe: words do not matter. */
bool sd_scrub_suspects_text(const sd_record_scrubber *scrubber, sd_bytes text, bool is_safe);
/* Whether the key of a value says that it is a secret; *ret_match is the word. */
bool sd_scrub_suspects_key(const sd_record_scrubber *scrubber, sd_bytes key, sd_bytes *ret_match);

/* Appends the text as it may be sent. level: of JSON that the text stands in. */
sd_status sd_scrub_put_text(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes text,
                            bool is_safe, unsigned level, sd_buf *out);
/* The same where words never matter: only what is secret is replaced. */
sd_status sd_scrub_put_plain(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes text,
                             sd_buf *out);

/* What stands for a value whose key or text is that of a secret, good until the next call; no data: the
 * callback wants to keep it. value: as text. */
sd_status sd_scrub_redact(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes match,
                          sd_bytes value, sd_bytes *ret_replacement);

/* ---- scrub_json.c */

/* JSON text (of an object, array or string) with escapes, in which a secret may be written otherwise. */
bool sd_scrub_is_escaped_json(sd_bytes text);

typedef enum sd_scrub_json_result {
  SD_SCRUB_JSON_NONE = 0,   /* not JSON, or too deep */
  SD_SCRUB_JSON_SAME = 1,   /* nothing found */
  SD_SCRUB_JSON_CHANGED = 2 /* appended */
} sd_scrub_json_result;

/* Takes the text apart as JSON and appends it without secrets, if there were any. */
sd_status sd_scrub_put_json(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes text,
                            bool is_safe, unsigned level, sd_buf *out, sd_scrub_json_result *ret_result);

/* Appends a JSON string in ASCII. */
sd_status sd_scrub_put_quoted(sd_bytes text, sd_buf *out);

#endif
