/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen on, as the command line writes them. */
#ifndef SD_CLI_ADDRESS_H
#define SD_CLI_ADDRESS_H

#include <streamduck/error.h>

enum { SD_ADDRESS_HOST_MAX = 256 };

/* "HOST:PORT" or "[ADDRESS]:PORT" into both; false when it is neither. */
bool sd_address_split(const char *text, char host[SD_ADDRESS_HOST_MAX], uint16_t *ret_port);

/* Binds and listens on the first address of the host that works; port 0 takes a free one. *ret_port is the
 * one that was taken. The caller closes *ret_fd. */
SD_MUST_CHECK sd_status sd_address_listen(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port,
                                          sd_error *error);

#endif
