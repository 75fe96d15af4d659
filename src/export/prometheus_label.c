/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Names and values of labels. */
#include "export/prometheus_label.h"

#include "base/alloc.h"
#include "base/number.h"
#include "export/prometheus_name.h"
#include "trace/text.h"
#include "trace/value.h"

#include <stdlib.h>

void sd_prometheus_labels_init(sd_prometheus_labels *labels, size_t max_bytes)
{
  labels->count = 0;
  sd_buf_init(&labels->names, max_bytes);
  sd_buf_init(&labels->value, max_bytes);
}

void sd_prometheus_labels_release(sd_prometheus_labels *labels)
{
  sd_buf_release(&labels->names);
  sd_buf_release(&labels->value);
}

void sd_prometheus_labels_clear(sd_prometheus_labels *labels)
{
  labels->count = 0;
}

void sd_prometheus_labels_add(sd_prometheus_labels *labels, const char *key, sd_any value)
{
  if (labels->count < SD_PROMETHEUS_LABELS_MAX)
    labels->items[labels->count++] = (sd_prometheus_label){.key = key, .value = value};
}

/* A NUL has no place in text and is left out. */
void sd_prometheus_escape(sd_bytes text, bool with_quotes, sd_buf *out)
{
  for (size_t i = 0; i < text.len; i++) {
    uint8_t c = text.data[i];
    if (c == '\n')
      sd_buf_append_text(out, "\\n");
    else if (c == '\\' || (c == '"' && with_quotes))
      sd_buf_append(out, (const uint8_t[]){'\\', c}, 2);
    else if (c != '\0')
      sd_buf_append_byte(out, c);
  }
}

static void put_string(const sd_any *value, sd_buf *out)
{
  sd_bytes text = sd_bytes_make(value->as.string, value->as.string ? value->len : 0);
  size_t size = sd_text_size(text, 0);
  uint8_t *space;
  if (sd_buf_reserve(out, size, &space) != SD_OK)
    return;
  sd_text_put(text, 0, space);
  sd_buf_commit(out, size);
}

static void put_double(double value, sd_buf *out)
{
  char text[SD_DOUBLE_TEXT_SIZE];
  sd_buf_append(out, text, sd_double_to_text(value, text));
}

/* As JSON; bytes without the quotes around their base64. */
static sd_status put_other(const sd_any *value, sd_buf *out)
{
  size_t size = sd_any_size(value, 0);
  uint8_t *message = sd_alloc(size);
  sd_any_view view;
  if (!message)
    return SD_NOMEM;
  sd_any_encode(value, 0, message);
  if (sd_any_read(sd_bytes_make(message, size), &view))
    sd_any_to_json(&view, out);
  sd_free(message);
  if (value->type == SD_ANY_BYTES && sd_buf_status(out) == SD_OK) {
    sd_buf_truncate(out, out->len - 1);
    sd_buf_consume(out, 1);
  }
  return sd_buf_status(out);
}

static sd_status put_value(sd_prometheus_labels *labels, const sd_any *value, sd_buf *out)
{
  sd_status status = SD_OK;
  sd_buf_clear(&labels->value);
  if (value->type == SD_ANY_STRING)
    put_string(value, &labels->value);
  else if (value->type == SD_ANY_DOUBLE)
    put_double(value->as.number, &labels->value);
  else if (value->type != SD_ANY_NULL)
    status = put_other(value, &labels->value);
  if (status == SD_OK)
    status = sd_buf_status(&labels->value);
  if (status == SD_OK)
    sd_prometheus_escape(sd_buf_bytes(&labels->value), true, out);
  return status;
}

static int by_key(const void *a, const void *b)
{
  const sd_prometheus_label *x = a;
  const sd_prometheus_label *y = b;
  return strcmp(x->key, y->key);
}

static sd_bytes name_of(const sd_prometheus_labels *labels, const sd_prometheus_label *label)
{
  return sd_bytes_make(labels->names.data + label->name_at, label->name_len);
}

static sd_status make_names(sd_prometheus_labels *labels, const char *reserved)
{
  sd_buf *names = &labels->names;
  sd_buf_clear(names);
  for (size_t i = 0; i < labels->count; i++) {
    sd_prometheus_label *label = &labels->items[i];
    label->is_written = false;
    label->name_at = names->len;
    sd_prometheus_label_name(label->key, names);
    label->name_len = names->len - label->name_at;
    if (reserved && sd_buf_status(names) == SD_OK && sd_bytes_equal_text(name_of(labels, label), reserved)) {
      sd_buf_truncate(names, label->name_at);
      sd_buf_appendf(names, "exported_%s", reserved);
      label->name_len = names->len - label->name_at;
    }
  }
  return sd_buf_status(names);
}

/* The label and those behind it that have the same name. */
static sd_status write_group(sd_prometheus_labels *labels, size_t first, sd_buf *out)
{
  sd_bytes name = name_of(labels, &labels->items[first]);
  sd_status status = SD_OK;
  sd_buf_append_bytes(out, name);
  sd_buf_append_text(out, "=\"");
  for (size_t i = first; status == SD_OK && i < labels->count; i++) {
    sd_prometheus_label *label = &labels->items[i];
    if (label->is_written || !sd_bytes_equal(name_of(labels, label), name))
      continue;
    label->is_written = true;
    if (i > first)
      sd_buf_append_byte(out, ';');
    status = put_value(labels, &label->value, out);
  }
  sd_buf_append_byte(out, '"');
  return status;
}

sd_status sd_prometheus_labels_write(sd_prometheus_labels *labels, const char *reserved, sd_buf *out)
{
  qsort(labels->items, labels->count, sizeof labels->items[0], by_key);
  sd_status status = make_names(labels, reserved);
  bool is_first = true;
  for (size_t i = 0; status == SD_OK && i < labels->count; i++) {
    if (labels->items[i].is_written || labels->items[i].name_len == 0)
      continue;
    if (!is_first)
      sd_buf_append_byte(out, ',');
    is_first = false;
    status = write_group(labels, i, out);
  }
  return status == SD_OK ? sd_buf_status(out) : status;
}
