/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* Callbacks as the engine calls them. */
#ifndef SD_PIPELINE_CALLBACK_H
#define SD_PIPELINE_CALLBACK_H

#include <stdatomic.h>
#include <streamduck/pipeline.h>

struct sd_callback {
  atomic_size_t references;
  const sd_callback_vtable *vtable;
  void *self;
  atomic_bool warned; /* a hook has failed and it was said */
};

/* What comes behind struct_size may be missing in an older program's table. */
#define SD_CALLBACK_HAS(callback, hook)                                                                      \
  ((callback)->vtable->struct_size >=                                                                        \
       offsetof(sd_callback_vtable, hook) + sizeof((callback)->vtable->hook) &&                              \
   (callback)->vtable->hook)

#endif
