/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Sessions: room for links, settling, and the window shared out among them. */
#include "eventhubs/session.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "eventhubs/connection_internal.h"

sd_status sd_hub_session_begin(sd_hub_connection *c, sd_hub_session **ret_session)
{
  sd_hub_session *session = sd_calloc(1, sizeof *session);
  if (!session)
    return SD_NOMEM;
  sd_status status = sd_amqp_session_begin(c->engine, session, &session->amqp);
  if (status != SD_OK) {
    sd_free(session);
    return status;
  }
  session->connection = c;
  session->deadline_ms = sd_clock_monotonic_ms() + c->settings->timing.step_timeout_ms;
  sd_hub_connection_wake_at(c, session->deadline_ms);
  *ret_session = session;
  return SD_OK;
}

bool sd_hub_session_has_begun(const sd_hub_session *session)
{
  return session->deadline_ms == UINT64_MAX;
}

static bool has_room(const sd_hub_session *session)
{
  uint32_t highest = sd_amqp_session_handle_max(session->amqp);
  return session->links < SD_HUB_SESSION_LINKS_MAX && session->links <= highest;
}

sd_status sd_hub_session_with_room(sd_hub_connection *c, sd_hub_session **ret_session)
{
  bool beginning = false;
  for (sd_hub_session *session = c->events; session; session = session->next) {
    if (!sd_hub_session_has_begun(session)) {
      beginning = true;
    } else if (has_room(session)) {
      *ret_session = session;
      return SD_OK;
    }
  }
  if (beginning)
    return SD_AGAIN;
  sd_hub_session *another;
  sd_status status = sd_hub_session_begin(c, &another);
  if (status != SD_OK)
    return status;
  sd_amqp_session_set_incoming_window(another->amqp, 0);
  another->next = c->events;
  c->events = another;
  return SD_AGAIN;
}

static void unlink_events(sd_hub_connection *c, const sd_hub_session *session)
{
  sd_hub_session **at = &c->events;
  while (*at && *at != session)
    at = &(*at)->next;
  if (*at)
    *at = session->next;
}

void sd_hub_session_ended(sd_hub_session *session)
{
  sd_hub_connection *c = session->connection;
  sd_amqp_session_set_user(session->amqp, NULL);
  if (c->control == session)
    c->control = NULL;
  else
    unlink_events(c, session);
  sd_free(session);
}

/* ---- settling ---- */

void sd_hub_link_note_unsettled(sd_hub_link *link, uint32_t delivery_id)
{
  sd_hub_session *session = link->session;
  if (session->unsettled++ == 0) {
    session->unsettled_first = delivery_id;
    session->settle_due_ms = sd_clock_monotonic_ms() + link->connection->settings->timing.settle_ms;
    sd_hub_connection_wake_at(link->connection, session->settle_due_ms);
  }
  session->unsettled_last = delivery_id;
}

static void settle(sd_hub_session *session)
{
  sd_amqp_settle(session->amqp, session->unsettled_first, session->unsettled_last, SD_AMQP_CODE_ACCEPTED,
                 NULL, NULL);
  session->unsettled = 0;
}

void sd_hub_sessions_settle(sd_hub_connection *c, uint32_t least)
{
  for (sd_hub_session *session = c->events; session; session = session->next) {
    if (session->unsettled > 0 && session->unsettled >= least)
      settle(session);
  }
}

void sd_hub_connection_settle(sd_hub_connection *c)
{
  sd_hub_sessions_settle(c, 1);
}

/* ---- time ---- */

uint64_t sd_hub_sessions_tick(sd_hub_connection *c, uint64_t now)
{
  uint64_t next = c->control ? c->control->deadline_ms : UINT64_MAX;
  for (sd_hub_session *session = c->events; session; session = session->next) {
    if (session->unsettled > 0 && now >= session->settle_due_ms)
      settle(session);
    if (session->unsettled > 0 && session->settle_due_ms < next)
      next = session->settle_due_ms;
    if (session->deadline_ms < next)
      next = session->deadline_ms;
  }
  if (now < next)
    return next;
  sd_hub_connection_fail_with(c, SD_TIMEOUT, "the broker did not begin a session in time");
  return UINT64_MAX;
}

/* ---- window ---- */

/* Sessions with links, and these. */
typedef struct sharers {
  uint32_t sessions;
  uint32_t links;
} sharers;

static sharers count_sharers(const sd_hub_connection *c)
{
  sharers all = {0, 0};
  for (const sd_hub_session *session = c->events; session; session = session->next) {
    all.sessions += session->links > 0;
    all.links += session->links;
  }
  return all;
}

/* There are fewer frames than sessions, and any of these may be the one that has events: each in turn. */
static void take_turns(sd_hub_connection *c, uint64_t now)
{
  if (now >= c->turn_due_ms) {
    sd_hub_session *first = c->events;
    sd_hub_session **end = &c->events;
    while (*end)
      end = &(*end)->next;
    *end = first;
    c->events = first->next;
    first->next = NULL;
    c->turn_due_ms = now + c->settings->timing.window_idle_ms;
  }
  sd_hub_connection_wake_at(c, c->turn_due_ms);
}

/* One frame each, and the rest by links. */
static void set_shares(sd_hub_connection *c, const sharers *all, uint32_t frames)
{
  uint32_t without = frames;
  for (sd_hub_session *session = c->events; session; session = session->next) {
    session->share = 0;
    if (session->links > 0 && frames >= all->sessions)
      session->share = 1 + (uint32_t)((uint64_t)(frames - all->sessions) * session->links / all->links);
    else if (session->links > 0 && without > 0) {
      session->share = 1;
      without--;
    }
  }
}

/* What the peer may send by the windows that it has; an idle session's last use is then long ago. */
static uint64_t take_stock(sd_hub_connection *c, uint64_t now, bool *ret_wanting)
{
  uint64_t sum = 0;
  *ret_wanting = false;
  for (sd_hub_session *session = c->events; session; session = session->next) {
    uint32_t window = session->links > 0 ? sd_amqp_session_incoming_window(session->amqp) : 0;
    if (window < session->window)
      session->used_ms = now;
    session->window = window;
    sum += window;
    *ret_wanting = *ret_wanting || (window < session->share && window <= session->share / 2);
  }
  return sum;
}

/* Takes back what sessions have beyond their share: when the frames became fewer, or when others are in want
 * and a session is idle. From a busy one nothing could be taken back: what it was allowed is on its way, and
 * would come beside what the others get for it. */
static uint64_t reclaim(sd_hub_connection *c, uint64_t now, uint64_t sum, uint32_t frames, bool wanting)
{
  bool too_much = sum > frames;
  for (sd_hub_session *session = c->events; session; session = session->next) {
    uint64_t idle_ms = session->used_ms + c->settings->timing.window_idle_ms;
    if (session->window <= session->share || !(too_much || wanting))
      continue;
    if (!too_much && now < idle_ms) {
      sd_hub_connection_wake_at(c, idle_ms);
      continue;
    }
    sum -= session->window - session->share;
    session->window = session->share;
    sd_amqp_session_set_incoming_window(session->amqp, session->window);
  }
  return sum;
}

void sd_hub_connection_set_window(sd_hub_connection *c, uint32_t frames)
{
  sharers all = count_sharers(c);
  uint64_t now = sd_clock_monotonic_ms();
  bool wanting;
  if (frames > 0 && frames < all.sessions)
    take_turns(c, now);
  set_shares(c, &all, frames);
  uint64_t sum = take_stock(c, now, &wanting);
  sum = reclaim(c, now, sum, frames, wanting);
  for (sd_hub_session *session = c->events; session; session = session->next) {
    uint64_t room = frames > sum ? frames - sum : 0;
    uint32_t more = session->share > session->window ? session->share - session->window : 0;
    if (more > room)
      more = (uint32_t)room;
    if (more > session->window / 2)
      session->used_ms = now;
    sum += more;
    session->window += more;
    sd_amqp_session_set_incoming_window(session->amqp, session->window);
  }
}
