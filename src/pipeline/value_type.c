/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Opaque types by name, for the whole process. Slots are filled from the front and never emptied, so that a
 * compare-and-swap is all the locking there is, and fork has nothing to look after.
 */
#include "pipeline/value.h"

static const sd_value_type *_Atomic types[SD_VALUE_TYPES_MAX];

static sd_status check_type(const sd_value_type *type, sd_error *error)
{
  if (!type || type->struct_size < offsetof(sd_value_type, hash) || !type->name || !type->name[0])
    return sd_error_set(error, SD_INVALID, "a value type needs struct_size and a name");
  if (type->kind != SD_VALUE_OPAQUE || !type->retain || !type->release)
    return sd_error_set(error, SD_INVALID, "value type \"%s\" needs the kind opaque, retain and release",
                        type->name);
  return SD_OK;
}

sd_status sd_value_type_register(const sd_value_type *type, sd_error *error)
{
  sd_status status = check_type(type, error);
  if (status != SD_OK)
    return status;
  for (size_t i = 0; i < SD_VALUE_TYPES_MAX; i++) {
    const sd_value_type *there = NULL;
    if (atomic_compare_exchange_strong(&types[i], &there, type) || there == type)
      return SD_OK;
    if (strcmp(there->name, type->name) == 0)
      return sd_error_set(error, SD_CONFLICT,
                          "another value type is registered as \"%s\": give yours another name", type->name);
  }
  return sd_error_set(error, SD_LIMIT, "value type \"%s\": %d types are registered already", type->name,
                      SD_VALUE_TYPES_MAX);
}

const sd_value_type *sd_value_type_find(sd_bytes name)
{
  for (size_t i = 0; i < SD_VALUE_TYPES_MAX; i++) {
    const sd_value_type *type = atomic_load(&types[i]);
    if (!type)
      return NULL;
    if (sd_bytes_equal_text(name, type->name))
      return type;
  }
  return NULL;
}
