/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The sd_source over AMQP 1.0 to Azure Event Hubs (or the emulator): one connection per mapping. */
#ifndef SD_EVENTHUBS_SOURCE_H
#define SD_EVENTHUBS_SOURCE_H

#include "base/log.h"
#include "batch/source.h"

#include <uv.h>

typedef struct sd_eventhubs_options {
  size_t struct_size;
  const char *host; /* broker's host name */
  uint16_t port;    /* 0: 5671 with TLS, 5672 without */
  bool tls;
  const char *ca_file; /* NULL: the system's trust store */
  const char *hub;
  const char *consumer_group;
  const char *sas_key_name; /* with sas_key; or sas_token alone */
  const char *sas_key;
  const char *sas_token;     /* a ready SharedAccessSignature: cannot be renewed, its expiry is reported */
  const char *receiver_name; /* shown by the broker in messages about stolen links */
  uint32_t max_frame_size;   /* 0: 65536 */
} sd_eventhubs_options;

/* Copies the options; connects only at start, which answers SD_DENIED when a ready token has expired. Neither
 * a key nor a token: an emulator is asked with a key that means nothing. log is borrowed and may be NULL.
 * SD_CONFIG: an option is missing or wrong; or the error of sd_tls_client_new. */
SD_MUST_CHECK sd_status sd_eventhubs_source_new(uv_loop_t *loop, const sd_eventhubs_options *options,
                                                const sd_source_handler *handler, void *owner, sd_log *log,
                                                sd_source **ret_source, sd_error *error);

#endif
