# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Sending and receiving with azure-eventhub."""

import datetime
import subprocess
import uuid

import pytest
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.amqp import AmqpAnnotatedMessage
from azure.eventhub.exceptions import EventHubError

from reading import consumer, receive


def producer(emulator, hub="events", **options):
    return EventHubProducerClient.from_connection_string(
        emulator.connection_string, eventhub_name=hub, retry_total=0, **options)


def send(emulator, events, hub="events", **options):
    with producer(emulator, hub) as client:
        batch = client.create_batch(**options)
        for event in events:
            batch.add(event if isinstance(event, EventData) else EventData(event))
        client.send_batch(batch)


def test_properties_of_hub_and_partitions(emulator):
    send(emulator, ["one", "two"], partition_id="2")
    with producer(emulator) as client:
        properties = client.get_eventhub_properties()
        assert properties["eventhub_name"] == "events"
        assert properties["partition_ids"] == ["0", "1", "2", "3"]
        assert abs((datetime.datetime.now(datetime.timezone.utc) - properties["created_at"]).total_seconds()) < 600
        assert client.get_partition_ids() == ["0", "1", "2", "3"]
        full = client.get_partition_properties("2")
        assert full["beginning_sequence_number"] == 0
        assert full["last_enqueued_sequence_number"] == 1
        assert full["is_empty"] is False
        assert int(full["last_enqueued_offset"]) > 0
        empty = client.get_partition_properties("0")
        assert empty["is_empty"] is True
        assert empty["last_enqueued_sequence_number"] == -1
        with pytest.raises(EventHubError):
            client.get_partition_properties("9")


def test_batch_arrives_in_order_with_annotations(emulator):
    send(emulator, [f"event {i}" for i in range(1000)], partition_id="1")
    events = receive(consumer(emulator), 1000, partition_id="1")
    assert [e.body_as_str() for _, e in events] == [f"event {i}" for i in range(1000)]
    assert [e.sequence_number for _, e in events] == list(range(1000))
    assert len({e.offset for _, e in events}) == 1000
    assert all(e.enqueued_time for _, e in events)
    assert emulator.received("events") == 1000


def test_properties_of_all_kinds_survive(emulator):
    event = EventData(b"\x00\xff binary")
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    identifier = uuid.uuid4()
    event.properties = {"text": "Ente 🦆", "int": 7, "negative": -(2**30), "float": 1.5, "true": True, "none": None,
                        "bytes": b"\x01\x02", "uuid": identifier, "time": moment}
    event.content_type, event.correlation_id, event.message_id = "text/plain", "corr", "mid"
    send(emulator, [event], hub="single")
    [(_, got)] = receive(consumer(emulator, "single"), 1)
    assert b"".join(got.body) == b"\x00\xff binary"
    properties = {k.decode() if isinstance(k, bytes) else k: v for k, v in got.properties.items()}
    assert properties["text"] in ("Ente 🦆", "Ente 🦆".encode())
    assert properties["int"] == 7 and properties["negative"] == -(2**30) and properties["float"] == 1.5
    assert properties["true"] is True and properties["none"] is None
    assert properties["bytes"] == b"\x01\x02" and properties["uuid"] == identifier
    assert (got.content_type, got.correlation_id, got.message_id) == ("text/plain", "corr", "mid")


def test_same_key_goes_to_the_same_partition(emulator):
    for key in ("a", "b", "c", "a", "b", "c", "a"):
        send(emulator, [key, key], partition_key=key)
    events = receive(consumer(emulator), 14)
    partitions = {}
    for partition, event in events:
        assert event.partition_key.decode() == event.body_as_str()
        partitions.setdefault(event.body_as_str(), set()).add(partition)
    assert all(len(p) == 1 for p in partitions.values())


def test_without_key_partitions_take_turns(emulator):
    for i in range(8):
        send(emulator, [str(i)])
    events = receive(consumer(emulator), 8)
    assert sorted(p for p, _ in events) == ["0", "0", "1", "1", "2", "2", "3", "3"]


def test_large_event_and_one_above_the_limit(emulator):
    body = bytes(range(256)) * 4000
    send(emulator, [body], hub="single")
    [(_, event)] = receive(consumer(emulator, "single"), 1)
    assert b"".join(event.body) == body
    with producer(emulator, "single") as client:
        with pytest.raises(ValueError):
            client.create_batch().add(EventData(b"x" * 1048577))
        with pytest.raises(EventHubError):
            client.send_event(EventData(b"x" * 1100000))
    assert emulator.received("single") == 1


def test_empty_body_and_single_sends(emulator):
    with producer(emulator, "single") as client:
        client.send_event(EventData(b""))
        client.send_event(EventData("last"), partition_id="0")
        client.send_batch([EventData("of"), EventData("a list")])
    events = receive(consumer(emulator, "single"), 4)
    assert [e.body_as_str() for _, e in events] == ["", "last", "of", "a list"]


def test_value_and_sequence_bodies_stay_as_they_are(emulator):
    with producer(emulator, "single") as client:
        batch = client.create_batch()
        batch.add(AmqpAnnotatedMessage(value_body={"answer": 42}))
        batch.add(AmqpAnnotatedMessage(sequence_body=[[1, 2], ["three"]]))
        batch.add(AmqpAnnotatedMessage(data_body=[b"two", b"sections"]))
        client.send_batch(batch)
    value, sequence, data = [e for _, e in receive(consumer(emulator, "single"), 3)]
    assert {k.decode(): v for k, v in value.raw_amqp_message.body.items()} == {"answer": 42}
    assert [list(s) for s in sequence.raw_amqp_message.body] == [[1, 2], [b"three"]]
    assert list(data.raw_amqp_message.body) == [b"two", b"sections"]


def test_tls_with_an_own_certificate(start, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    emulator = start("--hub", "events:1", "--tls-listen", "127.0.0.1:0", "--cert", str(cert), "--key", str(key),
                     "--sas-key", "the key")
    port = emulator.ready["amqps"].rsplit(":", 1)[1]
    options = {"eventhub_name": "events", "custom_endpoint_address": f"sb://localhost:{port}",
               "connection_verify": str(cert), "retry_total": 0}
    text = "Endpoint=sb://localhost/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=the key"
    with EventHubProducerClient.from_connection_string(text, **options) as client:
        client.send_batch([EventData(str(i)) for i in range(500)])
    events = receive(EventHubConsumerClient.from_connection_string(text, "$Default", **options), 500, partition_id="0")
    assert [e.body_as_str() for _, e in events] == [str(i) for i in range(500)]


def test_buffered_producer(emulator):
    sent, failed = [], []
    client = EventHubProducerClient.from_connection_string(
        emulator.connection_string, eventhub_name="events", buffered_mode=True, max_buffer_length=200,
        max_wait_time=1, on_success=lambda events, pid: sent.extend(events),
        on_error=lambda events, pid, error: failed.append(error))
    with client:
        for i in range(2000):
            client.send_event(EventData(str(i)))
    assert not failed
    assert len(sent) == 2000
    events = receive(consumer(emulator), 2000)
    assert sorted(int(e.body_as_str()) for _, e in events) == list(range(2000))
