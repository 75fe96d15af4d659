#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""A real run against the emulator: what the OpenTelemetry Collector received, over HTTP and gRPC, is the golden table of
tests/e2e/spans.tsv, and the metrics say what landed. Prints TAP; $BUILD holds the program."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import golden  # noqa: E402
import harness  # noqa: E402
import receiver  # noqa: E402
import recorder  # noqa: E402

EVENTS = 2000


def collector_path():
    done = subprocess.run([str(HERE / "collector")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == 77:
        raise unittest.SkipTest("there is no Go to build the collector with (tests/otlp/collector)")
    if done.returncode:
        raise harness.Failed("the collector could not be built")
    return done.stdout.strip()


def each(lines, resources, scopes, items):
    for line in map(json.loads, lines):
        for resource in line.get(resources, []):
            for scope in resource[scopes]:
                yield from scope.get(items, [])


def spans(lines):
    return list(each(lines, "resourceSpans", "scopeSpans", "spans"))


def landed(lines):
    """The largest total of streamduck.landed that was reported."""
    points = [int(p["asInt"]) for m in each(lines, "resourceMetrics", "scopeMetrics", "metrics")
              if m["name"] == "streamduck.landed" for p in m["sum"]["dataPoints"]]
    return max(points, default=-1)


def is_all(lines):
    return any(s["name"] == "Pipeline Run" for s in spans(lines)) and landed(lines) == EVENTS


class Pipeline(unittest.TestCase):
    def setUp(self):
        path = collector_path()
        scratch = harness.scratch("collector")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.collector = receiver.Collector(path, self.dir)
        self.addCleanup(self.collector.stop)
        self.emulator = harness.Emulator("events:3")
        self.addCleanup(self.emulator.stop)

    def check(self, protocol, port):
        harness.send(self.emulator.connection_string, "events", count=EVENTS, size=100, body="text")
        env = harness.write_env(
            self.dir / ".env", harness.Mapping("events", self.dir / "a.duckdb", self.emulator.connection_string),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
        process = subprocess.Popen(harness.run_command(env, self.dir / "state", "--until-caught-up"), text=True,
                                   env=harness.clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        output, _ = process.communicate(timeout=harness.RUN_SECONDS)
        self.assertEqual(process.returncode, 0, output)
        lines = self.collector.received(process.pid, is_all)
        self.assertEqual(golden.problems(spans(lines)), [])

    def test_the_collector_has_the_golden_table_over_http(self):
        self.check("http/protobuf", self.collector.http)

    def test_the_collector_has_the_golden_table_over_grpc(self):
        self.check("grpc", self.collector.grpc)


if __name__ == "__main__":
    os.environ.setdefault("BUILD", str(HERE.parent.parent / "build"))
    recorder.main()
