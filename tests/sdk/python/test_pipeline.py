# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""What azure-eventhub sends, landed by `streamduck run` in a DuckDB file. Needs $STREAMDUCK_LIBDUCKDB."""

import datetime
import json
import os
import pathlib
import sys
import uuid

import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.amqp import AmqpAnnotatedMessage

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import harness  # noqa: E402

pytestmark = pytest.mark.skipif(not os.environ.get("STREAMDUCK_LIBDUCKDB"), reason="STREAMDUCK_LIBDUCKDB is not set")

WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc)
ID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


def send(emulator, events):
    with EventHubProducerClient.from_connection_string(
            emulator.connection_string, eventhub_name="single", retry_total=0) as client:
        for event in events:  # each on its own, so that a batch of one kind hides nothing
            batch = client.create_batch()
            batch.add(event)
            client.send_batch(batch)


def land(emulator, folder, **extra):
    database = folder / "events.duckdb"
    env = harness.write_env(folder / ".env", harness.Mapping("single", database, emulator.connection_string, **extra))
    done = harness.run(env, folder / "state", "--until-caught-up")
    assert done.returncode == 0, done.stderr + done.stdout
    return database


def bodies(database):
    return [row["b"] for row in harness.query(
        database, "SELECT event_body AS b FROM events ORDER BY sequence_number")]


def test_bodies_of_every_kind_land(emulator, tmp_path):
    send(emulator, [
        EventData(b""),
        EventData("no JSON, but text: \u00e4\u20ac\U0001f986 \x00 in the middle"),
        EventData('{"a": [1, 2.5, null]}'),
        EventData([b"two ", b"sections"]),
        AmqpAnnotatedMessage(value_body="text as a value"),
        AmqpAnnotatedMessage(value_body=42),
        AmqpAnnotatedMessage(value_body={"answer": 42, "list": [True, None, 1.5]}),
        AmqpAnnotatedMessage(value_body=WHEN),
        AmqpAnnotatedMessage(value_body=ID),
        AmqpAnnotatedMessage(sequence_body=[[1, 2], ["three"]]),
    ])
    landed = bodies(land(emulator, tmp_path))
    assert len(landed) == 10
    assert landed[:5] == ["", "no JSON, but text: \u00e4\u20ac\U0001f986 \x00 in the middle", '{"a": [1, 2.5, null]}',
                          "two sections", "text as a value"]
    assert [json.loads(b) for b in landed[5:]] == [
        42, {"answer": 42, "list": [True, None, 1.5]}, "2026-01-02T03:04:05.678000Z", str(ID), [[1, 2], ["three"]]]


def test_bodies_that_are_no_text_are_kept_whole(emulator, tmp_path):
    binary = [bytes(range(256)), b"\xff\xfe", b"cut \xe2\x82", b"\xed\xa0\x80 half of a pair", b"\xc0\xaf overlong"]
    send(emulator, [EventData(b"before"), *map(EventData, binary), AmqpAnnotatedMessage(value_body=b"\x00\xff"),
                    EventData(b"behind")])
    database = land(emulator, tmp_path)
    assert bodies(database) == ["before", "behind"]
    dead = harness.query(database, "SELECT hex(body) AS b, reason AS r, sequence_number AS s "
                                   "FROM _streamduck_dead_letters ORDER BY sequence_number")
    assert [bytes.fromhex(row["b"]) for row in dead] == [*binary, b"\x00\xff"]
    assert [int(row["s"]) for row in dead] == [1, 2, 3, 4, 5, 6]
    assert all("UTF-8" in row["r"] for row in dead)
    harness.check_control(database, "events")


def test_a_blob_column_keeps_all_bodies(emulator, tmp_path):
    sent = [b"", b"text", bytes(range(256)), b"\xff"]
    send(emulator, map(EventData, sent))
    database = land(emulator, tmp_path, **{"MOTHERDUCK_{N}_BODY": "blob"})
    rows = harness.query(database, "SELECT hex(event_body) AS b FROM events ORDER BY sequence_number")
    assert [bytes.fromhex(row["b"]) for row in rows] == sent


def test_properties_of_every_type_become_json(emulator, tmp_path):
    event = EventData("x")
    event.properties = {"text": "\u00e4 \"quoted\"", "int": -5, "large": 2**31 - 1, "double": 0.5, "yes": True,
                        "none": None, "when": WHEN, "id": ID, "bytes": b"\xff\x00", "": "no name"}
    event.content_type = "text/plain"
    event.correlation_id = "c-1"
    event.message_id = "m-1"
    send(emulator, [event])
    database = land(emulator, tmp_path)
    [row] = harness.query(database, "SELECT properties::VARCHAR AS p, system_properties::VARCHAR AS s FROM events")
    assert json.loads(row["p"]) == {
        "text": "\u00e4 \"quoted\"", "int": -5, "large": 2**31 - 1, "double": 0.5, "yes": True, "none": None,
        "when": "2026-01-02T03:04:05.678000Z", "id": str(ID), "bytes": "/wA=", "": "no name"}
    system = json.loads(row["s"])
    assert [v for k, v in sorted(system.items()) if k.replace("_", "-") in ("content-type", "correlation-id", "message-id")
            ] == ["text/plain", "c-1", "m-1"], system
