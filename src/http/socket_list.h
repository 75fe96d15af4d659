/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The sockets that libcurl holds open for one client, so that a child process can let go of them. */
#ifndef SD_HTTP_SOCKET_LIST_H
#define SD_HTTP_SOCKET_LIST_H

#include <curl/curl.h>
#include <stddef.h>
#include <sys/types.h>

enum { SD_HTTP_SOCKETS_MAX = 32 /* open at once; what comes above is not kept track of */ };

typedef struct sd_http_sockets {
  struct {
    int fd;
    ino_t inode; /* tells the socket from a later file with the same number */
  } entries[SD_HTTP_SOCKETS_MAX];
  size_t count;
} sd_http_sockets;

/* CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; user is the sd_http_sockets. Sockets are
 * closed on exec. */
curl_socket_t sd_http_socket_open(void *user, curlsocktype purpose, struct curl_sockaddr *address);
int sd_http_socket_close(void *user, curl_socket_t fd);

/* In a child process: puts /dev/null in the place of every socket, so that whatever libcurl still writes to
 * it cannot reach the peer, whose connection is the parent's. */
void sd_http_sockets_disconnect(sd_http_sockets *sockets);

#endif
