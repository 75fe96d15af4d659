/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Epoch rules. */
#include "emulator/epoch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CONDITION_STOLEN "amqp:link:stolen"
#define CONDITION_LIMIT  "amqp:resource-limit-exceeded"

static emu_verdict refuse(sd_error *error, const char *condition)
{
  if (error) {
    error->source = SD_SOURCE_AMQP;
    (void)snprintf(error->condition, sizeof error->condition, "%s", condition);
  }
  return EMU_REFUSE;
}

emu_verdict emu_claims_judge(const emu_claims *claims, const emu_claim *newcomer, sd_error *error)
{
  /* A reader with an epoch is always alone. */
  const emu_claim *holder = claims->count > 0 && claims->at[0].has_epoch ? &claims->at[0] : NULL;
  if (newcomer->has_epoch) {
    if (!holder)
      return claims->count > 0 ? EMU_STEAL : EMU_ADMIT;
    if (newcomer->epoch >= holder->epoch)
      return EMU_STEAL;
    sd_error_set(
        error, SD_REMOTE,
        "Receiver '%s' with a higher epoch '%" PRId64 "' already exists. Receiver '%s' with epoch %" PRId64
        " cannot be created. Make sure you are creating receiver with increasing epoch value to ensure "
        "connectivity, or ensure all old epoch receivers are closed or disconnected.",
        holder->name, holder->epoch, newcomer->name, newcomer->epoch);
    return refuse(error, CONDITION_STOLEN);
  }
  if (holder) {
    sd_error_set(
        error, SD_REMOTE,
        "At least one receiver for the endpoint is created with epoch of '%" PRId64
        "', and so non-epoch receiver is not allowed. Either reconnect with a higher epoch, or make sure all "
        "epoch receivers are closed or disconnected.",
        holder->epoch);
    return refuse(error, CONDITION_STOLEN);
  }
  if (claims->count >= EMU_RECEIVERS_MAX) {
    sd_error_set(error, SD_REMOTE,
                 "Exceeded the maximum number of allowed receivers per partition in a consumer group which "
                 "is %d. List "
                 "of connected receivers - %s, %s, %s, %s, %s.",
                 EMU_RECEIVERS_MAX, claims->at[0].name, claims->at[1].name, claims->at[2].name,
                 claims->at[3].name, claims->at[4].name);
    return refuse(error, CONDITION_LIMIT);
  }
  return EMU_ADMIT;
}

void emu_claims_stolen_text(const emu_claim *present, const emu_claim *newcomer, char *text, size_t size)
{
  (void)snprintf(text, size,
                 "New receiver '%s' with higher epoch of '%" PRId64
                 "' is created hence current receiver '%s' with epoch "
                 "'%" PRId64
                 "' is getting disconnected. If you are recreating the receiver, make sure a higher epoch is "
                 "used.",
                 newcomer->name, newcomer->epoch, present->name, present->has_epoch ? present->epoch : 0);
}

void emu_claims_add(emu_claims *claims, const emu_claim *newcomer)
{
  if (claims->count < EMU_RECEIVERS_MAX)
    claims->at[claims->count++] = *newcomer;
}

void emu_claims_remove(emu_claims *claims, const void *owner)
{
  for (unsigned i = 0; i < claims->count; i++) {
    if (claims->at[i].owner == owner) {
      memmove(&claims->at[i], &claims->at[i + 1], (--claims->count - i) * sizeof *claims->at);
      return;
    }
  }
}
