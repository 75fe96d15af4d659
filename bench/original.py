#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The Python way: azure-eventhub's asynchronous client and multi-row INSERT, as the original streamduck does it.

usage: original.py CONNECTION_STRING HUB DATABASE EVENTS

One batch holds up to 1000 events of all partitions; it is written with one prepared
INSERT … VALUES (?, …), (?, …) of 7 parameters a row, then one control row per partition is inserted on a connection
opened anew. Prints {"events":N,"seconds":S,"cpu_seconds":S,"max_rss_kb":N} once EVENTS events have landed.
"""

import asyncio
import datetime
import json
import resource
import sys
import time

import duckdb
from azure.eventhub.aio import EventHubConsumerClient

BATCH = 1000
COLUMNS = ("event_body VARCHAR, partition_id VARCHAR, sequence_number BIGINT, enqueued_time TIMESTAMP, "
           "properties JSON, system_properties JSON, ingestion_timestamp TIMESTAMP")


def text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def as_json(mapping):
    return json.dumps({text(k): text(v) for k, v in (mapping or {}).items()})


class Writer:
    def __init__(self, path, wanted):
        self.path, self.wanted, self.landed = path, wanted, 0
        self.rows, self.last = [], {}
        self.database = duckdb.connect(path)
        self.database.execute(f"CREATE TABLE events ({COLUMNS})")
        self.database.execute("CREATE TABLE control (ts_inserted TIMESTAMP, partition_id VARCHAR, waterlevel BIGINT, "
                              "metadata JSON)")

    def add(self, partition, event):
        self.rows.append((event.body_as_str(), partition, event.sequence_number, event.enqueued_time,
                          as_json(event.properties), as_json(event.system_properties),
                          datetime.datetime.now(datetime.timezone.utc)))
        self.last[partition] = event
        if len(self.rows) >= BATCH or self.landed + len(self.rows) >= self.wanted:
            self.flush()

    def flush(self):
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(self.rows))
        self.database.execute(f"INSERT INTO events VALUES {places}", [v for row in self.rows for v in row])
        self.landed += len(self.rows)
        with duckdb.connect(self.path) as control:
            for partition, event in self.last.items():
                control.execute("INSERT INTO control VALUES (now(), ?, ?, ?)",
                                [partition, event.sequence_number, json.dumps({"offset_string": event.offset})])
        self.rows, self.last = [], {}


async def main():
    connection_string, hub, path, wanted = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    writer = Writer(path, wanted)
    done = asyncio.Event()
    client = EventHubConsumerClient.from_connection_string(connection_string, "$Default", eventhub_name=hub)
    started = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF)  # start and imports do not count

    async def on_event(partition_context, event):
        if event is not None and not done.is_set():
            writer.add(partition_context.partition_id, event)
            if writer.landed >= wanted:
                done.set()

    receiving = asyncio.create_task(client.receive(on_event=on_event, starting_position="-1"))
    await done.wait()
    seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"events": writer.landed, "seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3),
                      "max_rss_kb": used.ru_maxrss}), flush=True)
    receiving.cancel()
    await client.close()


asyncio.run(main())
