/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Types of our own errors. */
#include <streamduck/trace.h>

#include <stdio.h>
#include <string.h>

/* duckdb_error_type of the C API, by number. */
static const char *const DUCKDB_NAMES[] = {
    "Invalid",
    "OutOfRange",
    "Conversion",
    "UnknownType",
    "Decimal",
    "MismatchType",
    "DivideByZero",
    "ObjectSize",
    "InvalidType",
    "Serialization",
    "Transaction",
    "NotImplemented",
    "Expression",
    "Catalog",
    "Parser",
    "Planner",
    "Scheduler",
    "Executor",
    "Constraint",
    "Index",
    "Stat",
    "Connection",
    "Syntax",
    "Settings",
    "Binder",
    "Network",
    "Optimizer",
    "NullPointer",
    "IO",
    "Interrupt",
    "Fatal",
    "Internal",
    "InvalidInput",
    "OutOfMemory",
    "Permission",
    "ParameterNotResolved",
    "ParameterNotAllowed",
    "Dependency",
    "HTTP",
    "MissingExtension",
    "Autoload",
    "Sequence",
    "InvalidConfiguration",
};
enum { DUCKDB_NAMES_COUNT = sizeof DUCKDB_NAMES / sizeof DUCKDB_NAMES[0] };

static const char *errno_type(const char *prefix, int number, char *dst)
{
#ifdef __GLIBC__
  const char *name = strerrorname_np(number);
#else
  const char *name = NULL;
#endif
  if (name)
    snprintf(dst, SD_ERROR_TYPE_SIZE, "%s.%s", prefix, name);
  else
    snprintf(dst, SD_ERROR_TYPE_SIZE, "%s.%d", prefix, number);
  return dst;
}

const char *sd_error_type(const sd_error *error, char *dst)
{
  if (error->condition[0])
    return error->condition;
  if (error->source_code == 0)
    return sd_status_name(error->code);
  switch (error->source) {
  case SD_SOURCE_SYSTEM:
    return errno_type("errno", error->source_code, dst);
  case SD_SOURCE_UV:
    return errno_type("uv", -error->source_code, dst);
  case SD_SOURCE_TLS:
    snprintf(dst, SD_ERROR_TYPE_SIZE, "tls.%08x", (unsigned)error->source_code);
    return dst;
  case SD_SOURCE_DUCKDB:
    if (error->source_code < 0 || error->source_code >= DUCKDB_NAMES_COUNT)
      snprintf(dst, SD_ERROR_TYPE_SIZE, "duckdb.%d", error->source_code);
    else
      snprintf(dst, SD_ERROR_TYPE_SIZE, "duckdb.%s", DUCKDB_NAMES[error->source_code]);
    return dst;
  case SD_SOURCE_HTTP:
    snprintf(dst, SD_ERROR_TYPE_SIZE, "http.%d", error->source_code);
    return dst;
  default:
    return sd_status_name(error->code);
  }
}
