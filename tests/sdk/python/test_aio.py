# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The asynchronous clients of azure-eventhub."""

import asyncio

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient


def test_aio_sends_and_receives_with_checkpoints(emulator):
    async def work():
        producer = EventHubProducerClient.from_connection_string(emulator.connection_string, eventhub_name="events")
        async with producer:
            for partition in await producer.get_partition_ids():
                batch = await producer.create_batch(partition_id=partition)
                for i in range(50):
                    batch.add(EventData(f"{partition}/{i}"))
                await producer.send_batch(batch)
        seen = []
        client = EventHubConsumerClient.from_connection_string(
            emulator.connection_string, "$Default", eventhub_name="events")

        async def on_batch(context, events):
            seen.extend(e.body_as_str() for e in events)

        async with client:
            task = asyncio.ensure_future(client.receive_batch(on_batch, starting_position="-1"))
            for _ in range(300):
                if len(seen) >= 200:
                    break
                await asyncio.sleep(0.1)
            task.cancel()
        return seen

    seen = asyncio.run(work())
    assert sorted(seen) == sorted(f"{p}/{i}" for p in range(4) for i in range(50))


def test_aio_buffered_producer(emulator):
    async def work():
        sent = []

        async def on_success(events, partition):
            sent.extend(events)

        async def on_error(events, partition, error):
            raise error

        client = EventHubProducerClient.from_connection_string(
            emulator.connection_string, eventhub_name="events", buffered_mode=True, on_success=on_success,
            on_error=on_error, max_wait_time=1)
        async with client:
            for i in range(500):
                await client.send_event(EventData(str(i)), partition_key=str(i % 7))
        return len(sent)

    assert asyncio.run(work()) == 500
    assert emulator.received("events") == 500
