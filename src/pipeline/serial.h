/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The serialized form of values: "SDV", the version, then one value. A value is a tag and what belongs to it.
 * Numbers and lengths are varints of 7 bits, least significant first, as short as they can be.
 *
 *   null, false, true   nothing
 *   int                 varint, zigzag
 *   double              8 bytes, little endian
 *   string, bytes       length, bytes
 *   list                count, values
 *   map                 count, then for each: length and bytes of the key, value; in order of insertion
 *   opaque              length and bytes of the type's name; chunks, each a length and bytes; a length of 0
 */
#ifndef SD_PIPELINE_SERIAL_H
#define SD_PIPELINE_SERIAL_H

#define SD_SERIAL_HEAD                                                                                       \
  {                                                                                                          \
    'S', 'D', 'V', 1                                                                                         \
  }

enum { SD_SERIAL_HEAD_SIZE = 4, SD_SERIAL_VARINT_MAX = 10 };

typedef enum sd_serial_tag {
  SD_SERIAL_NULL = 0,
  SD_SERIAL_FALSE = 1,
  SD_SERIAL_TRUE = 2,
  SD_SERIAL_INT = 3,
  SD_SERIAL_DOUBLE = 4,
  SD_SERIAL_STRING = 5,
  SD_SERIAL_BYTES = 6,
  SD_SERIAL_LIST = 7,
  SD_SERIAL_MAP = 8,
  SD_SERIAL_OPAQUE = 9
} sd_serial_tag;

#endif
