/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The checked copy of sd_eventhubs_options that source and sender work from, and the tokens made from it. */
#ifndef SD_EVENTHUBS_SETTINGS_H
#define SD_EVENTHUBS_SETTINGS_H

#include "base/buf.h"
#include "eventhubs/source.h"
#include "eventhubs/timing.h"
#include "net/net.h"

enum {
  SD_EVENTHUBS_NAME_MAX = 260,                /* bytes of a host's, hub's or group's name, with NUL */
  SD_EVENTHUBS_TOKEN_MAX = 8 * 1024,          /* bytes of a token */
  SD_EVENTHUBS_FRAME_SIZE_DEFAULT = 65536,    /* small frames make the window in frames a fine measure */
  SD_EVENTHUBS_MESSAGE_MAX = 21 * 1024 * 1024 /* one event; the service's largest is 20 MiB */
};

typedef struct sd_hub_settings {
  uv_loop_t *loop;
  sd_log *log;
  char host[SD_EVENTHUBS_NAME_MAX];
  uint16_t port;
  sd_tls_context *tls; /* NULL: plain TCP */
  char hub[SD_EVENTHUBS_NAME_MAX];
  char consumer_group[SD_EVENTHUBS_NAME_MAX]; /* "" for a sender */
  char receiver_name[SD_EVENTHUBS_NAME_MAX];
  char *key_name;
  char *key;   /* NULL with sas_token */
  char *token; /* a ready one, or NULL */
  uint32_t max_frame_size;
  sd_eventhubs_timing timing;
} sd_hub_settings;

/* SD_CONFIG with a message that names the option; a TLS context that cannot be made. */
SD_MUST_CHECK sd_status sd_hub_settings_init(sd_hub_settings *settings, uv_loop_t *loop,
                                             const sd_eventhubs_options *options, bool needs_group,
                                             sd_log *log, sd_error *error);
/* Wipes the secrets. A zeroed struct is allowed. */
void sd_hub_settings_release(sd_hub_settings *settings);

/* The resource that a token is for: "sb://host/hub". */
sd_status sd_hub_audience(const sd_hub_settings *settings, sd_buf *out);

/* Writes a token for the hub into out, whose content is replaced, and says how long it is good. A ready token
 * that has expired: SD_DENIED. */
SD_MUST_CHECK sd_status sd_hub_token(const sd_hub_settings *settings, sd_buf *out, uint64_t *ret_lifetime_ms,
                                     sd_error *error);

#endif
