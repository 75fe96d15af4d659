#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""A hub without events for longer than the time-outs that a client advertises, with the times that a user has.

It does nearly nothing and takes its time: tests/e2e/meson.build lets it run beside the others.
"""

import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

SIZE = 300
# Longer than the idle time-out that we advertise (60 s) and than two heartbeats of either side (30 s at most). Links
# carry nothing meanwhile; on the connection the pipeline asks for the last sequence numbers every few seconds.
IDLE_SECONDS = 75


class Idle(unittest.TestCase):
    def setUp(self):
        scratch = harness.scratch("idle")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.database = self.dir / "events.duckdb"
        self.emulator = harness.Emulator("events:4", "never:2")
        self.addCleanup(self.emulator.stop)

    def send(self, **options):
        harness.send(self.emulator.connection_string, "events", size=SIZE, **options)

    def counts(self):
        stats = self.emulator.control(do="stats")
        return {name: stats[name] for name in ("connections", "accepted", "attached")}

    def test_after_minutes_without_events_the_same_connection_brings_the_next_ones(self):
        mappings = [harness.Mapping("events", self.database, self.emulator.connection_string, table="events"),
                    harness.Mapping("never", self.database, self.emulator.connection_string, table="never")]
        env = harness.write_env(self.dir / ".env", *mappings)
        self.send(count=400)
        with harness.Pipeline(env, self.dir / "state") as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == 400 and s["mappings"][1]["state"] == "running",
                              "the first events landed")
            links = 1 + 4 + 2  # the sender's, which is gone, and one for each partition
            pipeline.wait_for(lambda _: self.counts()["attached"] == links and self.counts()["connections"] == 2,
                              "a link for each partition and only the pipeline's connections")
            before = self.counts()
            time.sleep(IDLE_SECONDS)  # that nothing happens is the test
            self.assertEqual(self.counts(), before, pipeline.text())
            for partition in range(4):
                self.send(first=400 + 100 * partition, count=100, partition=str(partition))
            status = pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == 800, "events after the silence",
                                       seconds=30)
            self.assertEqual([m["retries"] for m in status["mappings"]], [0, 0])
            self.assertEqual([m["error"] for m in status["mappings"]], [None, None])
            # The sender's connections came and went; the pipeline's two are those of before.
            after = self.counts()
            senders = 4
            self.assertEqual(after["accepted"] - before["accepted"], senders)
            self.assertEqual(after["attached"] - before["attached"], senders)
            self.assertEqual(pipeline.stop(), 0, pipeline.text())
        harness.check_landed(self.database, "main.events", 800, SIZE)
        harness.check_control(self.database, "events")
        self.assertEqual(int(harness.query(self.database, "SELECT count(*) AS n FROM never")[0]["n"]), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
