/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a SAS token and through the codings. What decodes encodes to something that decodes the same.
 */
#include "crypto/sas.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef sd_status coding(sd_bytes in, sd_buf *out);

static void round_trip(sd_bytes input, coding *decode, coding *encode)
{
  sd_buf plain;
  sd_buf text;
  sd_buf again;
  sd_buf_init(&plain, 1 << 20);
  sd_buf_init(&text, 1 << 22);
  sd_buf_init(&again, 1 << 20);
  if (decode(input, &plain) == SD_OK) {
    if (encode(sd_buf_bytes(&plain), &text) != SD_OK || decode(sd_buf_bytes(&text), &again) != SD_OK ||
        !sd_bytes_equal(sd_buf_bytes(&plain), sd_buf_bytes(&again)))
      abort();
  }
  sd_buf_release(&plain);
  sd_buf_release(&text);
  sd_buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  sd_bytes input = sd_bytes_make(data, size);
  sd_sas_token token;
  if (sd_sas_parse(input, &token) == SD_OK) {
    if (token.resource_encoded.len == 0 || token.signature_encoded.len == 0 ||
        token.key_name_encoded.len == 0 || token.expiry_unix_s < 0 ||
        sd_sas_verify(&token, "a key that nobody guesses", 0) == SD_OK)
      abort();
  }
  round_trip(input, sd_base64_decode, sd_base64_encode);
  round_trip(input, sd_percent_decode, sd_percent_encode);
  return 0;
}
