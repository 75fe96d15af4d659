/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of values, and what stands on it: hash and equality.
 *
 * Each value is a tag and, by its kind, nothing (null), one byte (bool), 8 bytes (int, double's bits; little
 * endian), a length of 8 bytes and the bytes (string, bytes), a count of 8 bytes and the parts (list; map:
 * sorted by key, each key as length and bytes before its value), or the type's name as length and bytes and
 * the SHA-256 of what the object writes (opaque). It is part of every signature: a change of it makes all
 * cached results unknown.
 */
#include "crypto/sha256.h"
#include "pipeline/value.h"

_Static_assert((int)SD_SIGNATURE_SIZE == (int)SD_SHA256_SIZE, "signatures are SHA-256 digests");

static const char hash_prefix[] = "streamduck value 1";

typedef struct sd_canonical {
  sd_write_fn *write;
  void *user;
  sd_error *error;
} sd_canonical;

static void put_u64(uint8_t *dst, uint64_t number)
{
  for (int i = 0; i < 8; i++)
    dst[i] = (uint8_t)(number >> (8 * i));
}

static sd_status write_tag(const sd_canonical *form, char tag, uint64_t number)
{
  uint8_t head[9];
  head[0] = (uint8_t)tag;
  put_u64(head + 1, number);
  return form->write(form->user, head, sizeof head);
}

static sd_status write_text(const sd_canonical *form, char tag, const void *data, size_t len)
{
  sd_status status = write_tag(form, tag, len);
  if (status == SD_OK && len > 0)
    status = form->write(form->user, data, len);
  return status;
}

static sd_status write_digest(void *user, const void *data, size_t len)
{
  sd_sha256_update(user, data, len);
  return SD_OK;
}

static sd_status write_opaque(const sd_canonical *form, sd_value value)
{
  const sd_value_type *type = value.type;
  if (!SD_VALUE_TYPE_HAS(type, hash))
    return sd_error_set(form->error, SD_UNSUPPORTED, "a value of type \"%s\" cannot be hashed", type->name);
  sd_sha256_stream stream;
  sd_sha256_init(&stream);
  uint8_t digest[SD_SHA256_SIZE];
  sd_status status = type->hash(value.as.object, write_digest, &stream, form->error);
  if (status == SD_OK) {
    status = sd_sha256_end(&stream, digest);
    if (status != SD_OK)
      sd_error_set(form->error, status, "hashing a value of type \"%s\": %s", type->name,
                   sd_status_text(status));
  }
  sd_sha256_release(&stream);
  if (status == SD_OK)
    status = write_text(form, 'o', type->name, strlen(type->name));
  if (status == SD_OK)
    status = form->write(form->user, digest, sizeof digest);
  return status;
}

static sd_status write_value(const sd_canonical *form, sd_value value);

static sd_status write_list(const sd_canonical *form, const sd_list_object *list)
{
  sd_status status = write_tag(form, 'l', list->count);
  for (size_t i = 0; i < list->count && status == SD_OK; i++) {
    status = write_value(form, list->items[i]);
    if (status != SD_OK)
      sd_error_prefix(form->error, "item %zu", i);
  }
  return status;
}

static sd_status write_map(const sd_canonical *form, const sd_map_object *map)
{
  sd_status status = write_tag(form, 'm', map->count);
  for (size_t i = 0; i < map->count && status == SD_OK; i++) {
    const char *key = map->keys[map->order[i]];
    status = write_text(form, 'k', key, strlen(key));
    if (status == SD_OK) {
      status = write_value(form, map->values[map->order[i]]);
      if (status != SD_OK)
        sd_error_prefix(form->error, "key \"%.64s\"", key);
    }
  }
  return status;
}

static sd_status write_value(const sd_canonical *form, sd_value value)
{
  uint64_t bits;
  switch (sd_value_kind_of(value)) {
  case SD_VALUE_NULL:
    return form->write(form->user, "n", 1);
  case SD_VALUE_BOOL:
    return form->write(form->user, value.as.integer ? "bt" : "bf", 2);
  case SD_VALUE_INT:
    return write_tag(form, 'i', (uint64_t)value.as.integer);
  case SD_VALUE_DOUBLE:
    memcpy(&bits, &value.as.number, sizeof bits);
    return write_tag(form, 'd', bits);
  case SD_VALUE_STRING:
    return write_text(form, 's', sd_value_text_object(value)->data, sd_value_text_object(value)->len);
  case SD_VALUE_BYTES:
    return write_text(form, 'y', sd_value_text_object(value)->data, sd_value_text_object(value)->len);
  case SD_VALUE_LIST:
    return write_list(form, sd_value_list_object(value));
  case SD_VALUE_MAP:
    return write_map(form, sd_value_map_object(value));
  case SD_VALUE_OPAQUE:
    return write_opaque(form, value);
  default:
    return sd_error_set(form->error, SD_INVALID, "a value of the unknown kind %d", (int)value.type->kind);
  }
}

sd_status sd_value_canonical(sd_value value, sd_write_fn *write, void *user, sd_error *error)
{
  sd_canonical form = {.write = write, .user = user, .error = error};
  return write_value(&form, value);
}

sd_status sd_value_hash(sd_value value, uint8_t digest[SD_SIGNATURE_SIZE], sd_error *error)
{
  sd_sha256_stream stream;
  sd_sha256_init(&stream);
  sd_sha256_update(&stream, hash_prefix, sizeof hash_prefix);
  sd_status status = sd_value_canonical(value, write_digest, &stream, error);
  if (status == SD_OK) {
    status = sd_sha256_end(&stream, digest);
    if (status != SD_OK)
      sd_error_set(error, status, "hashing a value: %s", sd_status_text(status));
  }
  sd_sha256_release(&stream);
  return status;
}

/* ---- Equality */

static bool equal_lists(const sd_list_object *a, const sd_list_object *b)
{
  if (a->count != b->count || a->depth != b->depth)
    return false;
  for (size_t i = 0; i < a->count; i++) {
    if (!sd_value_equal(a->items[i], b->items[i]))
      return false;
  }
  return true;
}

static bool equal_maps(const sd_map_object *a, const sd_map_object *b)
{
  if (a->count != b->count || a->depth != b->depth)
    return false;
  for (size_t i = 0; i < a->count; i++) {
    if (strcmp(a->keys[a->order[i]], b->keys[b->order[i]]) != 0 ||
        !sd_value_equal(a->values[a->order[i]], b->values[b->order[i]]))
      return false;
  }
  return true;
}

static bool equal_opaque(sd_value a, sd_value b)
{
  uint8_t first[SD_SIGNATURE_SIZE];
  uint8_t second[SD_SIGNATURE_SIZE];
  return SD_VALUE_TYPE_HAS(a.type, hash) && sd_value_hash(a, first, NULL) == SD_OK &&
         sd_value_hash(b, second, NULL) == SD_OK && memcmp(first, second, sizeof first) == 0;
}

bool sd_value_equal(sd_value a, sd_value b)
{
  if (a.type != b.type)
    return false;
  switch (sd_value_kind_of(a)) {
  case SD_VALUE_NULL:
    return true;
  case SD_VALUE_BOOL:
  case SD_VALUE_INT:
    return a.as.integer == b.as.integer;
  case SD_VALUE_DOUBLE:
    return memcmp(&a.as.number, &b.as.number, sizeof a.as.number) == 0;
  case SD_VALUE_STRING:
  case SD_VALUE_BYTES:
    return a.as.object == b.as.object || (sd_value_text_object(a)->len == sd_value_text_object(b)->len &&
                                          memcmp(sd_value_text_object(a)->data, sd_value_text_object(b)->data,
                                                 sd_value_text_object(a)->len) == 0);
  case SD_VALUE_LIST:
    return a.as.object == b.as.object || equal_lists(sd_value_list_object(a), sd_value_list_object(b));
  case SD_VALUE_MAP:
    return a.as.object == b.as.object || equal_maps(sd_value_map_object(a), sd_value_map_object(b));
  case SD_VALUE_OPAQUE:
    return a.as.object == b.as.object || equal_opaque(a, b);
  default:
    return false;
  }
}
