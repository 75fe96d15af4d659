/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to duck: what instance.c, open.c and connection.c share.
 *
 * Locks, in the order in which they are taken: registry (instance.c), instance.lock, connection.use (all of
 * an instance's connections when it is opened anew), the watchdog's, call.lock.
 */
#ifndef SD_DUCK_INSTANCE_PRIVATE_H
#define SD_DUCK_INSTANCE_PRIVATE_H

#include "duck/call.h"
#include "duck/connection.h"

struct sd_duck_database {
  sd_duck_database *next; /* instance.lock */
  sd_duck_instance *instance;
  char *name; /* canonical path, or MotherDuck's name */
  char alias[SD_DUCK_ALIAS_MAX];
  bool read_only;
  uint32_t refs;        /* instance.lock */
  atomic_bool attached; /* false after a reopen in which it failed; changed under instance.lock */
};

struct sd_duck_instance {
  sd_duck_instance *next; /* registry */
  uint32_t refs;          /* registry */
  const sd_duck_api *api;
  char *token;     /* NULL: local files */
  char *extension; /* may be NULL */
  sd_scrubber *scrubber;
  sd_duck_watchdog *watchdog;
  pthread_mutex_t lock;
  duckdb_database handle; /* changed under lock and every connection's use; NULL: could not be opened */
  sd_duck_call control;   /* ATTACH, DETACH, settings; under lock */
  atomic_uint_fast64_t generation; /* counts openings */
  uint32_t aliases;                /* given so far; lock */
  uint32_t memory_limit_mb;        /* lock */
  sd_duck_database *databases;     /* lock */
  sd_duck_connection *connections; /* lock */
};

struct sd_duck_connection {
  sd_duck_connection *next; /* instance.lock */
  sd_duck_instance *instance;
  pthread_mutex_t use; /* held while entered */
  sd_duck_call call;
  uint64_t serial;
  uint64_t generation; /* of the instance when the handle was made */
};

/* open.c: opens the instance with its settings (lock held, handle NULL); leaves handle and control set, or
 * both NULL. */
SD_MUST_CHECK sd_status sd_duck_open(sd_duck_instance *instance, sd_error *error);
/* Closes handle and control (lock held, no connection has a handle). */
void sd_duck_shut(sd_duck_instance *instance);
/* Doubles the memory limit. Lock held, instance open. */
SD_MUST_CHECK sd_status sd_duck_raise_memory(sd_duck_instance *instance, sd_error *error);
/* Lock held, instance open. */
SD_MUST_CHECK sd_status sd_duck_attach(sd_duck_instance *instance, sd_duck_database *database,
                                       sd_error *error);
void sd_duck_detach(sd_duck_instance *instance, sd_duck_database *database);

/* Opens an instance that could not be opened before. Takes the lock. */
SD_MUST_CHECK sd_status sd_duck_ensure_open(sd_duck_instance *instance, sd_error *error);
/* Attaches again a database that a reopen could not attach. Takes the lock. */
SD_MUST_CHECK sd_status sd_duck_database_ensure(sd_duck_database *database, sd_error *error);

#endif
