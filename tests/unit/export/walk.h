/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Looking into protobuf messages. */
#ifndef SD_TEST_WALK_H
#define SD_TEST_WALK_H

#include "trace/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static inline size_t count_fields(sd_bytes message, uint32_t number)
{
  size_t count = 0;
  sd_pb_field field;
  sd_bytes rest = message;
  while (sd_pb_next(&rest, &field))
    count += field.number == number;
  assert_true(message.len == 0 || rest.data);
  return count;
}

/* The index-th field of that number; it must be there. */
static inline sd_pb_field get_field(sd_bytes message, uint32_t number, size_t index)
{
  sd_pb_field field;
  while (sd_pb_next(&message, &field)) {
    if (field.number == number && index-- == 0)
      return field;
  }
  fail_msg("field %u is not there", number);
  return field;
}

static inline sd_bytes get_bytes(sd_bytes message, uint32_t number, size_t index)
{
  sd_pb_field field = get_field(message, number, index);
  assert_int_equal(field.wire_type, SD_PB_BYTES);
  return field.bytes;
}

static inline void assert_bytes(sd_bytes bytes, const char *text)
{
  assert_int_equal(bytes.len, strlen(text));
  if (bytes.len)
    assert_memory_equal(bytes.data, text, bytes.len);
}

#endif
