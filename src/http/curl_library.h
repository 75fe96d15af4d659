/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The functions of libcurl that we use, resolved at run time. */
#ifndef SD_HTTP_CURL_LIBRARY_H
#define SD_HTTP_CURL_LIBRARY_H

#include <curl/curl.h>
#include <streamduck/error.h>

/* curl's headers turn some calls into type-checking macros of the same names; these pointers take their
 * place. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

typedef struct sd_curl {
  CURLcode (*global_init)(long flags);
  const char *(*easy_strerror)(CURLcode code);
  CURL *(*easy_init)(void);
  void (*easy_cleanup)(CURL *handle);
  void (*easy_reset)(CURL *handle);
  CURLcode (*easy_setopt)(CURL *handle, CURLoption option, ...);
  CURLcode (*easy_getinfo)(CURL *handle, CURLINFO info, ...);
  CURLM *(*multi_init)(void);
  CURLMcode (*multi_cleanup)(CURLM *multi);
  CURLMcode (*multi_add_handle)(CURLM *multi, CURL *handle);
  CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *handle);
  CURLMcode (*multi_perform)(CURLM *multi, int *ret_running);
  CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *extra, unsigned count, int timeout_ms,
                          int *ret_ready);
  CURLMcode (*multi_wakeup)(CURLM *multi);
  CURLMsg *(*multi_info_read)(CURLM *multi, int *ret_left);
  curl_version_info_data *(*version_info)(CURLversion age);
  struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
  void (*slist_free_all)(struct curl_slist *list);
} sd_curl;

/* Loads once per process; the table stays good for ever. SD_UNSUPPORTED with what to install. Any thread. */
SD_MUST_CHECK sd_status sd_curl_load(const sd_curl **ret_curl, sd_error *error);

#endif
