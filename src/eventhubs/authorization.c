/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* put-token and its renewal. */
#include "eventhubs/authorization.h"

#include "base/clock.h"
#include "base/random.h"
#include "eventhubs/fault.h"

enum { RETRY_FIRST_MS = 1000, RETRY_DOUBLINGS_MAX = 5 };

void sd_hub_authorization_init(sd_hub_authorization *auth, sd_hub_connection *connection, sd_hub_rpc *rpc,
                               sd_hub_authorized_fn *answer, void *owner)
{
  memset(auth, 0, sizeof *auth);
  auth->settings = sd_hub_connection_settings(connection);
  auth->connection = connection;
  auth->rpc = rpc;
  auth->answer = answer;
  auth->owner = owner;
  auth->next_at_ms = UINT64_MAX;
  sd_buf_init(&auth->token, SD_EVENTHUBS_TOKEN_MAX);
}

void sd_hub_authorization_release(sd_hub_authorization *auth)
{
  if (auth->token.data)
    explicit_bzero(auth->token.data, auth->token.len);
  sd_buf_release(&auth->token);
}

static void schedule(sd_hub_authorization *auth, uint64_t at_ms)
{
  auth->next_at_ms = at_ms;
  sd_hub_connection_wake_at(auth->connection, at_ms);
}

static void granted(sd_hub_authorization *auth)
{
  auth->failures = 0;
  auth->denied_once = false;
  auth->expires_at_ms = auth->put_at_ms + auth->lifetime_ms;
  auth->next_at_ms = UINT64_MAX;
  /* A ready token cannot be renewed: when it dies, the broker ends the links and the next put says why. The
   * jitter keeps many connections that began together from renewing together. */
  if (!auth->settings->token)
    schedule(auth, auth->put_at_ms + auth->lifetime_ms * 3 / 4 - sd_random_below(auth->lifetime_ms / 20));
  auth->answer(auth->owner, NULL, false);
}

static void failed(sd_hub_authorization *auth, const sd_error *error)
{
  uint64_t now = sd_clock_monotonic_ms();
  bool in_force = auth->expires_at_ms > now;
  if (sd_fault_of(error) == SD_FAULT_UNAUTHORIZED || error->code == SD_DENIED) {
    /* Once a fresh token may help (the clock was set, the rule was made a moment ago); not twice. */
    if (auth->denied_once || error->code == SD_DENIED) {
      auth->answer(auth->owner, error, true);
      return;
    }
    auth->denied_once = true;
    sd_hub_authorization_put(auth);
    return;
  }
  if (!in_force || sd_fault_of(error) == SD_FAULT_STOP) {
    auth->answer(auth->owner, error, false);
    return;
  }
  uint32_t doublings = auth->failures < RETRY_DOUBLINGS_MAX ? auth->failures : RETRY_DOUBLINGS_MAX;
  uint64_t wait = (uint64_t)RETRY_FIRST_MS << doublings;
  uint64_t left = auth->expires_at_ms - now;
  if (wait > auth->settings->timing.token_retry_ms)
    wait = auth->settings->timing.token_retry_ms;
  if (wait > left / 4)
    wait = left / 4;
  auth->failures++;
  sd_log_warning(auth->settings->log, "eventhubs",
                 "renewing the token for hub \"%s\" failed (%s); the old one is good for %llu s more; trying "
                 "again",
                 auth->settings->hub, error->message, (unsigned long long)(left / 1000));
  schedule(auth, now + (wait > 0 ? wait : 1));
}

static void on_reply(void *user, const sd_hub_reply *reply, const sd_error *error)
{
  sd_hub_authorization *auth = user;
  sd_error refused;
  auth->in_flight = false;
  if (error)
    failed(auth, error);
  else if (sd_hub_reply_error(reply, "put-token", &refused))
    failed(auth, &refused);
  else
    granted(auth);
}

void sd_hub_authorization_put(sd_hub_authorization *auth)
{
  if (auth->in_flight)
    return;
  sd_error error;
  sd_buf audience;
  sd_buf_init(&audience, SD_EVENTHUBS_TOKEN_MAX);
  auth->next_at_ms = UINT64_MAX;
  auth->put_at_ms = sd_clock_monotonic_ms();
  sd_status status = sd_hub_token(auth->settings, &auth->token, &auth->lifetime_ms, &error);
  if (status == SD_OK) {
    sd_hub_audience(auth->settings, &audience);
    status = sd_buf_status(&audience);
    if (status == SD_OK) {
      const sd_hub_pair pairs[] = {{"operation", sd_bytes_of("put-token")},
                                   {"type", sd_bytes_of("servicebus.windows.net:sastoken")},
                                   {"name", sd_buf_bytes(&audience)}};
      auth->in_flight = true;
      status = sd_hub_rpc_call(auth->rpc, pairs, sizeof pairs / sizeof pairs[0], sd_buf_bytes(&auth->token),
                               true, on_reply, auth);
    }
    if (status != SD_OK)
      sd_error_set(&error, status, "put-token could not be sent: %s", sd_status_text(status));
  }
  sd_buf_release(&audience);
  if (status != SD_OK) {
    auth->in_flight = false;
    failed(auth, &error);
  }
}

uint64_t sd_hub_authorization_tick(sd_hub_authorization *auth, uint64_t now_ms)
{
  if (now_ms >= auth->next_at_ms) {
    auth->denied_once = false;
    sd_hub_authorization_put(auth);
  }
  return auth->next_at_ms;
}
