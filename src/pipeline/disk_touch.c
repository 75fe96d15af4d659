/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Times of use that wait to be written: open addressing, never more than half full. */
#include "pipeline/disk_touch.h"

#include <string.h>

bool sd_touches_add(sd_touches *touches, const uint8_t signature[SD_SIGNATURE_SIZE], int64_t used_us)
{
  uint64_t hash;
  memcpy(&hash, signature, sizeof hash);
  for (size_t i = 0; i < SD_TOUCH_SLOTS; i++) {
    sd_touch *slot = &touches->slots[(hash + i) % SD_TOUCH_SLOTS];
    if (slot->used_us != 0 && memcmp(slot->signature, signature, SD_SIGNATURE_SIZE) != 0)
      continue;
    if (slot->used_us == 0) {
      if (touches->count >= SD_TOUCH_FULL)
        return true; /* nobody could write them: this one is forgotten */
      touches->count++;
      memcpy(slot->signature, signature, SD_SIGNATURE_SIZE);
    }
    slot->used_us = used_us;
    break;
  }
  return touches->count >= SD_TOUCH_FULL;
}
