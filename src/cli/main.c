/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The program `streamduck`. */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A standard stream that the caller closed would be the number of the next file or socket: a database could
 * get our messages. Its place is taken by a file that cannot be used that way, so that writing still fails.
 */
static bool occupy_standard_streams(void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
      continue;
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
      return false;
  }
  return true;
}

int main(int argc, char **argv)
{
  if (!occupy_standard_streams())
    return SD_EXIT_CONFIG;
  /* A peer or reader that goes away is an error of that write, not the end of the program. */
  signal(SIGPIPE, SIG_IGN);
  return sd_cli_main(argc, argv, stdout, stderr);
}
