/* Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0 */
/* The real parts: Event Hubs as the source, DuckDB and MotherDuck as the sink. */
#include "stream/factory.h"

#include "eventhubs/source.h"
