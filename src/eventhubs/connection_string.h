/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Event Hubs connection strings (eventhubs.md §1.3). */
#ifndef SD_EVENTHUBS_CONNECTION_STRING_H
#define SD_EVENTHUBS_CONNECTION_STRING_H

#include <streamduck/error.h>

enum {
  SD_CONNECTION_STRING_MAX = 4096, /* bytes of the text */
  SD_CONNECTION_FIELD_MAX = 1024   /* bytes of a field, with NUL */
};

typedef struct sd_connection_string {
  char host[256]; /* of Endpoint, lower case */
  uint16_t port;  /* explicit in Endpoint, else 0 */
  char hub[260];  /* EntityPath, "" when absent */
  char key_name[SD_CONNECTION_FIELD_MAX];
  char key[SD_CONNECTION_FIELD_MAX];
  char signature[SD_CONNECTION_FIELD_MAX]; /* a ready SharedAccessSignature, else "" */
  bool development_emulator;               /* plain TCP, port 5672 unless Endpoint has one */
} sd_connection_string;

/* Names match without case, values may contain '='. SD_CONFIG with a message that names the missing or
 * unknown field and never quotes a value. Neither key nor signature is refused only when development_emulator
 * is not set. */
SD_MUST_CHECK sd_status sd_connection_string_parse(const char *text, sd_connection_string *ret,
                                                   sd_error *error);

#endif
