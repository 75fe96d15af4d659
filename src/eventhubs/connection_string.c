/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The connection string parser: fields, then the endpoint, then what must stand together. */
#include "eventhubs/connection_string.h"

#include "base/bytes.h"

#include <stddef.h>

enum { FIELD_NAME_QUOTED_MAX = 40 /* bytes of an unknown name that a message repeats */ };

typedef enum field {
  FIELD_ENDPOINT,
  FIELD_KEY_NAME,
  FIELD_KEY,
  FIELD_SIGNATURE,
  FIELD_ENTITY_PATH,
  FIELD_EMULATOR,
  FIELD_TRANSPORT,
  FIELD_COUNT
} field;

static const char *const field_names[FIELD_COUNT] = {
    "Endpoint",   "SharedAccessKeyName",    "SharedAccessKey", "SharedAccessSignature",
    "EntityPath", "UseDevelopmentEmulator", "TransportType"};

typedef struct fields {
  bool present[FIELD_COUNT];
  sd_bytes value[FIELD_COUNT];
} fields;

static bool is_space(uint8_t c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static sd_bytes trim(sd_bytes text)
{
  while (text.len > 0 && is_space(text.data[0])) {
    text.data++;
    text.len--;
  }
  while (text.len > 0 && is_space(text.data[text.len - 1]))
    text.len--;
  return text;
}

/* Takes what stands before the first `separator` off the front of *text; false when there is no separator. */
static bool split(sd_bytes *text, char separator, sd_bytes *ret_before)
{
  const uint8_t *at = text->len ? memchr(text->data, separator, text->len) : NULL;
  if (!at)
    return false;
  size_t before = (size_t)(at - text->data);
  *ret_before = sd_bytes_make(text->data, before);
  *text = sd_bytes_make(at + 1, text->len - before - 1);
  return true;
}

static bool has_control_character(sd_bytes text)
{
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] < 0x20 || text.data[i] == 0x7f)
      return true;
  }
  return false;
}

/* A name is repeated in a message only when it looks like one: a stray ';' can make part of a key look like a
 * field. */
static bool is_quotable_name(sd_bytes name)
{
  if (name.len == 0 || name.len > FIELD_NAME_QUOTED_MAX)
    return false;
  for (size_t i = 0; i < name.len; i++) {
    uint8_t c = name.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
      return false;
  }
  return true;
}

static sd_status put_field(fields *all, sd_bytes name, sd_bytes value, unsigned number, sd_error *error)
{
  for (int i = 0; i < FIELD_COUNT; i++) {
    if (!sd_bytes_equal_nocase(name, sd_bytes_of(field_names[i])))
      continue;
    if (all->present[i])
      return sd_error_set(error, SD_CONFIG, "connection string: %s stands there twice", field_names[i]);
    if (has_control_character(value))
      return sd_error_set(error, SD_CONFIG, "connection string: %s contains a control character",
                          field_names[i]);
    all->present[i] = true;
    all->value[i] = value;
    return SD_OK;
  }
  if (is_quotable_name(name))
    return sd_error_set(error, SD_CONFIG,
                        "connection string: unknown field %.*s; copy the string from the portal as it is",
                        (int)name.len, (const char *)name.data);
  return sd_error_set(error, SD_CONFIG,
                      "connection string: field number %u has an unknown name; copy the string as it is",
                      number);
}

static sd_status split_fields(sd_bytes text, fields *all, sd_error *error)
{
  unsigned number = 0;
  while (text.len > 0) {
    sd_bytes pair;
    if (!split(&text, ';', &pair)) {
      pair = text;
      text.len = 0;
    }
    pair = trim(pair);
    number++;
    if (pair.len == 0)
      continue;
    sd_bytes name;
    if (!split(&pair, '=', &name))
      return sd_error_set(error, SD_CONFIG,
                          "connection string: field number %u is not of the form Name=Value", number);
    sd_status status = put_field(all, trim(name), trim(pair), number, error);
    if (status != SD_OK)
      return status;
  }
  return SD_OK;
}

static sd_status copy_value(const fields *all, field which, char *dst, size_t size, sd_error *error)
{
  if (!all->present[which])
    return SD_OK;
  if (all->value[which].len == 0)
    return sd_error_set(error, SD_CONFIG, "connection string: %s is empty", field_names[which]);
  if (!sd_bytes_to_text(all->value[which], dst, size))
    return sd_error_set(error, SD_CONFIG, "connection string: %s is longer than %zu bytes",
                        field_names[which], size - 1);
  return SD_OK;
}

static sd_status bad_endpoint(sd_error *error, const char *what)
{
  return sd_error_set(
      error, SD_CONFIG,
      "connection string: Endpoint %s; it has the form sb://NAMESPACE.servicebus.windows.net/", what);
}

static sd_status parse_port(sd_bytes text, uint16_t *ret_port, sd_error *error)
{
  int64_t port = 0;
  if (!sd_bytes_to_int64(text, &port) || port < 1 || port > 65535)
    return bad_endpoint(error, "has a port that is not a number from 1 to 65535");
  *ret_port = (uint16_t)port;
  return SD_OK;
}

static bool is_host_character(uint8_t c, bool ipv6)
{
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.')
    return true;
  return ipv6 ? c == ':' || c == '%' : c == '-' || c == '_';
}

/* [scheme://]host[:port][/], where host may be an IPv6 address in brackets. */
static sd_status parse_endpoint(sd_bytes text, sd_connection_string *result, sd_error *error)
{
  static const char *const schemes[] = {"sb://", "amqps://", "amqp://"};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    if (sd_bytes_starts_with_nocase(text, schemes[i])) {
      size_t len = strlen(schemes[i]);
      text = sd_bytes_make(text.data + len, text.len - len);
      break;
    }
  }
  sd_bytes authority;
  if (split(&text, '/', &authority)) {
    if (text.len > 0)
      return bad_endpoint(error, "has a path (a hub's name belongs into EntityPath)");
  } else {
    authority = text;
  }
  sd_bytes host;
  bool ipv6 = authority.len > 0 && authority.data[0] == '[';
  bool has_port = false;
  sd_bytes port = authority;
  if (ipv6) {
    port = sd_bytes_make(authority.data + 1, authority.len - 1);
    if (!split(&port, ']', &host))
      return bad_endpoint(error, "has no ']' after its address");
    has_port = port.len > 0;
    if (has_port && port.data[0] != ':')
      return bad_endpoint(error, "is malformed after ']'");
    if (has_port)
      port = sd_bytes_make(port.data + 1, port.len - 1);
  } else if (split(&port, ':', &host)) {
    has_port = true;
  } else {
    host = authority;
  }
  if (host.len == 0)
    return bad_endpoint(error, "has no host");
  if (host.len >= sizeof result->host)
    return bad_endpoint(error, "has a host of more than 255 bytes");
  for (size_t i = 0; i < host.len; i++) {
    uint8_t c = host.data[i];
    if (!is_host_character(c, ipv6))
      return bad_endpoint(error, "has a host that is no host name");
    result->host[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  }
  result->host[host.len] = '\0';
  return has_port ? parse_port(port, &result->port, error) : SD_OK;
}

static sd_status parse_boolean(const fields *all, field which, bool *ret, sd_error *error)
{
  if (!all->present[which])
    return SD_OK;
  if (sd_bytes_equal_nocase(all->value[which], sd_bytes_of("true")))
    *ret = true;
  else if (!sd_bytes_equal_nocase(all->value[which], sd_bytes_of("false")))
    return sd_error_set(error, SD_CONFIG, "connection string: %s must be true or false", field_names[which]);
  return SD_OK;
}

static sd_status check_credentials(const sd_connection_string *result, sd_error *error)
{
  bool name = result->key_name[0] != '\0';
  bool key = result->key[0] != '\0';
  bool signature = result->signature[0] != '\0';
  if (signature && (name || key))
    return sd_error_set(error, SD_CONFIG,
                        "connection string: SharedAccessSignature stands beside SharedAccessKeyName or "
                        "SharedAccessKey; keep one of the two");
  if (key && !name)
    return sd_error_set(error, SD_CONFIG, "connection string: SharedAccessKeyName is missing");
  if (name && !key)
    return sd_error_set(error, SD_CONFIG, "connection string: SharedAccessKey is missing");
  if (!key && !signature && !result->development_emulator)
    return sd_error_set(
        error, SD_CONFIG,
        "connection string: SharedAccessKeyName and SharedAccessKey (or SharedAccessSignature) "
        "are missing");
  return SD_OK;
}

sd_status sd_connection_string_parse(const char *text, sd_connection_string *ret, sd_error *error)
{
  if (strnlen(text, SD_CONNECTION_STRING_MAX + 1) > SD_CONNECTION_STRING_MAX)
    return sd_error_set(error, SD_CONFIG, "connection string: longer than %d bytes",
                        (int)SD_CONNECTION_STRING_MAX);
  fields all = {0};
  sd_status status = split_fields(sd_bytes_of(text), &all, error);
  if (status != SD_OK)
    return status;
  if (!all.present[FIELD_ENDPOINT])
    return sd_error_set(error, SD_CONFIG, "connection string: Endpoint is missing");
  /* Old portals wrote it; AMQP over TCP is what we speak. */
  if (all.present[FIELD_TRANSPORT] && !sd_bytes_equal_nocase(all.value[FIELD_TRANSPORT], sd_bytes_of("amqp")))
    return sd_error_set(error, SD_CONFIG, "connection string: TransportType must be Amqp");

  sd_connection_string result;
  memset(&result, 0, sizeof result);
  status = parse_endpoint(all.value[FIELD_ENDPOINT], &result, error);
  if (status == SD_OK)
    status = copy_value(&all, FIELD_ENTITY_PATH, result.hub, sizeof result.hub, error);
  if (status == SD_OK)
    status = copy_value(&all, FIELD_KEY_NAME, result.key_name, sizeof result.key_name, error);
  if (status == SD_OK)
    status = copy_value(&all, FIELD_KEY, result.key, sizeof result.key, error);
  if (status == SD_OK)
    status = copy_value(&all, FIELD_SIGNATURE, result.signature, sizeof result.signature, error);
  if (status == SD_OK)
    status = parse_boolean(&all, FIELD_EMULATOR, &result.development_emulator, error);
  if (status == SD_OK)
    status = check_credentials(&result, error);
  if (status == SD_OK)
    *ret = result;
  return status;
}
