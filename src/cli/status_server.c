/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The status socket of `run`. */
#include "cli/status_server.h"

#include "base/alloc.h"
#include "cli/instance.h"
#include "cli/output.h"
#include "cli/status_json.h"
#include "httpd/server.h"

#include <pthread.h>

struct sd_status_server {
  sd_instance instance;
  sd_httpd *httpd;
  const sd_scrubber *scrubber;
  pthread_mutex_t lock;
  char *published; /* under lock; NULL: nothing yet */
};

/* Server's thread. */
static int answer_status(void *user, sd_buf *body)
{
  sd_status_server *server = user;
  int status = 200;
  pthread_mutex_lock(&server->lock);
  if (server->published) {
    sd_buf_append_text(body, server->published);
  } else {
    sd_buf_append_text(body, "{}\n");
    status = 503;
  }
  pthread_mutex_unlock(&server->lock);
  return status;
}

sd_status sd_status_server_start(const char *state_dir, const sd_scrubber *scrubber,
                                 sd_status_server **ret_server, sd_error *error)
{
  sd_status_server *server = sd_calloc(1, sizeof *server);
  if (!server)
    return sd_error_set(error, SD_NOMEM, "out of memory");
  server->scrubber = scrubber;
  sd_status status = sd_instance_register(state_dir, &server->instance, error);
  if (status != SD_OK) {
    sd_free(server);
    return status;
  }
  pthread_mutex_init(&server->lock, NULL);
  sd_httpd_route route = {"/status", "application/json", answer_status, server};
  status = sd_httpd_start(server->instance.listen_fd, &route, 1, &server->httpd, error);
  server->instance.listen_fd = -1;
  if (status != SD_OK) {
    sd_status_server_stop(server);
    return status;
  }
  *ret_server = server;
  return SD_OK;
}

void sd_status_server_publish(sd_status_server *server, const sd_stream_snapshot *snapshot)
{
  if (!server)
    return;
  sd_buf text;
  sd_buf_init(&text, SD_OUTPUT_MAX);
  json_t *json = sd_status_to_json(snapshot);
  char *made = NULL;
  if (json && sd_output_scrub_json(server->scrubber, json) && sd_json_write(json, &text) == SD_OK &&
      sd_buf_append_byte(&text, '\n') == SD_OK)
    made = sd_buf_take_text(&text);
  json_decref(json);
  sd_buf_release(&text);
  if (!made)
    return;
  pthread_mutex_lock(&server->lock);
  char *before = server->published;
  server->published = made;
  pthread_mutex_unlock(&server->lock);
  sd_free(before);
}

void sd_status_server_stop(sd_status_server *server)
{
  if (!server)
    return;
  sd_httpd_stop(server->httpd);
  sd_instance_unregister(&server->instance);
  pthread_mutex_destroy(&server->lock);
  sd_free(server->published);
  sd_free(server);
}
