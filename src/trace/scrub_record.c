/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Scrubbing of records. A record is first read once without writing: nearly all are clean and pass as they
 * are. One that may hold a secret, or is not written as our encoder writes, is written anew.
 */
#include "trace/scrub_record.h"

#include "base/alloc.h"
#include "trace/otlp_fields.h"
#include "trace/scrub_internal.h"

/* ---- The scrubber
 * ----------------------------------------------------------------------------------------------- */

static void init_memory(sd_record_scrubber *scrubber)
{
  sd_buf_init(&scrubber->message_notes, SD_SCRUB_TEXT_MAX);
  sd_buf_init(&scrubber->notes, SD_SCRUB_TEXT_MAX);
  sd_buf_init(&scrubber->path, SD_SCRUB_TEXT_MAX);
  sd_buf_init(&scrubber->value, SD_SCRUB_TEXT_MAX);
  sd_buf_init(&scrubber->replacement, SD_SCRUB_TEXT_MAX);
  sd_buf_init(&scrubber->text, SD_SCRUB_TEXT_MAX);
  for (size_t i = 0; i < SD_SCRUB_JSON_LEVELS; i++) {
    sd_buf_init(&scrubber->json[i].decoded, SD_SCRUB_TEXT_MAX);
    sd_buf_init(&scrubber->json[i].clean, SD_SCRUB_TEXT_MAX);
  }
}

sd_status sd_record_scrubber_new(const sd_telemetry_options *options, sd_record_scrubber **ret_scrubber,
                                 sd_error *error)
{
  sd_record_scrubber *scrubber = sd_calloc(1, sizeof *scrubber);
  if (!scrubber)
    return sd_error_set(error, SD_NOMEM, "no memory for the scrubber of records");
  sd_status status = sd_scrub_words_init(&scrubber->words, options->scrub_patterns, error);
  if (status != SD_OK)
    goto free_scrubber;
  status = sd_scrubber_new(&scrubber->secrets);
  if (status != SD_OK) {
    sd_error_set(error, status, "no memory for the scrubber of records");
    goto release_words;
  }
  if (pthread_mutex_init(&scrubber->adding, NULL) != 0) {
    status = sd_error_set(error, SD_NOMEM, "no memory for a lock");
    goto free_secrets;
  }
  scrubber->has_words = !options->scrub_off;
  scrubber->rules = options->scrub_off ? SD_SCRUB_REGISTERED : SD_SCRUB_ALL;
  scrubber->callback = options->scrub_callback;
  scrubber->user = options->scrub_user;
  init_memory(scrubber);
  *ret_scrubber = scrubber;
  return SD_OK;
free_secrets:
  sd_scrubber_free(scrubber->secrets);
release_words:
  sd_scrub_words_release(&scrubber->words);
free_scrubber:
  sd_free(scrubber);
  return status;
}

void sd_record_scrubber_free(sd_record_scrubber *scrubber)
{
  if (!scrubber)
    return;
  for (size_t i = 0; i < SD_SCRUB_JSON_LEVELS; i++) {
    sd_buf_release(&scrubber->json[i].decoded);
    sd_buf_release(&scrubber->json[i].clean);
  }
  sd_buf_release(&scrubber->text);
  sd_buf_release(&scrubber->replacement);
  sd_buf_release(&scrubber->value);
  sd_buf_release(&scrubber->path);
  sd_buf_release(&scrubber->notes);
  sd_buf_release(&scrubber->message_notes);
  pthread_mutex_destroy(&scrubber->adding);
  sd_scrubber_free(scrubber->secrets);
  sd_scrub_words_release(&scrubber->words);
  sd_free(scrubber);
}

sd_status sd_record_scrubber_add(sd_record_scrubber *scrubber, const char *secret)
{
  pthread_mutex_lock(&scrubber->adding);
  sd_status status = sd_scrubber_add(scrubber->secrets, secret);
  pthread_mutex_unlock(&scrubber->adding);
  return status;
}

void sd_record_scrubber_before_fork(sd_record_scrubber *scrubber)
{
  pthread_mutex_lock(&scrubber->adding);
}

void sd_record_scrubber_after_fork(sd_record_scrubber *scrubber)
{
  pthread_mutex_unlock(&scrubber->adding);
}

/* ---- Records
 * ---------------------------------------------------------------------------------------------------- */

static void begin(sd_record_scrubber *scrubber, const sd_record *record)
{
  scrubber->message = sd_bytes_make(record->message, record->message_len);
  scrubber->noted_key = sd_bytes_make(NULL, 0);
  scrubber->is_changed = false;
  scrubber->note_count = 0;
  sd_buf_clear(&scrubber->message_notes);
  sd_buf_clear(&scrubber->notes);
}

/* Where the name stands in the message that was written. */
static void find_name(sd_record *record, sd_bytes message, uint32_t number)
{
  sd_pb_field field;
  record->name = "";
  record->name_len = 0;
  while (sd_pb_next(&message, &field)) {
    if (field.number == number && field.wire_type == SD_PB_BYTES && field.bytes.len > 0) {
      record->name = (const char *)field.bytes.data;
      record->name_len = field.bytes.len;
    }
  }
}

sd_status sd_record_scrub(sd_record_scrubber *scrubber, const sd_record *in, sd_buf *scratch, sd_record *out)
{
  bool is_log = in->kind == SD_RECORD_LOG;
  const sd_scrub_layout *layout = is_log ? &sd_scrub_log_layout : &sd_scrub_span_layout;
  sd_bytes message = sd_bytes_make(in->message, in->message_len);
  sd_bytes otlp = sd_bytes_make(in->otlp, in->otlp_len);
  if (!sd_scrub_suspects_text(scrubber, message, true) && sd_scrub_is_clean(scrubber, layout, otlp)) {
    *out = *in;
    return SD_OK;
  }
  begin(scrubber, in);
  /* Template first, message behind it. */
  sd_scrub_path path = sd_scrub_path_key(NULL, sd_bytes_of("message_template"));
  sd_status status = sd_scrub_put_plain(scrubber, &path, message, scratch);
  size_t message_len = scratch->len;
  if (status == SD_OK)
    status = sd_scrub_write(scrubber, layout, otlp, scratch);
  if (status != SD_OK)
    return status;
  *out = *in;
  if (!scrubber->is_changed && sd_scrub_is_clean(NULL, layout, otlp)) {
    sd_buf_clear(scratch);
    return SD_OK;
  }
  if (in->message) {
    out->message = message_len ? (const char *)scratch->data : "";
    out->message_len = message_len;
  }
  out->otlp = scratch->data + message_len;
  out->otlp_len = scratch->len - message_len;
  find_name(out, sd_bytes_make(out->otlp, out->otlp_len),
            is_log ? SD_OTLP_LOG_EVENT_NAME : SD_OTLP_SPAN_NAME);
  return SD_OK;
}
