/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Callbacks as objects: counted, with the caller's table of hooks. */
#include "pipeline/callback.h"

#include "base/alloc.h"

sd_status sd_callback_new(const sd_callback_vtable *vtable, void *self, sd_callback **ret_callback,
                          sd_error *error)
{
  sd_callback *callback = sd_calloc(1, sizeof *callback);
  if (!callback)
    return sd_error_set(error, SD_NOMEM, "out of memory for a callback");
  atomic_init(&callback->references, 1);
  atomic_init(&callback->warned, false);
  callback->vtable = vtable;
  callback->self = self;
  *ret_callback = callback;
  return SD_OK;
}

sd_callback *sd_callback_retain(sd_callback *callback)
{
  if (callback)
    atomic_fetch_add_explicit(&callback->references, 1, memory_order_relaxed);
  return callback;
}

void sd_callback_release(sd_callback *callback)
{
  if (!callback || atomic_fetch_sub_explicit(&callback->references, 1, memory_order_acq_rel) != 1)
    return;
  const sd_callback_vtable *vtable = callback->vtable;
  if (vtable->struct_size >= sizeof *vtable && vtable->free)
    vtable->free(callback->self);
  sd_free(callback);
}
