/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Reading and shrinking tracestate. */
#include "trace/tracestate.h"

#include "trace/header_text.h"

void sd_tracestate_init(sd_tracestate *state)
{
  sd_buf_init(&state->list, SD_TRACESTATE_INPUT_MAX);
  state->members = 0;
}

void sd_tracestate_release(sd_tracestate *state)
{
  sd_buf_release(&state->list);
  state->members = 0;
}

static bool is_key_start(uint8_t c)
{
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_key(sd_bytes key)
{
  if (key.len == 0 || key.len > SD_TRACESTATE_KEY_MAX || !is_key_start(key.data[0]))
    return false;
  for (size_t i = 1; i < key.len; i++) {
    uint8_t c = key.data[i];
    if (!is_key_start(c) && c != '_' && c != '-' && c != '*' && c != '/' && c != '@')
      return false;
  }
  return true;
}

/* Spaces at its end were trimmed with the member; those in front belong to the value. */
static bool is_value(sd_bytes value)
{
  if (value.len == 0 || value.len > SD_TRACESTATE_VALUE_MAX)
    return false;
  for (size_t i = 0; i < value.len; i++) {
    uint8_t c = value.data[i];
    if (c < 0x20 || c > 0x7E || c == ',' || c == '=')
      return false;
  }
  return true;
}

static bool split(sd_bytes member, sd_bytes *ret_key, sd_bytes *ret_value)
{
  const uint8_t *equals = member.len > 0 ? memchr(member.data, '=', member.len) : NULL;
  if (!equals)
    return false;
  size_t key_len = (size_t)(equals - member.data);
  *ret_key = sd_bytes_make(member.data, key_len);
  *ret_value = sd_bytes_make(equals + 1, member.len - key_len - 1);
  return true;
}

static bool has_key(const sd_tracestate *state, sd_bytes key)
{
  sd_bytes rest = sd_buf_bytes(&state->list);
  sd_bytes member;
  while (sd_header_next(&rest, ',', &member)) {
    if (member.len > key.len && member.data[key.len] == '=' && memcmp(member.data, key.data, key.len) == 0)
      return true;
  }
  return false;
}

sd_status sd_tracestate_add(sd_tracestate *state, sd_bytes header)
{
  sd_bytes member;
  sd_bytes key;
  sd_bytes value;
  while (sd_header_next(&header, ',', &member)) {
    if (member.len == 0)
      continue;
    if (!split(member, &key, &value) || !is_key(key) || !is_value(value))
      return SD_INVALID;
    if (++state->members > SD_TRACESTATE_MEMBERS_MAX)
      return SD_INVALID;
    if (has_key(state, key))
      continue;
    if (state->list.len > 0)
      sd_buf_append_byte(&state->list, ',');
    sd_buf_append_bytes(&state->list, member);
  }
  return sd_buf_status(&state->list);
}

/* The member to give up next: the last of the long ones, else the last one. */
static sd_bytes find_victim(sd_bytes list)
{
  sd_bytes victim = list;
  sd_bytes member;
  bool found_long = false;
  while (sd_header_next(&list, ',', &member)) {
    bool is_long = member.len > SD_TRACESTATE_LONG_MEMBER;
    if (is_long || !found_long)
      victim = member;
    found_long = found_long || is_long;
  }
  return victim;
}

static void remove_member(sd_buf *list, sd_bytes member)
{
  size_t from = (size_t)(member.data - list->data);
  size_t to = from + member.len;
  /* One comma goes too: the one behind, or that in front of the last member. */
  if (to < list->len)
    to++;
  else if (from > 0)
    from--;
  memmove(list->data + from, list->data + to, list->len - to);
  sd_buf_truncate(list, list->len - (to - from));
}

void sd_tracestate_shrink(sd_tracestate *state)
{
  while (state->list.len > SD_TRACESTATE_BYTES_MAX)
    remove_member(&state->list, find_victim(sd_buf_bytes(&state->list)));
}
