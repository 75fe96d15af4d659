/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* What OTLP/HTTP and OTLP/gRPC share: where a signal's requests go, and the HTTP client that takes them. */
#ifndef SD_EXPORT_OTLP_LINK_H
#define SD_EXPORT_OTLP_LINK_H

#include "export/transport.h"
#include "http/client.h"

enum {
  SD_OTLP_HEADERS_MAX = 48, /* of the user */
  SD_OTLP_HEADER_BYTES_MAX = 16 * 1024
};

/* The URL to which a signal (SD_SIGNAL_…) goes; the caller frees it. SD_CONFIG names the endpoint without
 * secrets. */
SD_MUST_CHECK sd_status sd_otlp_url(const sd_otlp_options *options, int signal, char **ret_url,
                                    sd_error *error);

/* "traces", "metrics", "logs". Static string. */
const char *sd_otlp_signal_name(int signal);

/* SD_CONFIG for a header that is none, without its value. */
SD_MUST_CHECK sd_status sd_otlp_check_headers(const char *const *headers, sd_error *error);

typedef struct sd_otlp_link sd_otlp_link;

/* own: the protocol's headers, end with NULL; those of the user cannot replace them. */
SD_MUST_CHECK sd_status sd_otlp_link_new(const sd_otlp_options *options, const char *url,
                                         const char *const *own, sd_http_version version,
                                         sd_otlp_link **ret_link);
void sd_otlp_link_free(sd_otlp_link *link);

/* For messages. */
const char *sd_otlp_link_url(const sd_otlp_link *link);

/* POSTs body, with one further header (NULL: none). As sd_http_client_perform. */
SD_MUST_CHECK sd_status sd_otlp_link_post(sd_otlp_link *link, sd_bytes body, const char *header,
                                          uint32_t timeout_ms, sd_http_header_fn *on_header, void *user,
                                          sd_http_answer *ret_answer, sd_error *error);

/* Says in result what a failure of sd_otlp_link_post means. */
void sd_otlp_link_failure(const sd_error *error, sd_send_result *result);

/* See sd_transport_vtable. */
void sd_otlp_link_cancel_at(sd_otlp_link *link, uint64_t deadline_ns);
void sd_otlp_link_after_fork(sd_otlp_link *link);

/* The transports. */
SD_MUST_CHECK sd_status sd_otlp_http_new(const sd_otlp_options *options, int signal, const char *url,
                                         sd_transport *ret_transport);
SD_MUST_CHECK sd_status sd_otlp_grpc_new(const sd_otlp_options *options, int signal, const char *url,
                                         sd_transport *ret_transport);

#endif
