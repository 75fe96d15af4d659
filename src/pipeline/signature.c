/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of computations. The text that is hashed begins with its format's name and the kind; each part
 * is a tag and what belongs to it, with lengths where it may vary.
 */
#include "pipeline/signature.h"

#include "base/alloc.h"
#include "crypto/sha256.h"
#include "pipeline/signature_memo.h"
#include "pipeline/value.h"

#include <streamduck/cache.h>

/* Part of every signature: another name makes all cached results unknown. */
static const char format_name[] = "streamduck signature 1";

enum { SMALL_TEXT_MAX = 256 /* bytes of a string that enters as it is */ };

struct sd_signer {
  sd_signature_memo *memo;
  sd_status failed;
  sd_error error;
  sd_sha256_stream stream;
};

sd_status sd_signer_new(sd_signature_memo *memo, sd_signer **ret_signer)
{
  sd_signer *signer = sd_alloc(sizeof *signer);
  if (!signer)
    return SD_NOMEM;
  signer->memo = memo;
  signer->failed = SD_OK;
  sd_error_clear(&signer->error);
  sd_sha256_init(&signer->stream);
  *ret_signer = signer;
  return SD_OK;
}

void sd_signer_free(sd_signer *signer)
{
  if (!signer)
    return;
  sd_sha256_release(&signer->stream);
  sd_free(signer);
}

static void put(sd_signer *signer, const void *data, size_t len)
{
  sd_sha256_update(&signer->stream, data, len);
}

static void put_tag(sd_signer *signer, char tag)
{
  put(signer, &tag, 1);
}

static void put_tagged(sd_signer *signer, char tag, uint64_t number)
{
  uint8_t bytes[1 + sizeof number];
  bytes[0] = (uint8_t)tag;
  for (size_t i = 0; i < sizeof number; i++)
    bytes[1 + i] = (uint8_t)(number >> (8 * i));
  put(signer, bytes, sizeof bytes);
}

static void put_text(sd_signer *signer, char tag, const void *data, size_t len)
{
  put_tagged(signer, tag, len);
  put(signer, data, len);
}

void sd_signer_begin(sd_signer *signer, sd_sign_kind kind)
{
  signer->failed = SD_OK;
  sd_sha256_begin(&signer->stream);
  put(signer, format_name, sizeof format_name);
  put_tag(signer, (char)kind);
}

void sd_signer_computation(sd_signer *signer, const uint8_t code[SD_SIGNATURE_SIZE], sd_bytes environment)
{
  put_tag(signer, 'c');
  put(signer, code, SD_SIGNATURE_SIZE);
  put_text(signer, 'e', environment.data, environment.len);
}

bool sd_signer_wants_digest(sd_value value)
{
  switch (sd_value_kind_of(value)) {
  case SD_VALUE_NULL:
  case SD_VALUE_BOOL:
  case SD_VALUE_INT:
  case SD_VALUE_DOUBLE:
    return false;
  case SD_VALUE_STRING:
  case SD_VALUE_BYTES:
    return sd_value_text_object(value)->len > SMALL_TEXT_MAX;
  case SD_VALUE_LIST:
  case SD_VALUE_MAP:
  case SD_VALUE_OPAQUE:
  default:
    return true;
  }
}

static sd_status write_part(void *user, const void *data, size_t len)
{
  put(user, data, len);
  return SD_OK;
}

void sd_signer_value(sd_signer *signer, const char *input, sd_value value, const uint8_t *digest)
{
  uint8_t computed[SD_SIGNATURE_SIZE];
  if (signer->failed != SD_OK)
    return;
  put_text(signer, 'v', input, strlen(input));
  if (!sd_signer_wants_digest(value)) {
    signer->failed = sd_value_canonical(value, write_part, signer, &signer->error);
  } else {
    if (!digest) {
      signer->failed = sd_value_hash(value, computed, &signer->error);
      digest = computed;
    }
    if (signer->failed == SD_OK) {
      put_tag(signer, 'h');
      put(signer, digest, SD_SIGNATURE_SIZE);
    }
  }
  if (signer->failed != SD_OK)
    sd_error_prefix(&signer->error, "input \"%s\"", input);
}

void sd_signer_upstream(sd_signer *signer, const char *input, const uint8_t signature[SD_SIGNATURE_SIZE],
                        uint32_t output)
{
  put_text(signer, 'u', input, strlen(input));
  put(signer, signature, SD_SIGNATURE_SIZE);
  put_tagged(signer, '#', output);
}

void sd_signer_part(sd_signer *signer, const uint8_t signature[SD_SIGNATURE_SIZE])
{
  put_tag(signer, 'p');
  put(signer, signature, SD_SIGNATURE_SIZE);
}

void sd_signer_text(sd_signer *signer, sd_bytes text)
{
  put_text(signer, 't', text.data, text.len);
}

void sd_signer_number(sd_signer *signer, uint64_t number)
{
  put_tagged(signer, '#', number);
}

sd_status sd_signer_end(sd_signer *signer, uint8_t ret_signature[SD_SIGNATURE_SIZE], sd_error *error)
{
  sd_status status = signer->failed;
  if (status != SD_OK) {
    if (error)
      *error = signer->error;
  } else {
    sd_memo_key key;
    sd_bytes text;
    bool remember =
        signer->memo && sd_sha256_text(&signer->stream, &text) && text.len <= SD_SIGNATURE_MEMO_TEXT_MAX;
    if (remember && sd_memo_find(signer->memo, text, &key, ret_signature)) {
      sd_sha256_begin(&signer->stream);
      return SD_OK;
    }
    uint8_t signature[SD_SIGNATURE_SIZE];
    status = sd_sha256_end(&signer->stream, signature);
    if (status == SD_OK) {
      memcpy(ret_signature, signature, sizeof signature);
      if (remember) /* the text has been hashed in place and stands there until the next begin */
        sd_memo_add(signer->memo, text, &key, signature);
    } else {
      sd_error_set(error, status, "computing a signature: %s", sd_status_text(status));
    }
  }
  signer->failed = SD_OK;
  sd_sha256_begin(&signer->stream);
  return status;
}

sd_status sd_signer_code(sd_signer *signer, const sd_node_options *options,
                         uint8_t ret_code[SD_SIGNATURE_SIZE])
{
  sd_signer_begin(signer, SD_SIGN_CODE);
  put_text(signer, 'n', options->name, strlen(options->name));
  if (options->code)
    put_text(signer, 'c', options->code, options->code_len ? options->code_len : strlen(options->code));
  if (options->version)
    put_text(signer, 'v', options->version, strlen(options->version));
  sd_signer_number(signer, options->input_count);
  for (size_t i = 0; i < options->input_count; i++)
    put_text(signer, 'i', options->inputs[i].name, strlen(options->inputs[i].name));
  sd_signer_number(signer, options->output_count);
  for (size_t i = 0; i < options->output_count; i++)
    put_text(signer, 'o', options->outputs[i], strlen(options->outputs[i]));
  return sd_signer_end(signer, ret_code, NULL);
}

char *sd_signature_text(const uint8_t signature[SD_SIGNATURE_SIZE], char *dst)
{
  static const char digits[] = "0123456789abcdef";
  static const char prefix[] = "sha256:";
  _Static_assert(sizeof prefix + 2 * (size_t)SD_SIGNATURE_SIZE == SD_SIGNATURE_TEXT_SIZE, "");
  memcpy(dst, prefix, sizeof prefix - 1);
  char *at = dst + sizeof prefix - 1;
  for (size_t i = 0; i < SD_SIGNATURE_SIZE; i++) {
    *at++ = digits[signature[i] >> 4];
    *at++ = digits[signature[i] & 15];
  }
  *at = '\0';
  return dst;
}
