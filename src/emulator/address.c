/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Addresses of links. */
#include "emulator/address.h"

#include "crypto/sas.h"

#include <stdio.h>
#include <strings.h>

enum { SEGMENTS_MAX = 6 };

bool emu_address_path(sd_bytes text, char *path, size_t size)
{
  sd_buf plain;
  const char *at = NULL;
  const char *scheme = NULL;
  size_t len = 0;
  sd_buf_init(&plain, EMU_ADDRESS_MAX * 3);
  bool good = false;
  /* A name with a lone '%' is itself. */
  sd_status status = sd_percent_decode(text, &plain);
  if (status == SD_INVALID)
    status = sd_buf_append_bytes(&plain, text);
  if (status != SD_OK || memchr(plain.data ? plain.data : (const uint8_t *)"", 0, plain.len))
    goto out;
  at = sd_buf_text(&plain);
  scheme = strstr(at, "://");
  if (scheme) {
    const char *slash = strchr(scheme + 3, '/');
    at = slash ? slash : "";
  }
  while (*at == '/')
    at++;
  len = strlen(at);
  while (len > 0 && at[len - 1] == '/')
    len--;
  if (len >= size)
    goto out;
  memcpy(path, at, len);
  path[len] = '\0';
  good = true;
out:
  sd_buf_release(&plain);
  return good;
}

static size_t split(const char *path, sd_bytes segments[SEGMENTS_MAX])
{
  size_t count = 0;
  for (const char *at = path; *at;) {
    size_t len = strcspn(at, "/");
    if (count == SEGMENTS_MAX || len == 0)
      return 0;
    segments[count++] = sd_bytes_make(at, len);
    at += len + (at[len] == '/');
  }
  return count;
}

static bool is_word(sd_bytes segment, const char *word)
{
  return sd_bytes_equal_nocase(segment, sd_bytes_of(word));
}

void emu_address_parse(sd_bytes text, emu_address *ret_address)
{
  memset(ret_address, 0, sizeof *ret_address);
  sd_bytes part[SEGMENTS_MAX];
  if (!emu_address_path(text, ret_address->path, sizeof ret_address->path))
    return;
  size_t count = split(ret_address->path, part);
  if (count == 0 || !sd_bytes_to_text(part[0], ret_address->hub, EMU_NAME_MAX))
    return;
  if (count == 1 && is_word(part[0], "$cbs"))
    ret_address->kind = EMU_ADDRESS_CBS;
  else if (is_word(part[count - 1], "$management"))
    ret_address->kind = EMU_ADDRESS_MANAGEMENT;
  else if (count == 1)
    ret_address->kind = EMU_ADDRESS_HUB;
  else if (count == 3 && is_word(part[1], "Partitions") &&
           sd_bytes_to_text(part[2], ret_address->partition, EMU_NAME_MAX))
    ret_address->kind = EMU_ADDRESS_PARTITION;
  else if ((count == 3 || count == 4) && is_word(part[1], "publishers") &&
           sd_bytes_to_text(part[2], ret_address->publisher, EMU_NAME_MAX))
    ret_address->kind = EMU_ADDRESS_PUBLISHER;
  else if (count == 5 && is_word(part[1], "ConsumerGroups") && is_word(part[3], "Partitions") &&
           sd_bytes_to_text(part[2], ret_address->group, EMU_NAME_MAX) &&
           sd_bytes_to_text(part[4], ret_address->partition, EMU_NAME_MAX))
    ret_address->kind = EMU_ADDRESS_RECEIVER;
}

bool emu_address_covers(const char *scope, const char *path)
{
  size_t len = strlen(scope);
  return strncasecmp(scope, path, len) == 0 && (len == 0 || path[len] == '\0' || path[len] == '/');
}
