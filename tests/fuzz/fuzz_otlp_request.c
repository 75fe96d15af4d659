/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an OTLP request: its JSON is JSON, its halves hold what it held. */
#include "export/otlp_json.h"
#include "export/otlp_split.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { JSON_MAX = 16 << 20, REQUEST_MAX = 4 << 20 };

/* jansson takes no NUL in a string; everything else that we write it must take. */
static void check_json(const sd_buf *text)
{
  json_t *json;
  if (memmem(text->data, text->len, "\\u0000", 6))
    return;
  if (sd_json_parse(sd_buf_bytes(text), &json, NULL) != SD_OK)
    __builtin_trap();
  json_decref(json);
}

static void check_halves(int signal, sd_bytes request, size_t count)
{
  sd_buf halves[2];
  size_t counts[2];
  sd_buf_init(&halves[0], REQUEST_MAX);
  sd_buf_init(&halves[1], REQUEST_MAX);
  sd_status status = sd_otlp_split(signal, request, &halves[0], &halves[1]);
  if (status == SD_OK) {
    for (int i = 0; i < 2; i++) {
      if (sd_otlp_count(signal, sd_buf_bytes(&halves[i]), &counts[i]) != SD_OK)
        __builtin_trap();
    }
    if (count < 2 || counts[0] != count / 2 || counts[0] + counts[1] != count)
      __builtin_trap();
  } else if (count >= 2 && status == SD_INVALID) {
    __builtin_trap();
  }
  sd_buf_release(&halves[0]);
  sd_buf_release(&halves[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const int signals[] = {SD_SIGNAL_TRACES, SD_SIGNAL_METRICS, SD_SIGNAL_LOGS};
  sd_bytes request = sd_bytes_make(data, size);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    sd_buf text;
    size_t count;
    sd_buf_init(&text, JSON_MAX);
    if (sd_otlp_to_json(signals[i], request, &text) == SD_OK)
      check_json(&text);
    sd_buf_release(&text);
    if (sd_otlp_count(signals[i], request, &count) == SD_OK)
      check_halves(signals[i], request, count);
  }
  return 0;
}
