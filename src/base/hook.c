/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The phase byte that a crash test shares with this process; compiled only with -Dtest_hooks=true. */
#include "base/hook.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_once_t map_once = PTHREAD_ONCE_INIT;
static _Atomic unsigned char *phase_byte; /* NULL without a file */
static _Atomic unsigned char *kill_byte;  /* NULL when the file has one byte */

static void map_file(void)
{
  const char *path = getenv("STREAMDUCK_TEST_PHASE_FILE");
  if (!path)
    return;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  struct stat st;
  /* A crash test that does not see the phases would prove nothing: stop at once. */
  if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < 1)
    abort();
  size_t len = st.st_size >= 2 ? 2 : 1;
  void *bytes = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED)
    abort();
  close(fd);
  phase_byte = bytes;
  if (len == 2)
    kill_byte = phase_byte + 1;
}

void sd_phase_enter(sd_phase phase)
{
  pthread_once(&map_once, map_file);
  if (!phase_byte)
    return;
  atomic_store(phase_byte, (unsigned char)phase);
  if (phase != SD_PHASE_NONE && kill_byte && atomic_load(kill_byte) == (unsigned char)phase)
    kill(getpid(), SIGKILL);
}
