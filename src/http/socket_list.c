/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Keeping track of libcurl's sockets. */
#include "http/socket_list.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

curl_socket_t sd_http_socket_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
  sd_http_sockets *sockets = user;
  struct stat info;
  (void)purpose;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0)
    return CURL_SOCKET_BAD;
  if (sockets->count < SD_HTTP_SOCKETS_MAX && fstat(fd, &info) == 0) {
    sockets->entries[sockets->count].fd = fd;
    sockets->entries[sockets->count].inode = info.st_ino;
    sockets->count++;
  }
  return fd;
}

int sd_http_socket_close(void *user, curl_socket_t fd)
{
  sd_http_sockets *sockets = user;
  for (size_t i = 0; i < sockets->count; i++) {
    if (sockets->entries[i].fd == fd) {
      sockets->entries[i] = sockets->entries[--sockets->count];
      break;
    }
  }
  return close(fd);
}

void sd_http_sockets_disconnect(sd_http_sockets *sockets)
{
  int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (size_t i = 0; i < sockets->count; i++) {
    struct stat info;
    int fd = sockets->entries[i].fd;
    if (fstat(fd, &info) != 0 || !S_ISSOCK(info.st_mode) || info.st_ino != sockets->entries[i].inode)
      continue;
    if (null_fd < 0 || dup3(null_fd, fd, O_CLOEXEC) < 0)
      close(fd);
  }
  if (null_fd >= 0)
    close(null_fd);
}
