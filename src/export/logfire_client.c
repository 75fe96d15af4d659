/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Logfire's service: where it is, the exporter for it, and what it says about a token. */
#include "base/alloc.h"
#include "base/scrub.h"
#include "http/client.h"
#include "json/json.h"

#include <stdio.h>
#include <streamduck/export.h>

enum {
  TOKEN_MAX = 4096,
  URL_MAX = 2048,
  ANSWER_MAX = 64 * 1024,
  DETAIL_MAX = 200,
  WARNING_MAX = sizeof((sd_logfire_project *)0)->warning,
  INFO_TIMEOUT_DEFAULT_MS = 10000
};

static const struct region {
  const char *name;
  const char *url;
} regions[] = {
    {"us", "https://logfire-us.pydantic.dev"},
    {"eu", "https://logfire-eu.pydantic.dev"},
    {"stagingus", "https://logfire-us.pydantic.info"},
    {"stagingeu", "https://logfire-eu.pydantic.info"},
};

/* The region in pylf_v<digits>_<region>_…; empty when the token is not of this form. */
static sd_bytes region_of(const char *token)
{
  static const char prefix[] = "pylf_v";
  if (strncmp(token, prefix, sizeof prefix - 1) != 0)
    return sd_bytes_make(NULL, 0);
  const char *at = token + sizeof prefix - 1;
  size_t digits = strspn(at, "0123456789");
  if (digits == 0 || at[digits] != '_')
    return sd_bytes_make(NULL, 0);
  at += digits + 1;
  size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyz");
  return len > 0 && at[len] == '_' ? sd_bytes_make(at, len) : sd_bytes_make(NULL, 0);
}

const char *sd_logfire_base_url(const char *token, bool *ret_known)
{
  sd_bytes region = token ? region_of(token) : sd_bytes_make(NULL, 0);
  bool is_known = region.len == 0;
  const char *url = regions[0].url;
  for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
    if (region.len > 0 && sd_bytes_equal_text(region, regions[i].name)) {
      url = regions[i].url;
      is_known = true;
    }
  }
  if (ret_known)
    *ret_known = is_known;
  return url;
}

/* "Authorization: <token>" into dst; the token goes as it is, without a scheme. */
static sd_status make_header(const char *token, char *dst, size_t size, sd_error *error)
{
  size_t len = token ? strlen(token) : 0;
  if (len == 0)
    return sd_error_set(error, SD_CONFIG,
                        "Logfire token is empty: set LOGFIRE_TOKEN to a project's write token");
  if (len > TOKEN_MAX)
    return sd_error_set(error, SD_CONFIG, "Logfire token has %zu bytes; the maximum is %d", len, TOKEN_MAX);
  for (size_t i = 0; i < len; i++) {
    if (token[i] <= ' ' || token[i] == 0x7f || token[i] == ',')
      return sd_error_set(
          error, SD_CONFIG,
          "Logfire token has a space, comma or control character at position %zu: give one token, "
          "copied whole",
          i + 1);
  }
  snprintf(dst, size, "Authorization: %s", token);
  return SD_OK;
}

/* The base without slashes at its end, and path. */
static sd_status make_url(const char *base, const char *path, char *dst, size_t size, sd_error *error)
{
  size_t len = strlen(base);
  while (len > 0 && base[len - 1] == '/')
    len--;
  if (len + strlen(path) >= size)
    return sd_error_set(error, SD_CONFIG, "Logfire's base URL is longer than %zu bytes",
                        size - strlen(path) - 1);
  memcpy(dst, base, len);
  memcpy(dst + len, path, strlen(path) + 1);
  return SD_OK;
}

/* ---- Exporter
 * --------------------------------------------------------------------------------------------------- */

static sd_status make_exporter(const char *header, const char *endpoint,
                               sd_telemetry_diagnostic_fn *diagnostic, void *diagnostic_user,
                               sd_exporter **ret_exporter, sd_error *error)
{
  const char *const headers[] = {header, NULL};
  const sd_otlp_options options = {
      .struct_size = sizeof options,
      .protocol = SD_OTLP_HTTP_PROTOBUF,
      .endpoint = endpoint,
      .headers = headers,
      .gzip = true,
      .temporality = SD_DELTA,
      .histogram_form = SD_HISTOGRAM_EXPONENTIAL,
      .logfire = true,
      .diagnostic = diagnostic,
      .diagnostic_user = diagnostic_user,
  };
  return sd_otlp_exporter_new(&options, ret_exporter, error);
}

sd_status sd_logfire_exporter_new(const char *token, const char *base_url,
                                  sd_telemetry_diagnostic_fn *diagnostic, void *diagnostic_user,
                                  sd_exporter **ret_exporter, sd_error *error)
{
  char header[TOKEN_MAX + 32];
  char endpoint[URL_MAX];
  bool is_known = true;
  sd_status status = make_header(token, header, sizeof header, error);
  if (status != SD_OK)
    return status;
  const char *base = base_url && *base_url ? base_url : sd_logfire_base_url(token, &is_known);
  status = make_url(base, "", endpoint, sizeof endpoint, error);
  if (status == SD_OK)
    status = make_exporter(header, endpoint, diagnostic, diagnostic_user, ret_exporter, error);
  if (status == SD_OK && !is_known && diagnostic)
    diagnostic(diagnostic_user, SD_LEVEL_WARN,
               "The Logfire token names a region that is not known here; the US region is used. Set "
               "LOGFIRE_BASE_URL "
               "for another one.");
  explicit_bzero(header, sizeof header);
  return status;
}

/* ---- Token
 * ------------------------------------------------------------------------------------------------------ */

typedef struct info {
  char warning[WARNING_MAX];
} info;

static void on_header(void *user, sd_bytes name, sd_bytes value)
{
  info *i = user;
  if (sd_bytes_equal_nocase(name, sd_bytes_of("x-logfire-warning")))
    sd_bytes_to_text(value, i->warning, sizeof i->warning);
}

/* Texts of the service are shown on terminals. */
static void copy_shown(const char *text, const sd_scrubber *scrubber, char *dst, size_t size)
{
  sd_bytes_to_text(sd_bytes_of(text), dst, size);
  sd_utf8_repair(dst, strlen(dst));
  for (char *p = dst; *p; p++) {
    if ((unsigned char)*p < ' ' || *p == 0x7f)
      *p = ' ';
  }
  sd_scrub_text(scrubber, dst, size);
}

static const char *text_of(const json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* "Detail: …", or what to expect. */
static sd_status refuse(const sd_http_answer *answer, const info *i, const sd_scrubber *scrubber,
                        sd_error *error)
{
  char detail[DETAIL_MAX] = "";
  char warning[DETAIL_MAX] = "";
  json_t *body = NULL;
  if (sd_json_parse(sd_buf_bytes(&answer->body), &body, NULL) == SD_OK) {
    copy_shown(text_of(body, "detail"), scrubber, detail, sizeof detail);
    json_decref(body);
  }
  copy_shown(i->warning, scrubber, warning, sizeof warning);
  const char *space = *warning ? " " : "";
  sd_status code = answer->status == 401 || answer->status == 403 ? SD_DENIED : SD_REMOTE;
  if (*detail)
    sd_error_set(error, code, "Logfire API returned status code %d. Detail: %s%s%s", answer->status, detail,
                 space, warning);
  else
    sd_error_set(error, code, "Logfire API returned status code %d, you may have trouble sending data.%s%s",
                 answer->status, space, warning);
  if (error) {
    error->source = SD_SOURCE_HTTP;
    error->source_code = answer->status;
    error->retriable = answer->status == 408 || answer->status == 429 || answer->status >= 500;
  }
  return code;
}

static sd_status read_project(const sd_http_answer *answer, const info *i, const sd_scrubber *scrubber,
                              sd_logfire_project *ret_project, sd_error *error)
{
  sd_logfire_project project;
  json_t *body = NULL;
  memset(&project, 0, sizeof project);
  if (sd_json_parse(sd_buf_bytes(&answer->body), &body, NULL) != SD_OK || !json_is_object(body)) {
    json_decref(body);
    return sd_error_set(error, SD_PROTOCOL,
                        "Logfire API answered with something that is no JSON object: check LOGFIRE_BASE_URL");
  }
  copy_shown(text_of(body, "project_name"), scrubber, project.name, sizeof project.name);
  copy_shown(text_of(body, "project_url"), scrubber, project.url, sizeof project.url);
  copy_shown(i->warning, scrubber, project.warning, sizeof project.warning);
  json_decref(body);
  *ret_project = project;
  return SD_OK;
}

static sd_status ask(sd_http_client *client, const char *url, const char *header, uint32_t timeout_ms,
                     const sd_scrubber *scrubber, sd_logfire_project *ret_project, sd_error *error)
{
  info i = {.warning = ""};
  sd_error cause;
  sd_http_answer answer;
  const char *const headers[] = {header, "User-Agent: streamduck/" SD_VERSION, "Accept: application/json",
                                 NULL};
  const sd_http_request request = {
      .struct_size = sizeof request,
      .url = url,
      .headers = headers,
      .timeout_ms = timeout_ms ? timeout_ms : INFO_TIMEOUT_DEFAULT_MS,
      .answer_max = ANSWER_MAX,
      .on_header = on_header,
      .header_user = &i,
  };
  sd_status status = sd_http_client_perform(client, &request, &answer, &cause);
  if (status != SD_OK) {
    sd_scrub_text(scrubber, cause.message, sizeof cause.message);
    sd_error_set(error, status, "Logfire API is unreachable, you may have trouble sending data. Error: %s",
                 cause.message);
    if (error)
      error->retriable = cause.retriable;
    return status;
  }
  status = answer.status == 200 ? read_project(&answer, &i, scrubber, ret_project, error)
                                : refuse(&answer, &i, scrubber, error);
  sd_buf_release(&answer.body);
  return status;
}

sd_status sd_logfire_check_token(const char *token, const char *base_url, uint32_t timeout_ms,
                                 sd_logfire_project *ret_project, sd_error *error)
{
  char header[TOKEN_MAX + 32];
  char url[URL_MAX];
  sd_http_client *client = NULL;
  sd_scrubber *scrubber = NULL;
  sd_status status = make_header(token, header, sizeof header, error);
  if (status != SD_OK)
    goto release;
  status = make_url(base_url && *base_url ? base_url : sd_logfire_base_url(token, NULL), "/v1/info", url,
                    sizeof url, error);
  if (status != SD_OK)
    goto release;
  status = sd_scrubber_new(&scrubber);
  /* A token too short to be registered stands for nothing. */
  if (status == SD_OK && sd_scrubber_add(scrubber, token) == SD_NOMEM)
    status = SD_NOMEM;
  if (status != SD_OK) {
    sd_error_set(error, status, "no memory to check the Logfire token");
    goto release;
  }
  status = sd_http_client_new(&client, error);
  if (status == SD_OK)
    status = ask(client, url, header, timeout_ms, scrubber, ret_project, error);
release:
  sd_http_client_free(client);
  sd_scrubber_free(scrubber);
  explicit_bzero(header, sizeof header);
  return status;
}
