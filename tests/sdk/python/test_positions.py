# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Where receivers begin, who may read, what is refused; with azure-eventhub."""

import datetime
import threading
import time

import pytest
from azure.eventhub import EventData
from azure.eventhub.exceptions import AuthenticationError, ConnectError, ConnectionLostError, EventHubError

from reading import consumer, receive
from test_send_receive import producer, send


def bodies(events):
    return [e.body_as_str() for _, e in events]


def test_every_kind_of_position(emulator):
    send(emulator, [str(i) for i in range(5)], hub="single")
    time.sleep(0.05)
    middle = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.05)
    send(emulator, [str(i) for i in range(5, 10)], hub="single")
    all_events = receive(consumer(emulator, "single"), 10, partition_id="0")
    assert bodies(all_events) == [str(i) for i in range(10)]
    offset = all_events[3][1].offset

    def read(position, count, **options):
        return bodies(receive(consumer(emulator, "single"), count, partition_id="0", starting_position=position,
                              **options))

    assert read(offset, 6) == ["4", "5", "6", "7", "8", "9"]
    assert read(offset, 7, starting_position_inclusive=True) == ["3", "4", "5", "6", "7", "8", "9"]
    assert read(7, 2) == ["8", "9"]
    assert read(7, 3, starting_position_inclusive=True) == ["7", "8", "9"]
    assert read(middle, 5) == ["5", "6", "7", "8", "9"]


def test_latest_waits_for_new_events(emulator):
    send(emulator, ["old"], hub="single")
    result = []
    client = consumer(emulator, "single")
    thread = threading.Thread(target=lambda: result.extend(
        receive(client, 1, partition_id="0", starting_position="@latest")))
    thread.start()
    deadline = time.monotonic() + 20
    while not result and time.monotonic() < deadline:
        send(emulator, ["new"], hub="single")
        thread.join(0.5)
    thread.join()
    assert bodies(result) == ["new"]


def test_invalid_offset_names_the_last_one(emulator):
    send(emulator, ["x"], hub="single")
    with pytest.raises(EventHubError, match="The supplied offset '999999999999999999' is invalid"):
        receive(consumer(emulator, "single"), 1, partition_id="0", starting_position="999999999999999999", seconds=10)


def test_recreated_hub_refuses_old_offsets(emulator):
    send(emulator, ["x", "y"], hub="single")
    (_, first), _ = receive(consumer(emulator, "single"), 2, partition_id="0")
    emulator.control(do="recreate", hub="single")
    send(emulator, ["again"], hub="single")
    [(_, event)] = receive(consumer(emulator, "single"), 1, partition_id="0")
    assert (event.sequence_number, event.body_as_str()) == (0, "again")
    with pytest.raises(EventHubError, match="is invalid. The last offset in the system is"):
        receive(consumer(emulator, "single"), 1, partition_id="0", starting_position=first.offset, seconds=10)


def test_unknown_hub_group_and_partition(emulator):
    with pytest.raises((ConnectError, EventHubError), match="could not be found"):
        receive(consumer(emulator, "missing"), 1, partition_id="0", seconds=10)
    with pytest.raises((ConnectError, EventHubError), match="could not be found"):
        receive(consumer(emulator, "single", "nogroup"), 1, partition_id="0", seconds=10)
    with producer(emulator, "single") as client:
        with pytest.raises(EventHubError, match="Invalid partition 7"):  # by the ids that the hub told
            client.send_event(EventData("x"), partition_id="7")
    with producer(emulator, "missing") as client:
        with pytest.raises(EventHubError):
            client.send_event(EventData("x"))


def test_names_are_matched_without_case(emulator):
    send(emulator, ["x"], hub="SINGLE")
    assert bodies(receive(consumer(emulator, "Single", "SECOND"), 1, partition_id="0")) == ["x"]


def test_higher_owner_level_steals(emulator):
    send(emulator, ["x"], hub="single")
    errors, got = [], threading.Event()
    low = consumer(emulator, "single")
    thread = threading.Thread(target=lambda: low.receive(
        lambda context, event: got.set(), on_error=lambda context, error: errors.append(error),
        partition_id="0", owner_level=1, starting_position="-1"))
    thread.start()
    assert got.wait(20)
    assert bodies(receive(consumer(emulator, "single"), 1, partition_id="0", owner_level=2)) == ["x"]
    deadline = time.monotonic() + 20
    while not errors and time.monotonic() < deadline:
        time.sleep(0.05)
    low.close()
    thread.join()
    assert isinstance(errors[0], (ConnectionLostError, EventHubError))
    assert "higher epoch of '2'" in str(errors[0])


def test_lower_and_no_owner_level_are_refused(emulator):
    got = threading.Event()
    holder = consumer(emulator, "single")
    send(emulator, ["x"], hub="single")
    thread = threading.Thread(target=lambda: holder.receive(
        lambda context, event: got.set(), partition_id="0", owner_level=5, starting_position="-1"))
    thread.start()
    assert got.wait(20)
    with pytest.raises(EventHubError, match="higher epoch '5'"):
        receive(consumer(emulator, "single"), 1, partition_id="0", owner_level=4, seconds=10)
    with pytest.raises(EventHubError, match="non-epoch receiver is not allowed"):
        receive(consumer(emulator, "single"), 1, partition_id="0", seconds=10)
    assert bodies(receive(consumer(emulator, "single", "second"), 1, partition_id="0")) == ["x"]
    holder.close()
    thread.join()


def test_last_enqueued_properties_are_tracked(emulator):
    send(emulator, ["a", "b", "c"], hub="single")
    seen = []
    client = consumer(emulator, "single")

    def on_event(context, event):
        seen.append(context.last_enqueued_event_properties)
        if len(seen) == 3:
            client.close()

    client.receive(on_event, partition_id="0", starting_position="-1", track_last_enqueued_event_properties=True)
    assert [s["sequence_number"] for s in seen] == [2, 2, 2]
    assert all(s["offset"] and s["enqueued_time"] and s["retrieval_time"] for s in seen)


def test_key_is_verified_when_one_is_given(start):
    emulator = start("--hub", "events:1", "--sas-key", "the right key 12345=")
    send(emulator, ["x"])
    assert bodies(receive(consumer(emulator), 1, partition_id="0")) == ["x"]
    emulator.connection_string = emulator.connection_string.replace("right", "wrong")
    with producer(emulator) as client:
        with pytest.raises((AuthenticationError, EventHubError)):
            client.send_event(EventData("y"))
        with pytest.raises((AuthenticationError, EventHubError)):
            client.get_eventhub_properties()
    assert emulator.received("events") == 1


def test_log_survives_a_kill(start, tmp_path):
    emulator = start("--hub", "events:2", "--data", str(tmp_path))
    send(emulator, ["a", "b"], partition_id="0")
    send(emulator, ["c"], partition_id="1")
    emulator.kill()
    emulator = start("--hub", "events:2", "--data", str(tmp_path))
    assert emulator.received("events") == 3
    send(emulator, ["d"], partition_id="0")
    events = receive(consumer(emulator), 3, partition_id="0")
    assert bodies(events) == ["a", "b", "d"]
    assert [e.sequence_number for _, e in events] == [0, 1, 2]
    last = emulator.stop()
    assert last["event"] == "stopped" and last["received"] == 4


def test_throttled_send_is_tried_again(emulator):
    emulator.control(do="throttle", hub="single", what="send", count=1)
    began = time.monotonic()
    with producer(emulator, "single") as client:
        client.send_event(EventData("y"))
    assert time.monotonic() - began > 0.8  # the client's back-off: its first try was refused
    assert emulator.received("single") == 1
