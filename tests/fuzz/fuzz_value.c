/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a serialized value: what is accepted is written again as the same bytes (objects: as the same
 * value), and hashed, printed and compared within its bounds. */
#include "base/buf.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <streamduck/pipeline.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PRINT_SIZE = 200 };

/* An object that is its bytes: a counter before a length and what it holds. */
typedef struct blob {
  size_t references;
  size_t len;
  uint8_t data[];
} blob;

static void retain(void *object)
{
  ((blob *)object)->references++;
}

static void release(void *object)
{
  if (--((blob *)object)->references == 0)
    sd_free(object);
}

static sd_status write_blob(const void *object, sd_write_fn *write, void *user, sd_error *error)
{
  const blob *it = object;
  (void)error;
  return write(user, it->data, it->len);
}

static sd_status read_blob(const void *data, size_t len, void **ret_object, sd_error *error)
{
  (void)error;
  blob *it = sd_alloc(sizeof *it + len);
  if (!it)
    return SD_NOMEM;
  it->references = 1;
  it->len = len;
  if (len > 0)
    memcpy(it->data, data, len);
  *ret_object = it;
  return SD_OK;
}

static const sd_value_type blob_type = {.struct_size = sizeof blob_type,
                                        .name = "blob",
                                        .kind = SD_VALUE_OPAQUE,
                                        .retain = retain,
                                        .release = release,
                                        .hash = write_blob,
                                        .serialize = write_blob,
                                        .deserialize = read_blob};

static sd_status append(void *user, const void *data, size_t len)
{
  return sd_buf_append(user, data, len);
}

static bool holds_object(sd_value value)
{
  for (size_t i = 0; i < sd_value_count(value); i++) {
    if (holds_object(sd_value_at(value, i)))
      return true;
  }
  return sd_value_kind_of(value) == SD_VALUE_OPAQUE;
}

static void check(sd_value value, const uint8_t *data, size_t size)
{
  sd_buf out;
  sd_value again;
  char text[PRINT_SIZE];
  uint8_t one[SD_SIGNATURE_SIZE];
  uint8_t two[SD_SIGNATURE_SIZE];
  sd_buf_init(&out, 2 * size + PRINT_SIZE);
  if (sd_value_serialize(value, append, &out, NULL) != SD_OK ||
      sd_value_deserialize(out.data, out.len, &again, NULL) != SD_OK || !sd_value_equal(value, again))
    abort();
  if (!holds_object(value) && !sd_bytes_equal(sd_buf_bytes(&out), sd_bytes_make(data, size)))
    abort();
  if (sd_value_hash(value, one, NULL) != SD_OK || sd_value_hash(again, two, NULL) != SD_OK ||
      memcmp(one, two, sizeof one) != 0)
    abort();
  size_t len = strlen(sd_value_print(value, text, sizeof text));
  if (len >= sizeof text || !sd_utf8_valid((const uint8_t *)text, len))
    abort();
  sd_value_release(again);
  sd_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_value value;
  sd_error error;
  if (sd_value_type_register(&blob_type, NULL) != SD_OK)
    abort();
  sd_status status = sd_value_deserialize(data, size, &value, &error);
  if (status == SD_OK) {
    check(value, data, size);
    sd_value_release(value);
  } else if ((status != SD_CORRUPT && status != SD_NOT_FOUND) || error.code != status || !error.message[0]) {
    abort();
  }
  return 0;
}
