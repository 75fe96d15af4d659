/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Loading libcurl. */
#include "http/curl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static sd_curl table;
static sd_status load_status;
static sd_error load_error;

typedef struct symbol {
  const char *name;
  size_t offset;
} symbol;

static const symbol symbols[] = {
    {"curl_global_init", offsetof(sd_curl, global_init)},
    {"curl_easy_strerror", offsetof(sd_curl, easy_strerror)},
    {"curl_easy_init", offsetof(sd_curl, easy_init)},
    {"curl_easy_cleanup", offsetof(sd_curl, easy_cleanup)},
    {"curl_easy_reset", offsetof(sd_curl, easy_reset)},
    {"curl_easy_setopt", offsetof(sd_curl, easy_setopt)},
    {"curl_easy_getinfo", offsetof(sd_curl, easy_getinfo)},
    {"curl_multi_init", offsetof(sd_curl, multi_init)},
    {"curl_multi_cleanup", offsetof(sd_curl, multi_cleanup)},
    {"curl_multi_add_handle", offsetof(sd_curl, multi_add_handle)},
    {"curl_multi_remove_handle", offsetof(sd_curl, multi_remove_handle)},
    {"curl_multi_perform", offsetof(sd_curl, multi_perform)},
    {"curl_multi_poll", offsetof(sd_curl, multi_poll)},
    {"curl_multi_wakeup", offsetof(sd_curl, multi_wakeup)},
    {"curl_multi_info_read", offsetof(sd_curl, multi_info_read)},
    {"curl_version_info", offsetof(sd_curl, version_info)},
    {"curl_slist_append", offsetof(sd_curl, slist_append)},
    {"curl_slist_free_all", offsetof(sd_curl, slist_free_all)},
};

static void load(void)
{
  void *library = NULL;
  for (size_t i = 0; names[i] && !library; i++)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    load_status = sd_error_set(&load_error, SD_UNSUPPORTED,
                               "libcurl is not on this machine; install it: apt-get install libcurl4");
    return;
  }
  for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
    void *address = dlsym(library, symbols[i].name);
    if (!address) {
      load_status =
          sd_error_set(&load_error, SD_UNSUPPORTED,
                       "the libcurl of this machine has no %s; install 7.88 or newer", symbols[i].name);
      return;
    }
    /* POSIX lets a function's address travel in a void pointer; C has no cast for it. */
    memcpy((char *)&table + symbols[i].offset, &address, sizeof address);
  }
  CURLcode code = table.global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK)
    load_status =
        sd_error_set(&load_error, SD_UNSUPPORTED, "libcurl does not start: %s", table.easy_strerror(code));
}

sd_status sd_curl_load(const sd_curl **ret_curl, sd_error *error)
{
  pthread_once(&once, load);
  if (load_status != SD_OK) {
    if (error)
      *error = load_error;
    return load_status;
  }
  *ret_curl = &table;
  return SD_OK;
}
