/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a received message: where the fast way of decoding answers, the general one says the same. */
#include "eventhubs/event_fast.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
  if (!condition)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_event_decoder fast, general;
  sd_event a, b;
  sd_bytes payload = sd_bytes_make(data, size);
  sd_event_decoder_init(&fast);
  sd_event_decoder_init(&general);
  if (sd_event_decode_fast(&fast, payload, &a)) {
    demand(sd_event_decode_general(&general, payload, &b) == SD_OK);
    demand(sd_bytes_equal(a.body, b.body));
    demand(sd_bytes_equal(a.offset, b.offset));
    demand(sd_bytes_equal(a.properties, b.properties));
    demand(sd_bytes_equal(a.system_properties, b.system_properties));
    demand(a.sequence_number == b.sequence_number && a.enqueued_us == b.enqueued_us && a.dead == b.dead);
  } else if (sd_event_decode(&general, payload, &b) == SD_OK) {
    demand(sd_utf8_valid(b.properties.data, b.properties.len));
    demand(sd_utf8_valid(b.system_properties.data, b.system_properties.len));
    demand(sd_utf8_valid(b.offset.data, b.offset.len) && b.offset.len < SD_EVENTHUBS_OFFSET_MAX);
  }
  sd_event_decoder_release(&fast);
  sd_event_decoder_release(&general);
  return 0;
}
