/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Shared access signatures of Azure Event Hubs: sign and verify (eventhubs.md §2), with the codings they
 * need. */
#ifndef SD_CRYPTO_SAS_H
#define SD_CRYPTO_SAS_H

#include "base/buf.h"

/* RFC 4648 §4, with padding. Decoding also takes the URL alphabet and missing padding; SD_INVALID otherwise.
 */
sd_status sd_base64_encode(sd_bytes data, sd_buf *out);
SD_MUST_CHECK sd_status sd_base64_decode(sd_bytes text, sd_buf *out);

/* RFC 3986 §2.1: all but unreserved characters, upper-case hex. */
sd_status sd_percent_encode(sd_bytes data, sd_buf *out);
SD_MUST_CHECK sd_status sd_percent_decode(sd_bytes text, sd_buf *out);

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
