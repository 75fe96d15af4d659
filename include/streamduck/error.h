/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * The error model of every streamduck library.
 *
 * A function that can fail returns an sd_status (0 is success, failures are negative) and takes an optional
 * last argument `sd_error *`, which it fills only when it fails. Output parameters (`ret_…`) are written only
 * on success. An sd_error holds no pointers: copy it freely, keep it as long as you like, there is nothing to
 * release. All functions here may be called from any thread.
 */
#ifndef STREAMDUCK_ERROR_H
#define STREAMDUCK_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SD_API               __attribute__((visibility("default")))
#define SD_MUST_CHECK        __attribute__((warn_unused_result))
#define SD_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SD_API
#define SD_MUST_CHECK
#define SD_PRINTF(fmt, args)
#endif

/* Status codes: name, number, text. A number is never reused and never changes its meaning. */
#define SD_STATUS_MAP(X)                                                                                     \
  X(OK, 0, "success")                                                                                        \
  X(NOMEM, -1, "out of memory")                                                                              \
  X(INVALID, -2, "invalid argument or malformed input")                                                      \
  X(LIMIT, -3, "a documented limit was exceeded")                                                            \
  X(STATE, -4, "the object is not in a state that allows this call")                                         \
  X(IO, -5, "input/output error")                                                                            \
  X(TIMEOUT, -6, "timed out")                                                                                \
  X(CLOSED, -7, "closed")                                                                                    \
  X(NOT_FOUND, -8, "not found")                                                                              \
  X(DENIED, -9, "permission denied or not authenticated")                                                    \
  X(CONFLICT, -10, "conflict with a concurrent change")                                                      \
  X(FENCED, -11, "another owner has taken over")                                                             \
  X(DATABASE, -12, "database error")                                                                         \
  X(CONFIG, -13, "configuration error")                                                                      \
  X(UNSUPPORTED, -14, "not supported")                                                                       \
  X(CANCELLED, -15, "cancelled")                                                                             \
  X(CORRUPT, -16, "stored data contradicts itself")                                                          \
  X(AGAIN, -17, "not now, try again")                                                                        \
  X(PROTOCOL, -18, "the peer broke the protocol")                                                            \
  X(REMOTE, -19, "the peer reported an error")                                                               \
  X(INTERNAL, -20, "internal error")

typedef int32_t sd_status;

enum {
#define SD_STATUS_ENUM(name, number, text) SD_##name = (number),
  SD_STATUS_MAP(SD_STATUS_ENUM)
#undef SD_STATUS_ENUM
};

/* Whose code `source_code` is. */
typedef enum sd_error_source {
  SD_SOURCE_NONE = 0,
  SD_SOURCE_SYSTEM = 1, /* errno */
  SD_SOURCE_UV = 2,     /* libuv, negative errno */
  SD_SOURCE_TLS = 3,    /* OpenSSL: an ERR_ code, or an X509_V_ERR_ code of a refused certificate */
  SD_SOURCE_AMQP = 4,   /* the condition's name stands in `condition` */
  SD_SOURCE_DUCKDB = 5, /* duckdb_error_type */
  SD_SOURCE_HTTP = 6    /* HTTP status */
} sd_error_source;

#define SD_ERROR_CONDITION_MAX 72
#define SD_ERROR_MESSAGE_MAX   424

/* What went wrong, for the program (code … condition) and the person (message). 512 bytes, no pointers. */
typedef struct sd_error {
  sd_status code;
  int32_t source;      /* an sd_error_source */
  int32_t source_code; /* the source's own code, 0 when it has none */
  uint8_t retriable;   /* 1: the same call may succeed later without anyone changing anything */
  uint8_t fatal;       /* 1: the object that failed cannot be used any more; free it */
  uint8_t reserved[2];
  char condition[SD_ERROR_CONDITION_MAX]; /* the peer's symbolic condition ("amqp:link:stolen"), else "" */
  char message[SD_ERROR_MESSAGE_MAX];     /* one sentence, NUL terminated, UTF-8, cut at the limit */
} sd_error;

/* "SD_NOMEM" for SD_NOMEM; "SD_?" for an unknown number. Static string. */
SD_API const char *sd_status_name(sd_status status);

/* "out of memory" for SD_NOMEM. Static string. */
SD_API const char *sd_status_text(sd_status status);

/* Makes *error a cleared SD_OK. error may be NULL. */
SD_API void sd_error_clear(sd_error *error);

/* Overwrites *error (may be NULL) with code and message, everything else cleared. Returns code, so that
 * `return sd_error_set(error, SD_INVALID, "…")` fails in one line. */
SD_API sd_status sd_error_set(sd_error *error, sd_status code, const char *format, ...) SD_PRINTF(3, 4);

/* As sd_error_set, with source SD_SOURCE_SYSTEM, source_code errnum and ": <strerror>" behind the message. */
SD_API sd_status sd_error_set_errno(sd_error *error, sd_status code, int errnum, const char *format, ...)
    SD_PRINTF(4, 5);

/* Puts "<prefix>: " in front of the message and keeps everything else. error may be NULL. */
SD_API void sd_error_prefix(sd_error *error, const char *format, ...) SD_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
