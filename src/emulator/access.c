/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Tokens: whether they are good and what they cover (eventhubs.md §2, §11.1). Without a key everything is
 * good. */
#include "crypto/sas.h"
#include "emulator/state.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <strings.h>

static int64_t now_s(void)
{
  return sd_clock_unix_us() / 1000000;
}

/* Same length and bytes, in a time that does not depend on where they differ. */
static bool is_key(const sd_emulator *emulator, sd_bytes given)
{
  sd_bytes key = sd_bytes_of(emulator->sas_key);
  unsigned differs = given.len != key.len;
  for (size_t i = 0; i < given.len; i++)
    differs |= given.data[i] ^ key.data[i % (key.len ? key.len : 1)];
  return differs == 0;
}

bool emu_sasl(emu_connection *connection, const sd_amqp_sasl_init *init)
{
  const sd_emulator *emulator = connection->emulator;
  if (!emulator->sas_key || !sd_bytes_equal_text(init->mechanism, "PLAIN"))
    return true;
  /* authorization NUL name NUL key (RFC 4616) */
  sd_bytes response = init->initial_response;
  const uint8_t *first = response.len ? memchr(response.data, 0, response.len) : NULL;
  size_t left = first ? response.len - (size_t)(first + 1 - response.data) : 0;
  const uint8_t *second = left ? memchr(first + 1, 0, left) : NULL;
  if (!second)
    return false;
  connection->trusted =
      is_key(emulator, sd_bytes_make(second + 1, response.len - (size_t)(second + 1 - response.data)));
  return connection->trusted;
}

/* 0, or the reason that the peer is told; the path of what was signed goes to `scope`. */
static const char *judge(const sd_emulator *emulator, sd_bytes text, char *scope, int64_t *ret_expiry_s)
{
  sd_sas_token token;
  if (sd_sas_parse(text, &token) != SD_OK)
    return "MalformedToken: this emulator verifies shared access signatures; the token is none.";
  switch (sd_sas_verify(&token, emulator->sas_key, now_s())) {
  case SD_OK:
    break;
  case SD_TIMEOUT:
    return "ExpiredToken: The token is expired.";
  default:
    return "InvalidSignature: The token has an invalid signature.";
  }
  if (!emu_address_path(token.resource_encoded, scope, EMU_ADDRESS_MAX))
    return "MalformedToken: the token's resource is malformed.";
  *ret_expiry_s = token.expiry_unix_s;
  return NULL;
}

/* A token may be signed for more or for less than the audience names, as long as it is the same hub. */
static bool is_same_hub(const char *scope, const char *path)
{
  size_t len = strcspn(scope, "/");
  return len == 0 || (strcspn(path, "/") == len && strncasecmp(scope, path, len) == 0) || path[0] == '\0';
}

static bool keep(emu_connection *connection, const char *scope, int64_t expiry_s)
{
  for (size_t i = 0; i < connection->token_count; i++) {
    if (strcasecmp(connection->tokens[i].scope, scope) == 0) {
      connection->tokens[i].expiry_s = expiry_s;
      return true;
    }
  }
  if (connection->token_count == EMU_TOKENS_MAX)
    return false;
  emu_token token = {sd_strdup(scope), expiry_s};
  emu_token *grown = sd_realloc(connection->tokens, (connection->token_count + 1) * sizeof *grown);
  if (grown)
    connection->tokens = grown;
  if (!token.scope || !grown) {
    sd_free(token.scope);
    return false;
  }
  grown[connection->token_count++] = token;
  return true;
}

int emu_put_token(emu_connection *connection, sd_bytes audience, sd_bytes token, const char **ret_description)
{
  const sd_emulator *emulator = connection->emulator;
  *ret_description = "Accepted";
  if (!emulator->sas_key)
    return 202;
  char scope[EMU_ADDRESS_MAX];
  char path[EMU_ADDRESS_MAX];
  int64_t expiry_s = 0;
  const char *reason = judge(emulator, token, scope, &expiry_s);
  if (!reason && (!emu_address_path(audience, path, sizeof path) || !is_same_hub(scope, path)))
    reason = "InvalidAudience: The token is signed for another entity.";
  if (reason) {
    *ret_description = reason;
    return 401;
  }
  if (!keep(connection, scope, expiry_s)) {
    *ret_description = "Too many tokens on this connection.";
    return 500;
  }
  return 202;
}

bool emu_authorised(const emu_connection *connection, const char *path)
{
  if (!connection->emulator->sas_key || connection->trusted)
    return true;
  int64_t now = now_s();
  for (size_t i = 0; i < connection->token_count; i++) {
    if (connection->tokens[i].expiry_s >= now && emu_address_covers(connection->tokens[i].scope, path))
      return true;
  }
  return false;
}

bool emu_authorised_for_hub(const emu_connection *connection, const char *hub)
{
  if (emu_authorised(connection, hub))
    return true;
  int64_t now = now_s();
  for (size_t i = 0; i < connection->token_count; i++) {
    if (connection->tokens[i].expiry_s >= now && emu_address_covers(hub, connection->tokens[i].scope))
      return true;
  }
  return false;
}

bool emu_token_covers_hub(const sd_emulator *emulator, sd_bytes token, const char *hub)
{
  char scope[EMU_ADDRESS_MAX];
  int64_t expiry_s = 0;
  return !judge(emulator, token, scope, &expiry_s) && is_same_hub(scope, hub);
}

void emu_tokens_release(emu_connection *connection)
{
  for (size_t i = 0; i < connection->token_count; i++)
    sd_free(connection->tokens[i].scope);
  sd_free(connection->tokens);
  connection->tokens = NULL;
  connection->token_count = 0;
}

void emu_check_expiry(emu_connection *connection)
{
  if (!connection->emulator->sas_key)
    return;
  for (emu_link *link = connection->links; link; link = link->next) {
    if (link->path && !link->detached && !emu_authorised(connection, link->path))
      emu_link_detach(link, "amqp:unauthorized-access", "ExpiredToken: The token is expired.");
  }
}
