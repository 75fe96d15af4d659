/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as tracestate headers, one a line: what is accepted is within its bounds and read again as the
 * same. */
#include "trace/header_text.h"
#include "trace/tracestate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_tracestate first;
  sd_tracestate second;
  sd_bytes rest = sd_bytes_make(data, size);
  sd_bytes header;
  sd_status status = SD_OK;
  sd_tracestate_init(&first);
  sd_tracestate_init(&second);
  while (status == SD_OK && sd_header_next(&rest, '\n', &header))
    status = sd_tracestate_add(&first, header);
  if (status == SD_OK) {
    if (first.list.len > SD_TRACESTATE_INPUT_MAX)
      abort();
    sd_tracestate_shrink(&first);
    if (first.list.len > SD_TRACESTATE_BYTES_MAX || first.members > SD_TRACESTATE_MEMBERS_MAX ||
        sd_tracestate_add(&second, sd_buf_bytes(&first.list)) != SD_OK ||
        !sd_bytes_equal(sd_buf_bytes(&first.list), sd_buf_bytes(&second.list)))
      abort();
  } else if (status != SD_INVALID) {
    abort();
  }
  sd_tracestate_release(&first);
  sd_tracestate_release(&second);
  return 0;
}
