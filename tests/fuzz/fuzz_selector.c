/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a selector expression, as a source's filter and as an address. What is understood lies inside
 * the input. */
#include "emulator/address.h"
#include "emulator/selector.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_bytes input = sd_bytes_make(data, size);
  emu_selector selector;
  emu_address address;
  sd_error error;
  for (int i = 0; i < 2; i++) {
    sd_status status = i == 0 ? emu_selector_parse(input, &selector, &error)
                              : emu_selector_from_filter(input, &selector, &error);
    if (status != SD_OK && !sd_utf8_valid((const uint8_t *)error.message, strlen(error.message)))
      abort();
    if (status == SD_OK && selector.start == EMU_START_OFFSET &&
        (selector.offset.data < data || selector.offset.data + selector.offset.len > data + size))
      abort();
  }
  emu_address_parse(input, &address);
  if (strlen(address.path) >= sizeof address.path ||
      (address.kind == EMU_ADDRESS_RECEIVER && !address.group[0]))
    abort();
  return 0;
}
