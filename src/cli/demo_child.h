/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Another process of this program, for the demo: the emulator, the sender. It tells what it does in lines of
 * JSON on its standard output. It has its own process group, so that Ctrl-C reaches only the demo, which ends
 * it in order; when the demo dies, the kernel ends it (SIGTERM). Belongs to one thread, which must live as
 * long as the child.
 */
#ifndef SD_CLI_DEMO_CHILD_H
#define SD_CLI_DEMO_CHILD_H

#include "base/buf.h"

#include <jansson.h>
#include <streamduck/error.h>
#include <sys/types.h>

enum {
  SD_DEMO_CHILD_LINE_MAX = 64 * 1024,
  SD_DEMO_CHILD_STOP_MS = 10000, /* from SIGTERM to SIGKILL */
  SD_DEMO_CHILD_ARGUMENTS_MAX = 32
};

typedef struct sd_demo_child {
  const char *name; /* for messages; borrowed */
  pid_t pid;        /* 0: none, or it has been waited for */
  int out;          /* its standard output, -1 at the end */
  int exit_code;    /* once pid is 0 again; 128 + signal when a signal ended it */
  sd_buf text;      /* read and not yet handed over */
} sd_demo_child;

/* Starts this program with the given arguments (NULL at the end, without the program's name). */
SD_MUST_CHECK sd_status sd_demo_child_start(sd_demo_child *child, const char *name,
                                            const char *const *arguments, sd_error *error);

/* The next line as a JSON object, which the caller owns. Waits for timeout_ms at most; a signal ends the
 * wait. SD_AGAIN: none yet; SD_CLOSED: the output has ended; SD_PROTOCOL: no JSON. */
SD_MUST_CHECK sd_status sd_demo_child_read(sd_demo_child *child, int timeout_ms, json_t **ret_object,
                                           sd_error *error);

/* True when it has ended (exit_code is set). Waits for at most timeout_ms. */
bool sd_demo_child_has_ended(sd_demo_child *child, int timeout_ms);

/* Ends the process, if it runs, and releases everything. A zeroed child is allowed. */
void sd_demo_child_stop(sd_demo_child *child);

#endif
