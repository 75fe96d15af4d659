#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The spans of a real run, as a receiver of OTLP gets them, against the golden table; their number; the producers."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import golden  # noqa: E402
import harness  # noqa: E402
import receiver  # noqa: E402

EVENTS = 6000
SPANS_PER_EVENT_MAX = 0.1


class Spans(unittest.TestCase):
    def setUp(self):
        scratch = harness.scratch("spans")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.emulator = harness.Emulator("events:3")
        self.addCleanup(self.emulator.stop)
        self.receiver = receiver.Receiver(project={"project_name": "p", "project_url": "https://example.org/p"})
        self.addCleanup(self.receiver.stop)

    def run_with(self, **variables):
        harness.send(self.emulator.connection_string, "events", count=EVENTS, size=100, body="text")
        mapping = harness.Mapping("events", self.dir / "a.duckdb", self.emulator.connection_string,
                                  **{"MOTHERDUCK_{N}_BATCH": 150})
        env = harness.write_env(self.dir / ".env", mapping, **variables)
        done = harness.run(env, self.dir / "state", "--until-caught-up")
        self.assertEqual(done.returncode, 0, done.stderr)
        return [span for _, _, span in self.receiver.spans()]

    def check(self, spans):
        self.assertEqual(golden.problems(spans), [])
        runs = [golden.values(s) for s in spans if s["name"] == "Pipeline Run" and not golden.is_pending(s)]
        self.assertEqual(sum(int(r["messages"]["intValue"]) for r in runs), EVENTS)
        final = [s for s in spans if not golden.is_pending(s)]
        self.assertLessEqual(len(final), EVENTS * SPANS_PER_EVENT_MAX)

    def test_a_receiver_of_json_gets_the_golden_table(self):
        self.check(self.run_with(OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL="http/json"))

    def test_a_receiver_of_protobuf_gets_the_golden_table(self):
        self.check(self.run_with(OTEL_EXPORTER_OTLP_ENDPOINT=self.receiver.url))

    def test_the_console_of_opentelemetry_leaves_standard_output_alone(self):
        harness.send(self.emulator.connection_string, "events", count=150, size=100, body="text")
        env = harness.write_env(self.dir / ".env",
                                harness.Mapping("events", self.dir / "a.duckdb", self.emulator.connection_string),
                                OTEL_TRACES_EXPORTER="console")
        done = harness.run(env, self.dir / "state", "--until-caught-up", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([json.loads(line)["event"] for line in done.stdout.splitlines()][-1], "end")
        self.assertIn("▶ eventhub._on_event\n", done.stderr)

    def test_logfire_gets_the_golden_table(self):
        spans = self.run_with(LOGFIRE_ENABLED="true", LOGFIRE_TOKEN="pylf_v1_us_0123456789",
                              LOGFIRE_CONSOLE_LOGGING="false", LOGFIRE_BASE_URL=self.receiver.url)
        self.check(spans)
        run = next(golden.values(s) for s in spans if s["name"] == "Pipeline Run" and not golden.is_pending(s))
        self.assertEqual(run["logfire.msg"]["stringValue"], "Pipeline Run (0 minutes)")
        metrics = b"".join(request.body for request in self.receiver.to("/v1/metrics"))
        self.assertIn(b"streamduck.batches", metrics)
        self.assertNotIn(b"otel.sdk.", metrics)


if __name__ == "__main__":
    unittest.main(verbosity=2)
