/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen on. */
#include "cli/address.h"

#include "base/bytes.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 16, PORT_TEXT_MAX = 8 };

bool sd_address_split(const char *text, char host[SD_ADDRESS_HOST_MAX], uint16_t *ret_port)
{
  const char *colon = strrchr(text, ':');
  int64_t port = 0;
  if (!colon || colon == text || !sd_bytes_to_int64(sd_bytes_of(colon + 1), &port) || port < 0 ||
      port > UINT16_MAX)
    return false;
  size_t len = (size_t)(colon - text);
  if (text[0] == '[' && len > 2 && text[len - 1] == ']') {
    text++;
    len -= 2;
  }
  *ret_port = (uint16_t)port;
  return sd_bytes_to_text(sd_bytes_make(text, len), host, SD_ADDRESS_HOST_MAX);
}

static int listen_on(const struct addrinfo *address)
{
  int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int on = 1;
  if (fd < 0)
    return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
    return fd;
  int kept = errno;
  close(fd);
  errno = kept;
  return -1;
}

static sd_status port_of(int fd, uint16_t *ret_port)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
  } bound;
  socklen_t len = sizeof bound;
  if (getsockname(fd, &bound.any, &len) != 0)
    return SD_IO;
  *ret_port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
  return SD_OK;
}

sd_status sd_address_listen(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port, sd_error *error)
{
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  char service[PORT_TEXT_MAX];
  int fd = -1;
  snprintf(service, sizeof service, "%u", (unsigned)port);
  int result = getaddrinfo(host, service, &hints, &found);
  if (result != 0)
    return sd_error_set(error, SD_CONFIG, "%s cannot be listened on: %s", host, gai_strerror(result));
  for (const struct addrinfo *address = found; address && fd < 0; address = address->ai_next)
    fd = listen_on(address);
  int errnum = errno;
  freeaddrinfo(found);
  if (fd < 0)
    return sd_error_set_errno(error, SD_CONFIG, errnum, "%s port %u cannot be listened on", host,
                              (unsigned)port);
  if (port_of(fd, ret_port) != SD_OK) {
    close(fd);
    return sd_error_set(error, SD_IO, "the port of %s is not known", host);
  }
  *ret_fd = fd;
  return SD_OK;
}
