/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Answers of OTLP receivers take any bytes, in each form. */
#include "export/otlp_answer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const sd_otlp_answer *answer)
{
  size_t len = strnlen(answer->message, sizeof answer->message);
  if (len == sizeof answer->message || !sd_utf8_valid((const uint8_t *)answer->message, len))
    __builtin_trap();
  for (size_t i = 0; i < len; i++) {
    if ((unsigned char)answer->message[i] < ' ')
      __builtin_trap();
  }
  if (answer->rejected < 0 || answer->retry_delay_ns > SD_OTLP_RETRY_DELAY_MAX_S * UINT64_C(1000000000) ||
      (!answer->has_retry_delay && answer->retry_delay_ns))
    __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_bytes body = sd_bytes_make(data, size);
  sd_otlp_answer answer;
  for (int json = 0; json <= 1; json++) {
    if (sd_otlp_answer_response(json, body, &answer) == SD_OK)
      check(&answer);
    if (sd_otlp_answer_status(json, body, &answer) == SD_OK)
      check(&answer);
  }
  if (sd_otlp_answer_details(body, &answer) == SD_OK)
    check(&answer);
  return 0;
}
