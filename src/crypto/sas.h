/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Shared access signatures of Azure Event Hubs: sign and verify (eventhubs.md §2). */
#ifndef SD_CRYPTO_SAS_H
#define SD_CRYPTO_SAS_H

#include "base/coding.h"

enum { SD_SHA256_SIZE = 32 };
SD_MUST_CHECK sd_status sd_sha256(sd_bytes data, uint8_t ret_digest[SD_SHA256_SIZE]);
SD_MUST_CHECK sd_status sd_hmac_sha256(sd_bytes key, sd_bytes data, uint8_t ret_digest[SD_SHA256_SIZE]);

/* Appends "SharedAccessSignature sr=…&sig=…&se=…&skn=…" for the resource (not yet percent-encoded), good
 * until expiry_unix_s. key is used as text, it is not decoded. */
SD_MUST_CHECK sd_status sd_sas_sign(const char *resource, const char *key_name, const char *key,
                                    int64_t expiry_unix_s, sd_buf *out);

/* A token taken apart. Views point into the token (still percent-encoded but for key_name and resource). */
typedef struct sd_sas_token {
  sd_bytes resource_encoded; /* as received: what was signed */
  sd_bytes signature_encoded;
  int64_t expiry_unix_s;
  sd_bytes key_name_encoded;
} sd_sas_token;

/* SD_INVALID when the text is not a SAS token with all four fields (any order). */
SD_MUST_CHECK sd_status sd_sas_parse(sd_bytes token, sd_sas_token *ret_token);

/* SD_DENIED when the signature does not fit key (constant-time comparison), SD_TIMEOUT when it expired before
 * now_unix_s. The resource is judged by the caller. */
SD_MUST_CHECK sd_status sd_sas_verify(const sd_sas_token *token, const char *key, int64_t now_unix_s);

#endif
