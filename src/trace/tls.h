/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* How thread-local variables are reached. */
#ifndef SD_TRACE_TLS_H
#define SD_TRACE_TLS_H

/* The initial-exec model costs one instruction where the default one calls a function from a shared library.
 * Not with gcc's UBSan: it tests the address for NULL by the flags of an `add` that the linker turns into a
 * `lea`, which sets none. */
#ifdef __SANITIZE_ADDRESS__
#define SD_THREAD_LOCAL _Thread_local
#else
#define SD_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#endif

#endif
