# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Receiving a known number of events with the synchronous client."""

import threading

from azure.eventhub import EventHubConsumerClient

SECONDS = 30


def consumer(emulator, hub="events", group="$Default", **options):
    return EventHubConsumerClient.from_connection_string(
        emulator.connection_string, group, eventhub_name=hub, retry_total=0, **options)


def receive(client, count, partition_id=None, starting_position="-1", seconds=SECONDS, **options):
    """The next `count` events as (partition id, event); fewer when time is up."""
    events, errors, enough = [], [], threading.Event()

    def on_event(context, event):
        if event is not None:
            events.append((context.partition_id, event))
        if len(events) >= count:
            enough.set()

    def on_error(context, error):
        errors.append(error)
        enough.set()

    thread = threading.Thread(target=lambda: client.receive(
        on_event, on_error=on_error, partition_id=partition_id, starting_position=starting_position, **options))
    thread.start()
    enough.wait(seconds)
    client.close()
    thread.join(SECONDS)
    if errors:
        raise errors[0]
    return events[:count]
