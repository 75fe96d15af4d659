/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Events from a file of JSON lines. */
#include "emulator/publication.h"
#include "emulator/state.h"

#include "json/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct loading {
  emu_hub *hub;
  const char *path;
  uint64_t line;
  sd_buf message;
  sd_buf text;
} loading;

static sd_status bad_line(const loading *l, sd_error *error, const char *what)
{
  return sd_error_set(error, SD_INVALID, "%s line %" PRIu64 ": %s", l->path, l->line, what);
}

static bool put_property(sd_buf *out, const char *name, const json_t *value)
{
  sd_amqp_put_string(out, sd_bytes_of(name));
  switch (json_typeof(value)) {
  case JSON_STRING:
    sd_amqp_put_string(out, sd_bytes_make(json_string_value(value), json_string_length(value)));
    return true;
  case JSON_INTEGER:
    sd_amqp_put_long(out, json_integer_value(value));
    return true;
  case JSON_REAL:
    sd_amqp_put_double(out, json_real_value(value));
    return true;
  case JSON_TRUE:
  case JSON_FALSE:
    sd_amqp_put_boolean(out, json_is_true(value));
    return true;
  case JSON_NULL:
    sd_amqp_put_null(out);
    return true;
  case JSON_OBJECT:
  case JSON_ARRAY:
    break;
  }
  return false;
}

/* The message as a sender would publish it. */
static sd_status put_message(loading *l, json_t *event, sd_error *error)
{
  json_t *body = json_object_get(event, "body");
  json_t *key = json_object_get(event, "partition_key");
  json_t *properties = json_object_get(event, "properties");
  sd_buf_clear(&l->message);
  sd_buf_clear(&l->text);
  if (!body)
    return bad_line(l, error, "\"body\" is missing");
  if ((key && !json_is_string(key)) || (properties && !json_is_object(properties)))
    return bad_line(l, error, "\"partition_key\" must be a string, \"properties\" an object");
  if (key) {
    sd_amqp_put_section(&l->message, SD_AMQP_SECTION_MESSAGE_ANNOTATIONS);
    size_t mark = sd_amqp_begin_map(&l->message);
    sd_amqp_put_symbol(&l->message, sd_bytes_of("x-opt-partition-key"));
    sd_amqp_put_string(&l->message, sd_bytes_make(json_string_value(key), json_string_length(key)));
    sd_amqp_end_map(&l->message, mark, 2);
  }
  if (properties) {
    const char *name = NULL;
    json_t *value = NULL;
    uint32_t count = 0;
    sd_amqp_put_section(&l->message, SD_AMQP_SECTION_APPLICATION_PROPERTIES);
    size_t mark = sd_amqp_begin_map(&l->message);
    json_object_foreach(properties, name, value)
    {
      if (!put_property(&l->message, name, value))
        return bad_line(l, error, "a property must be text, a number, true, false or null");
      count += 2;
    }
    sd_amqp_end_map(&l->message, mark, count);
  }
  sd_bytes bytes = sd_bytes_make(json_string_value(body), json_string_length(body));
  if (!json_is_string(body)) {
    sd_status status = sd_json_write(body, &l->text);
    if (status != SD_OK)
      return sd_error_set(error, status, "%s line %" PRIu64 ": the body cannot be written", l->path, l->line);
    bytes = sd_buf_bytes(&l->text);
  }
  sd_amqp_put_data_section(&l->message, bytes);
  if (sd_buf_status(&l->message) == SD_LIMIT)
    return bad_line(l, error, "the event is larger than 1 MiB");
  return sd_buf_status(&l->message);
}

static sd_status load_line(loading *l, sd_bytes line, sd_error *error)
{
  json_t *event = NULL;
  sd_error inner;
  if (sd_json_parse(line, &event, &inner) != SD_OK || !json_is_object(event)) {
    json_decref(event);
    return bad_line(l, error, "it is no JSON object");
  }
  json_t *id = json_object_get(event, "partition");
  char text[EMU_PARTITION_ID_MAX] = "";
  emu_append append = {0};
  uint32_t events = 0;
  sd_status status = SD_OK;
  if (id && !json_is_null(id)) {
    if (json_is_string(id))
      (void)sd_bytes_to_text(sd_bytes_of(json_string_value(id)), text, sizeof text);
    else if (json_is_integer(id))
      (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    append.partition = emu_find_partition(l->hub, text);
    if (!append.partition)
      status = bad_line(l, error, "the hub has no such partition");
  }
  if (status == SD_OK)
    status = put_message(l, event, error);
  json_decref(event);
  if (status != SD_OK)
    return status;
  append.payload = sd_buf_bytes(&l->message);
  status = emu_hub_append(l->hub, &append, &events, error);
  if (status != SD_OK)
    sd_error_prefix(error, "%s line %" PRIu64, l->path, l->line);
  return status;
}

sd_status sd_emulator_load(sd_emulator *emulator, const char *hub, const char *path, uint64_t *ret_events,
                           sd_error *error)
{
  loading l = {.hub = emu_find_hub(emulator, sd_bytes_of(hub)), .path = path};
  if (!l.hub)
    return sd_error_set(error, SD_CONFIG, "there is no hub %.100s to load %s into", hub, path);
  FILE *file = fopen(path, "re");
  if (!file)
    return sd_error_set_errno(error, SD_IO, errno, "cannot read %s", path);
  sd_buf_init(&l.message, EMU_PUBLICATION_MAX);
  sd_buf_init(&l.text, EMU_PUBLICATION_MAX);
  sd_buf line;
  sd_buf_init(&line, SD_EMULATOR_LINE_MAX);
  sd_status status = SD_OK;
  uint64_t events = 0;
  char chunk[16 * 1024];
  bool more = true;
  while (more && status == SD_OK) {
    more = fgets(chunk, sizeof chunk, file) != NULL;
    size_t len = more ? strlen(chunk) : 0;
    if (len > 0 && sd_buf_append(&line, chunk, len) != SD_OK) {
      l.line++;
      status = bad_line(&l, error, "it is too long");
      break;
    }
    bool whole = line.len > 0 && line.data[line.len - 1] == '\n';
    if (!whole && more)
      continue;
    l.line += line.len > 0;
    sd_bytes text = sd_buf_bytes(&line);
    while (text.len > 0 && strchr(" \r\n\t", text.data[text.len - 1]))
      text.len--;
    if (text.len > 0) {
      status = load_line(&l, text, error);
      events += status == SD_OK;
    }
    sd_buf_clear(&line);
  }
  if (status == SD_OK && ferror(file))
    status = sd_error_set(error, SD_IO, "cannot read %s to its end", path);
  (void)fclose(file);
  sd_buf_release(&line);
  sd_buf_release(&l.message);
  sd_buf_release(&l.text);
  if (status == SD_OK)
    *ret_events = events;
  return status;
}
