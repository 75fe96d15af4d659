/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a publication, single and batch. What is stored must be a message that decodes. */
#include "amqp/message.h"
#include "emulator/publication.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_stored(emu_log *log)
{
  emu_log_space space = {0};
  sd_bytes records;
  emu_record record;
  uint64_t at = 0;
  int64_t expected = 0;
  while (emu_log_read(log, at, &space, &at, &records, NULL) == SD_OK && records.len > 0) {
    while (emu_log_next(&records, &at, &record)) {
      sd_amqp_message message;
      sd_amqp_value value;
      if (sd_amqp_message_decode(record.payload, &message) != SD_OK ||
          record.head_size > record.payload.len ||
          !sd_amqp_map_find(&message.message_annotations, "x-opt-sequence-number", &value) ||
          value.as.i != expected++)
        abort();
    }
  }
  if (expected != emu_log_next_sequence(log))
    abort();
  emu_log_space_release(&space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  emu_log *log = NULL;
  if (emu_log_open(NULL, 0, &log, NULL) != SD_OK)
    return 0;
  for (int i = 0; i < 2; i++) {
    emu_publication publication = {.payload = sd_bytes_make(data, size),
                                   .message_format = i == 0 ? 0 : SD_AMQP_FORMAT_BATCH};
    uint32_t events = 0;
    int64_t before = emu_log_next_sequence(log);
    (void)emu_publication_key(&publication);
    bool staged = emu_publication_stage(&publication, log, &events, NULL) == SD_OK;
    if (emu_log_commit(log, NULL) == SD_OK &&
        emu_log_next_sequence(log) != before + (staged ? (int64_t)events : 0))
      abort();
  }
  check_stored(log);
  emu_log_close(log);
  return 0;
}
