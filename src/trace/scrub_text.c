/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Scrubbing one text, and the list of what was taken out. */
#include "trace/scrub_internal.h"

static const char HIDDEN[] = "***";

bool sd_scrub_suspects_text(const sd_record_scrubber *scrubber, sd_bytes text, bool is_safe)
{
  sd_bytes match;
  return (!is_safe && scrubber->has_words && sd_scrub_words_find(&scrubber->words, text, &match)) ||
         sd_scrub_finds(scrubber->secrets, scrubber->rules, text) || !sd_utf8_valid(text.data, text.len) ||
         sd_scrub_is_escaped_json(text);
}

bool sd_scrub_suspects_key(const sd_record_scrubber *scrubber, sd_bytes key, sd_bytes *ret_match)
{
  if (!scrubber->has_words)
    return false;
  if (sd_scrub_words_find(&scrubber->words, key, ret_match))
    return true;
  *ret_match = key;
  return sd_scrub_names_secret(key);
}

/* ---- Notes
 * ------------------------------------------------------------------------------------------------------ */

/* A key or word in a note; one that holds a secret is not shown. */
static void put_name(const sd_record_scrubber *scrubber, sd_bytes name, sd_buf *out)
{
  if (sd_scrub_finds(scrubber->secrets, scrubber->rules, name))
    name = sd_bytes_of(HIDDEN);
  sd_scrub_put_quoted(name, out);
}

static void put_path(const sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_buf *out)
{
  if (path->up) {
    put_path(scrubber, path->up, out);
    sd_buf_append_text(out, ", ");
  }
  if (path->key.data)
    put_name(scrubber, path->key, out);
  else
    sd_buf_appendf(out, "%zu", path->index);
}

static void put_note(const sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes match,
                     sd_buf *out)
{
  sd_buf_append_text(out, out->len ? ", {\"path\": [" : "{\"path\": [");
  put_path(scrubber, path, out);
  sd_buf_append_text(out, "], \"matched_substring\": ");
  put_name(scrubber, match, out);
  sd_buf_append_byte(out, '}');
}

/* Whether the template has {key}, with anything that may follow the key. */
static bool message_has(sd_bytes message, sd_bytes key)
{
  for (size_t i = 0; i < message.len; i++) {
    if (message.data[i] != '{')
      continue;
    size_t behind = i + 1 + key.len;
    if (behind < message.len && (key.len == 0 || memcmp(message.data + i + 1, key.data, key.len) == 0) &&
        message.data[behind] && strchr("}=!:[.", message.data[behind]))
      return true;
  }
  return false;
}

/* The attribute that the path leads into, if it stands in the message. */
static bool find_message_key(const sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes *ret_key)
{
  if (scrubber->message.len == 0 || !path->up)
    return false;
  while (path->up->up)
    path = path->up;
  *ret_key = path->key;
  return sd_bytes_equal_text(path->up->key, "attributes") && path->key.data &&
         message_has(scrubber->message, path->key);
}

static sd_status note(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes match)
{
  sd_bytes key;
  scrubber->is_changed = true;
  if (scrubber->note_count >= SD_SCRUB_NOTES_MAX)
    return SD_OK;
  scrubber->note_count++;
  if (find_message_key(scrubber, path, &key) && key.data != scrubber->noted_key.data) {
    sd_scrub_path message = sd_scrub_path_key(NULL, sd_bytes_of("message"));
    sd_scrub_path field = sd_scrub_path_key(&message, key);
    put_note(scrubber, &field, match, &scrubber->message_notes);
    scrubber->noted_key = key;
  }
  put_note(scrubber, path, match, &scrubber->notes);
  sd_status status = sd_buf_status(&scrubber->message_notes);
  return status == SD_OK ? sd_buf_status(&scrubber->notes) : status;
}

/* ---- Replacing
 * -------------------------------------------------------------------------------------------------- */

/* True when the callback decided; *ret_replacement as sd_scrub_redact. */
static bool ask(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes match, sd_bytes value,
                sd_bytes *ret_replacement)
{
  sd_buf_clear(&scrubber->path);
  sd_buf_clear(&scrubber->value);
  sd_buf_clear(&scrubber->replacement);
  sd_buf_append_byte(&scrubber->path, '[');
  put_path(scrubber, path, &scrubber->path);
  sd_buf_append_byte(&scrubber->path, ']');
  sd_buf_append_bytes(&scrubber->value, value);
  sd_buf_append_bytes(&scrubber->replacement, match);
  const char *shown = sd_buf_text(&scrubber->value);
  if (sd_buf_status(&scrubber->path) != SD_OK || sd_buf_status(&scrubber->value) != SD_OK)
    return false;
  const char *answer = scrubber->callback(scrubber->user, sd_buf_text(&scrubber->path),
                                          sd_buf_text(&scrubber->replacement), shown);
  if (!answer)
    return false;
  if (answer == shown) {
    *ret_replacement = sd_bytes_make(NULL, 0);
    return true;
  }
  scrubber->is_changed = true;
  *ret_replacement = sd_bytes_of(answer);
  return true;
}

sd_status sd_scrub_redact(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes match,
                          sd_bytes value, sd_bytes *ret_replacement)
{
  if (scrubber->callback && ask(scrubber, path, match, value, ret_replacement))
    return SD_OK;
  sd_buf *out = &scrubber->replacement;
  sd_buf_clear(out);
  sd_buf_append_text(out, "[Scrubbed due to '");
  if (sd_scrub_finds(scrubber->secrets, scrubber->rules, match))
    sd_buf_append_text(out, HIDDEN);
  else
    sd_buf_append_bytes(out, match);
  sd_buf_append_text(out, "']");
  sd_status status = sd_buf_status(out);
  if (status == SD_OK)
    status = note(scrubber, path, match);
  if (status == SD_OK)
    *ret_replacement = sd_buf_bytes(out);
  return status;
}

sd_status sd_scrub_put_plain(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes text,
                             sd_buf *out)
{
  size_t before = out->len;
  sd_status status;
  if (sd_scrub_finds(scrubber->secrets, scrubber->rules, text)) {
    status = sd_scrub_by(scrubber->secrets, scrubber->rules, text, out);
    sd_bytes clean = sd_bytes_make(out->data + before, out->len - before);
    if (status == SD_OK && !sd_bytes_equal(clean, text))
      status = note(scrubber, path, sd_bytes_of(HIDDEN));
  } else {
    status = sd_buf_append_bytes(out, text);
  }
  if (status == SD_OK && out->len > before && !sd_utf8_valid(out->data + before, out->len - before)) {
    sd_utf8_repair((char *)out->data + before, out->len - before);
    scrubber->is_changed = true;
  }
  return status;
}

sd_status sd_scrub_put_text(sd_record_scrubber *scrubber, const sd_scrub_path *path, sd_bytes text,
                            bool is_safe, unsigned level, sd_buf *out)
{
  sd_bytes match;
  /* A text that is nothing but the word says nothing. */
  bool is_found = !is_safe && scrubber->has_words && sd_scrub_words_find(&scrubber->words, text, &match) &&
                  match.len < text.len;
  if (is_found || sd_scrub_is_escaped_json(text)) {
    sd_scrub_json_result result;
    sd_status status = sd_scrub_put_json(scrubber, path, text, is_safe, level, out, &result);
    if (status != SD_OK || result == SD_SCRUB_JSON_CHANGED)
      return status;
    if (is_found && result == SD_SCRUB_JSON_NONE) {
      sd_bytes replacement;
      status = sd_scrub_redact(scrubber, path, match, text, &replacement);
      if (status != SD_OK)
        return status;
      if (replacement.data)
        text = replacement;
    }
  }
  return sd_scrub_put_plain(scrubber, path, text, out);
}
