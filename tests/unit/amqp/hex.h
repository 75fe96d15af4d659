/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Bytes of codec tests, written as text. */
#ifndef SD_TEST_AMQP_HEX_H
#define SD_TEST_AMQP_HEX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Hex text to bytes; spaces are passed over, "text" stands for its characters, <…> for its content with one
 * byte of size in front. Returns the length. */
size_t hex_bytes(const char *hex, uint8_t *bytes, size_t size);

#endif
