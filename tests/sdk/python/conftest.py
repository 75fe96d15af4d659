# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The emulator as a fixture, for Microsoft's azure-eventhub."""

import json
import os
import subprocess
import sys
import threading
import queue

import pytest

STREAMDUCK = os.path.join(os.environ["BUILD"], "streamduck")
SECONDS = 30


class Emulator:
    """A running `streamduck emulator` with a control channel."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [STREAMDUCK, "emulator", "--listen", "127.0.0.1:0", "--control", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.ready = self.line()
        assert self.ready["event"] == "ready"
        self.connection_string = self.ready["connection_string"]

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)

    def line(self):
        return json.loads(self._lines.get(timeout=SECONDS))

    def control(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = self.line()
        assert answer["ok"], answer
        return answer

    def received(self, hub):
        return next(h for h in self.control(do="stats")["hubs"] if h["name"] == hub)["received"]

    def stop(self):
        self.process.terminate()
        assert self.process.wait(SECONDS) == 0
        return self.line()

    def kill(self):
        self.process.kill()
        self.process.wait(SECONDS)


@pytest.fixture
def start():
    """Starts emulators that end with the test."""
    started = []

    def start_one(*arguments):
        started.append(Emulator(*arguments))
        return started[-1]

    yield start_one
    for emulator in started:
        if emulator.process.poll() is None:
            emulator.kill()


@pytest.fixture
def emulator(start):
    return start("--hub", "events:4", "single:1", "--consumer-group", "second")
