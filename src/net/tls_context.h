/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Private to net: what TLS settings consist of. */
#ifndef SD_NET_TLS_CONTEXT_H
#define SD_NET_TLS_CONTEXT_H

#include "net/net.h"

#include <openssl/ssl.h>

struct sd_tls_context {
  SSL_CTX *ssl;
  bool client;
};

#endif
