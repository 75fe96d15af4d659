#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""What a collector cannot do to a run: nobody listens, it is slow, refuses, answers nonsense, dies half-way. Everything
lands, memory stays bounded, the run ends within its deadline, and what was lost is counted and said."""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402
import receiver  # noqa: E402

COUNT = 40000
SHUTDOWN_SECONDS = 3  # what a run waits for its collector at the end
SLACK_SECONDS = 7  # a loaded machine
MEMORY_MAX = 20 << 20  # telemetry's own, with a collector that takes nothing
MEMORY_SLACK = 30 << 20  # two runs of the same differ


class Result:
    def __init__(self, process, started):
        self.out, self.err = process.communicate()
        self.code = process.returncode
        self.total = time.monotonic() - started
        self.events = [json.loads(line) for line in self.out.splitlines()]
        self.end = self.events[-1]
        self.telemetry = [e for e in self.events if e["event"] == "telemetry"]

    @property
    def warnings(self):
        return [e["message"] for e in self.events if e["event"] == "log" and e["subsystem"] == "telemetry"]


class Collector(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = harness.scratch("collector")
        cls.addClassCleanup(scratch.cleanup)
        cls.dir = pathlib.Path(scratch.name)
        cls.emulator = harness.Emulator("events:2")
        cls.addClassCleanup(cls.emulator.stop)
        harness.send(cls.emulator.connection_string, "events", count=COUNT, size=300)
        cls.runs = 0
        cls.without = cls.pipeline()

    @classmethod
    def pipeline(cls, **variables):
        """A run from the first event to the last into a new file."""
        cls.runs += 1
        database = cls.dir / f"run{cls.runs}.duckdb"
        env = harness.write_env(cls.dir / f"run{cls.runs}.env",
                                harness.Mapping("events", database, cls.emulator.connection_string), **variables)
        peak = cls.dir / f"run{cls.runs}.peak"
        command = harness.run_command(env, cls.dir / "state", "--until-caught-up", "--json")
        # A process of its own measures the peak, because a parent only knows the largest of all its children.
        measure = ("import resource, subprocess, sys; p = subprocess.run(sys.argv[2:]); "
                   "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)); "
                   "sys.exit(p.returncode)")
        started = time.monotonic()
        process = subprocess.Popen([sys.executable, "-c", measure, str(peak), *command], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=harness.clean_environment())
        result = Result(process, started)
        result.memory = int(peak.read_text())
        result.database = database
        return result

    def check(self, run, lost=True):
        self.assertEqual(run.code, 0, run.err)
        rows = harness.query(run.database, "SELECT count(*) AS n FROM events")
        self.assertEqual(int(rows[0]["n"]), COUNT)
        # Throughput: the machine is shared, so this only finds a run that waits.
        self.assertLess(run.end["seconds"], 2 * self.without.end["seconds"] + SHUTDOWN_SECONDS / 2)
        self.assertLess(run.total - self.without.total, SHUTDOWN_SECONDS + SLACK_SECONDS)
        if "asan" not in os.environ.get("BUILD", ""):
            self.assertLess(run.memory - self.without.memory, MEMORY_MAX + MEMORY_SLACK)
        told = run.telemetry[-1]
        self.assertGreater(told["spans"], 0)
        if lost:
            self.assertGreater(told["dropped"], 0)
            self.assertTrue(run.warnings, run.events)
        else:
            self.assertEqual(told["dropped"], 0, run.warnings)
        self.assertEqual(run.end["event"], "end")

    def with_receiver(self, level="INFO", **options):
        with receiver.Receiver(**options) as collector:
            return self.pipeline(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, LOGFIRE_LOG_LEVEL=level)

    def test_a_collector_that_answers_loses_nothing(self):
        self.check(self.with_receiver(), lost=False)

    def test_nobody_listens(self):
        self.check(self.pipeline(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1"))

    def test_nobody_listens_to_a_span_for_every_event(self):
        run = self.pipeline(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", LOGFIRE_LOG_LEVEL="DEBUG")
        self.assertGreater(run.telemetry[-1]["spans"], COUNT)
        self.check(run)

    def test_it_never_answers(self):
        self.check(self.with_receiver(delay=3600))

    def test_it_refuses(self):
        for status in (400, 401, 413):
            with self.subTest(status=status):
                self.check(self.with_receiver(status=status))

    def test_it_wants_to_be_asked_later(self):
        for status, headers in ((429, {"Retry-After": "3600"}),
                                (429, {"Retry-After": "Fri, 31 Dec 2999 23:59:59 GMT"}), (503, {})):
            with self.subTest(status=status, headers=headers):
                self.check(self.with_receiver(status=status, headers=headers))

    def test_it_answers_nonsense(self):
        self.check(self.with_receiver(raw=b"\x00\xff nonsense \r\n\r\n"))

    def test_it_dies_half_way_through_an_answer(self):
        self.check(self.with_receiver(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
