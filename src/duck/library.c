/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Loading libduckdb with dlopen. */
#include "duck/library.h"

#include "base/buf.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOKED_MAX = 3072 /* bytes of the list of places that a message shows */ };

static const char *const default_names[] = {"libduckdb.so", "libduckdb.so.1.5"};
/* Relative to the program's folder. */
static const char *const beside_program[] = {"libduckdb.so", "../lib/libduckdb.so", "lib/libduckdb.so"};

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;
static sd_duck_api library_api; /* filled while library_handle is set */
static void *library_handle;
static char library_file[SD_DUCK_PATH_MAX]; /* real path, or the name that the loader resolved */

sd_status sd_duck_version_check(const char *version, bool motherduck, sd_error *error)
{
  int major = 0;
  int minor = 0;
  if (sscanf(version, "v%d.%d", &major, &minor) != 2)
    return sd_error_set(error, SD_UNSUPPORTED,
                        "libduckdb calls itself \"%s\"; streamduck works with DuckDB 1.5.x", version);
  if (motherduck && !(major == 1 && minor == 5))
    return sd_error_set(error, SD_UNSUPPORTED,
                        "libduckdb is %s, but MotherDuck accepts DuckDB 1.5.x only; give the path of a 1.5.x "
                        "library with --libduckdb or STREAMDUCK_LIBDUCKDB",
                        version);
  if (!(major == 1 && minor == 5) && major != 2)
    return sd_error_set(error, SD_UNSUPPORTED,
                        "libduckdb is %s; streamduck works with DuckDB 1.5.x (2.x for local files); give the "
                        "path of such a library with --libduckdb or STREAMDUCK_LIBDUCKDB",
                        version);
  return SD_OK;
}

sd_status sd_duck_library_check_motherduck(const sd_duck_api *api, sd_error *error)
{
  return sd_duck_version_check(api->library_version(), true, error);
}

/* Fills *api; the names that are missing are appended to `missing`. */
static void resolve(void *handle, sd_duck_api *api, sd_buf *missing)
{
  memset(api, 0, sizeof *api);
/* ISO C has no cast from a data pointer to a function pointer; POSIX says that the bytes are the same. */
#define RESOLVE(type, name, parameters)                                                                      \
  do {                                                                                                       \
    void *symbol = dlsym(handle, "duckdb_" #name);                                                           \
    if (symbol)                                                                                              \
      memcpy(&api->name, &symbol, sizeof symbol);                                                            \
    else                                                                                                     \
      sd_buf_append_text(missing, missing->len ? ", duckdb_" #name : "duckdb_" #name);                       \
  } while (0);
  SD_DUCK_API_MAP(RESOLVE)
#undef RESOLVE
}

/* One place. SD_NOT_FOUND when there is no library that can be opened; its reason is noted in `looked`. */
static sd_status try_open(const char *name, sd_buf *looked, sd_error *error)
{
  void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *why = dlerror();
    sd_buf_appendf(looked, "%s%s", looked->len ? "; " : "", why ? why : name);
    return SD_NOT_FOUND;
  }
  sd_buf missing;
  sd_buf_init(&missing, LOOKED_MAX);
  sd_duck_api api;
  resolve(handle, &api, &missing);
  sd_status status = SD_OK;
  if (missing.len > 0)
    status = sd_error_set(error, SD_UNSUPPORTED, "%s is no DuckDB 1.5.x: it lacks %s", name,
                          sd_buf_text(&missing));
  else
    status = sd_duck_version_check(api.library_version(), false, error);
  sd_buf_release(&missing);
  if (status != SD_OK) {
    dlclose(handle);
    return status;
  }
  char real[PATH_MAX];
  const char *file = strchr(name, '/') && realpath(name, real) ? real : name;
  snprintf(library_file, sizeof library_file, "%s", file);
  library_api = api;
  library_handle = handle;
  return SD_OK;
}

/* `path` beside the running program; false when there is no such file. */
static bool path_beside_program(const char *path, char *dst, size_t size)
{
  char program[PATH_MAX];
  ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
  if (len <= 0)
    return false;
  program[len] = '\0';
  char *slash = strrchr(program, '/');
  if (!slash)
    return false;
  *slash = '\0';
  int n = snprintf(dst, size, "%s/%s", program, path);
  return n > 0 && (size_t)n < size && access(dst, F_OK) == 0;
}

static sd_status search(sd_buf *looked, sd_error *error)
{
  char path[SD_DUCK_PATH_MAX];
  for (size_t i = 0; i < sizeof beside_program / sizeof *beside_program; i++) {
    if (!path_beside_program(beside_program[i], path, sizeof path))
      continue;
    sd_status status = try_open(path, looked, error);
    if (status != SD_NOT_FOUND)
      return status;
  }
  for (size_t i = 0; i < sizeof default_names / sizeof *default_names; i++) {
    sd_status status = try_open(default_names[i], looked, error);
    if (status != SD_NOT_FOUND)
      return status;
  }
  return SD_NOT_FOUND;
}

/* True when `path` is the file that is loaded. */
static bool is_loaded_file(const char *path)
{
  char real[PATH_MAX];
  return strcmp(path, library_file) == 0 || (realpath(path, real) && strcmp(real, library_file) == 0);
}

/* With the lock held. */
static sd_status load(const char *path, sd_error *error)
{
  bool named = path && *path;
  if (library_handle) {
    if (named && !is_loaded_file(path))
      return sd_error_set(error, SD_STATE,
                          "libduckdb is loaded already from %s; it cannot be loaded again from %s",
                          library_file, path);
    return SD_OK;
  }
  const char *from_environment = getenv("STREAMDUCK_LIBDUCKDB");
  if (!named && from_environment && *from_environment) {
    path = from_environment;
    named = true;
  }
  sd_buf looked;
  sd_buf_init(&looked, LOOKED_MAX);
  sd_status status = named ? try_open(path, &looked, error) : search(&looked, error);
  if (status == SD_NOT_FOUND)
    sd_error_set(error, SD_NOT_FOUND,
                 "DuckDB's library is missing (%.240s). Give the path of libduckdb.so of DuckDB 1.5.x with "
                 "--libduckdb or STREAMDUCK_LIBDUCKDB",
                 sd_buf_text(&looked));
  sd_buf_release(&looked);
  return status;
}

sd_status sd_duck_library_load(const char *path, const sd_duck_api **ret_api, sd_error *error)
{
  pthread_mutex_lock(&library_lock);
  sd_status status = load(path, error);
  pthread_mutex_unlock(&library_lock);
  if (status == SD_OK)
    *ret_api = &library_api;
  return status;
}
