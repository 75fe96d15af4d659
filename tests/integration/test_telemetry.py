#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Telemetry of `run` and `validate-config` from outside: modes, banners, the project's link, what goes where, the online
check, the metrics page. A receiver in this process stands in for Logfire and for collectors."""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402
import receiver  # noqa: E402

TOKEN = "pylf_v1_us_CANARY0123456789"
PROJECT = {"project_name": "orders", "project_url": "https://logfire-us.pydantic.dev/acme/orders"}
LINK = "Logfire project URL: " + PROJECT["project_url"]
NOBODY = "http://127.0.0.1:1"
COUNT = 450

LOCAL = {"LOGFIRE_ENABLED": "true", "LOGFIRE_SEND_TO_LOGFIRE": "false"}
CLOUD = {"LOGFIRE_ENABLED": "true", "LOGFIRE_TOKEN": TOKEN, "LOGFIRE_CONSOLE_LOGGING": "false"}
HYBRID = {"LOGFIRE_ENABLED": "true", "LOGFIRE_TOKEN": TOKEN}
TREE = "▶ eventhub._on_event"


class Telemetry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.emulator = harness.Emulator("events:1")
        cls.addClassCleanup(cls.emulator.stop)
        harness.send(cls.emulator.connection_string, "events", count=COUNT, size=100)

    def setUp(self):
        scratch = harness.scratch("telemetry")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)

    def env(self, **variables):
        mapping = harness.Mapping("events", self.dir / "events.duckdb", self.emulator.connection_string,
                                  **{"MOTHERDUCK_{N}_BATCH": 150})
        return harness.write_env(self.dir / ".env", mapping, **variables)

    def validate(self, *args, **variables):
        self.env(**variables)
        return subprocess.run([str(harness.STREAMDUCK), "validate-config", *args], stdin=subprocess.DEVNULL, cwd=self.dir,
                              capture_output=True, text=True, timeout=120, env=harness.clean_environment())

    def logfire(self, **options):
        stand_in = receiver.Receiver(**{"project": PROJECT, **options})
        self.addCleanup(stand_in.stop)
        return stand_in


@unittest.skipUnless(os.environ.get("STREAMDUCK_LIBDUCKDB"), "STREAMDUCK_LIBDUCKDB is not set")
class Modes(Telemetry):
    def run_to_end(self, *args, **variables):
        done = harness.run(self.env(**variables), self.dir / "state", "--until-caught-up", *args, cwd=self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(TOKEN, done.stdout + done.stderr)
        return done

    def banner(self, mode, service="streamduck", environment="development"):
        return f"🔥 Logfire initialized: {mode} mode\n📊 Service: {service} | Environment: {environment}\n"

    def test_disabled_says_and_sends_nothing(self):
        with receiver.Receiver() as stand_in:
            done = self.run_to_end(LOGFIRE_TOKEN=TOKEN, LOGFIRE_BASE_URL=stand_in.url)
            self.assertEqual(stand_in.requests, [])
        for word in ("Logfire", "Service:", "▶", "dropped"):
            self.assertNotIn(word, done.stderr)

    def test_local_only_prints_trees_and_sends_nothing(self):
        stand_in = self.logfire()
        done = self.run_to_end(**LOCAL, LOGFIRE_BASE_URL=stand_in.url)
        self.assertTrue(done.stderr.startswith(self.banner("local-only")), done.stderr)
        self.assertIn(TREE, done.stderr)
        self.assertEqual(stand_in.requests, [])
        self.assertNotIn("Logfire project URL", done.stderr)

    def test_a_batchs_tree_has_the_form_of_the_original(self):
        done = self.run_to_end(**LOCAL)
        tree = re.search(r"^▶ eventhub\._on_event\n(?:[ │├└].*\n)+", done.stderr, re.M)
        self.assertIsNotNone(tree, done.stderr)
        for line in (r"  │ partition_id: 0$", r"  │ batch_ready: true$", r"  │ total_messages_received: \d+$",
                     r"  │ ⏱️  [\d.]+(ms|s|µs)$", r"  [├└]─▶ motherduck\.ingest_batch$", r"  [│ ]   │ success: true$",
                     r"  [│ ]   [├└]─▶ motherduck\._ingest_batch_impl$", r"  [├└]─▶ eventhub\._process_batch$",
                     r"  [│ ]   │ processor_success: true$"):
            self.assertRegex(tree[0], re.compile(line, re.M))

    def test_cloud_only_sends_and_prints_no_tree(self):
        stand_in = self.logfire()
        done = self.run_to_end(**CLOUD, LOGFIRE_BASE_URL=stand_in.url, LOGFIRE_ENVIRONMENT="production",
                               LOGFIRE_SERVICE_NAME="orders-to-lake")
        self.assertTrue(done.stderr.startswith(self.banner("cloud-only", "orders-to-lake", "production")), done.stderr)
        self.assertNotIn("▶", done.stderr)
        request = stand_in.wait_for("/v1/traces")
        self.assertEqual(request.headers["authorization"], TOKEN)
        self.assertEqual(request.headers["content-type"], "application/x-protobuf")
        self.assertEqual(request.headers["content-encoding"], "gzip")
        self.assertTrue(stand_in.to("/v1/metrics"))
        rows = list(receiver.records(stand_in.spans()))
        self.assertEqual({row["service_name"] for row in rows}, {"orders-to-lake"})
        self.assertEqual({row["deployment_environment"] for row in rows}, {"production"})
        self.assertIn("motherduck._ingest_batch_impl", {row["span_name"] for row in rows})

    def test_hybrid_does_both(self):
        stand_in = self.logfire()
        done = self.run_to_end(**HYBRID, LOGFIRE_BASE_URL=stand_in.url)
        self.assertTrue(done.stderr.startswith(self.banner("hybrid")), done.stderr)
        self.assertIn(TREE, done.stderr)
        self.assertTrue(stand_in.to("/v1/traces"))

    def test_the_projects_link_is_printed_at_the_start_and_at_the_end(self):
        stand_in = self.logfire()
        done = self.run_to_end(**CLOUD, LOGFIRE_BASE_URL=stand_in.url)
        self.assertEqual(done.stderr.count(LINK + "\n"), 2, done.stderr)
        self.assertTrue(done.stderr.endswith(LINK + "\n"), done.stderr)
        self.assertEqual([r.headers["authorization"] for r in stand_in.to("/v1/info")], [TOKEN])

    def test_a_refused_token_is_told_and_the_run_goes_on(self):
        stand_in = self.logfire(project=None, status=401)
        done = self.run_to_end(**CLOUD, LOGFIRE_BASE_URL=stand_in.url)
        self.assertRegex(done.stderr, r"warning telemetry: .*401")
        self.assertRegex(done.stderr, r"\d+ spans? dropped: ")
        self.assertNotIn(LINK, done.stderr)

    def test_without_network_it_is_said_once_and_what_was_lost_is_counted(self):
        done = self.run_to_end(**CLOUD, LOGFIRE_BASE_URL=NOBODY)
        self.assertEqual(len(re.findall(r"unreachable|cannot be reached", done.stderr)), 1, done.stderr)
        self.assertEqual(len(re.findall(r"\d+ spans? dropped: ", done.stderr)), 1, done.stderr)

    def test_a_logfire_that_never_answers_does_not_hold_the_end(self):
        stand_in = self.logfire(delay=3600)
        started = time.monotonic()
        done = self.run_to_end(**CLOUD, LOGFIRE_BASE_URL=stand_in.url)
        self.assertLess(time.monotonic() - started, 3 + 7)
        self.assertIn("statistics", done.stdout)
        self.assertRegex(done.stderr, r"\d+ spans? dropped: ")

    def test_several_tokens_send_to_several_projects(self):
        stand_in = self.logfire()
        second = TOKEN.replace("0123", "4567")
        self.run_to_end(**{**CLOUD, "LOGFIRE_TOKEN": f"{TOKEN},{second}"}, LOGFIRE_BASE_URL=stand_in.url)
        for path in ("/v1/info", "/v1/traces"):
            self.assertEqual({r.headers["authorization"] for r in stand_in.to(path)}, {TOKEN, second})

    def test_open_telemetry_works_without_logfire(self):
        with receiver.Receiver() as collector:
            done = self.run_to_end(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_EXPORTER_OTLP_PROTOCOL="http/json",
                                   OTEL_EXPORTER_OTLP_HEADERS="x-api-key=CANARY-HEADER-1", OTEL_SERVICE_NAME="mine")
            self.assertTrue(done.stderr.startswith(
                f"📡 OpenTelemetry: traces, metrics and logs to {collector.url} (http/json)\n📊 Service: mine\n"), done.stderr)
            self.assertNotIn("CANARY", done.stderr)
            self.assertEqual({r.headers["x-api-key"] for r in collector.requests}, {"CANARY-HEADER-1"})
            about, scope, span = next(collector.spans())
            self.assertEqual((about["service.name"], scope["name"]), ("mine", "streamduck"))
            names = [span["name"] for _, _, span in collector.spans()]
            self.assertEqual(names.count("Pipeline Run"), 1)
            self.assertIn("streamduck.landed", collector.metrics())
            self.assertIn("process.cpu.time", collector.metrics())
            self.assertIn("otel.sdk.span.started", collector.metrics())

    def test_the_sdk_switch_switches_all_off(self):
        with receiver.Receiver() as collector:
            done = self.run_to_end(**HYBRID, LOGFIRE_BASE_URL=collector.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
                                   OTEL_SDK_DISABLED="true")
            self.assertEqual(collector.requests, [])
        self.assertNotIn("Logfire", done.stderr)

    def test_levels_filter_the_trees(self):
        done = self.run_to_end(**LOCAL, LOGFIRE_LOG_LEVEL="WARNING")
        self.assertNotIn("▶", done.stderr)
        self.assertIn(self.banner("local-only"), done.stderr)

    def test_with_json_there_are_objects_instead_of_lines(self):
        stand_in = self.logfire()
        done = self.run_to_end("--json", "--metrics-port", "0", **CLOUD, LOGFIRE_BASE_URL=stand_in.url)
        self.assertEqual(done.stderr, "")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        start = events[0]["telemetry"]
        self.assertEqual((start["mode"], start["service"], start["environment"], start["log_level"]),
                         ("cloud-only", "streamduck", "development", "INFO"))
        told = [e for e in events if e["event"] == "telemetry"]
        self.assertRegex(next(e["metrics_url"] for e in told if "metrics_url" in e), r"^http://127\.0\.0\.1:\d+/metrics$")
        self.assertEqual([e["project_url"] for e in told if "project_url" in e], [PROJECT["project_url"]] * 2)
        counts = next(e for e in told if "dropped" in e)
        self.assertEqual(counts["dropped"], 0)
        self.assertGreaterEqual(counts["exported"], counts["spans"])
        self.assertEqual(events[-1]["event"], "end")


class Validation(Telemetry):
    def points(self, done):
        return [(p["list"], p["ok"], p["text"]) for p in json.loads(done.stdout)["online"]["points"]]

    def test_the_block_has_the_words_of_the_original(self):
        done = self.validate(**CLOUD, LOGFIRE_ENVIRONMENT="production")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("✅ Logfire Configuration:\n   • Enabled: true\n   • Send to Cloud: true\n   • Console Logging: false\n"
                      "   • Service: streamduck\n   • Environment: production\n   • Log Level: INFO\n", done.stdout)
        self.assertIn("✅ Logfire Configuration:\n   • Enabled: false\n", self.validate().stdout)
        block = json.loads(self.validate("--json", **LOCAL).stdout)["telemetry"]
        self.assertEqual((block["mode"], block["on"]), ("local-only", True))

    def test_a_missing_token_and_a_wrong_level_are_errors(self):
        done = self.validate(LOGFIRE_ENABLED="true")
        self.assertEqual(done.returncode, 1)
        self.assertIn("❌ Logfire Configuration:", done.stdout)
        self.assertIn("LOGFIRE_TOKEN is required when LOGFIRE_ENABLED=true and LOGFIRE_SEND_TO_LOGFIRE=true", done.stdout)
        done = self.validate(**LOCAL, LOGFIRE_LOG_LEVEL="TRACE")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Invalid log level: TRACE", done.stdout)

    def test_online_answers_each_point_when_all_is_well(self):
        stand_in = self.logfire()
        with receiver.Receiver() as collector:
            variables = {**HYBRID, "LOGFIRE_BASE_URL": stand_in.url, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
            done = self.validate("--online", **variables)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertNotIn("❌", done.stdout)
            self.assertNotIn(TOKEN, done.stdout)
            self.assertIn(TREE.replace("eventhub._on_event", "streamduck.validate_config"), done.stdout)
            self.assertEqual({r.path for r in collector.requests}, {"/v1/traces", "/v1/metrics", "/v1/logs"})
            points = self.points(self.validate("--online", "--json", **variables))
        self.assertEqual([(where, ok) for where, ok, _ in points],
                         [("No Traces in Dashboard", True)] * 5 + [("Console Logging Not Working", True)] * 4 +
                         [("OpenTelemetry", True)] * 3)
        self.assertIn("https://logfire-us.pydantic.dev/acme/orders", points[3][2])
        sent = {span["name"]: span for _, _, span in stand_in.spans()}
        self.assertIn(sent["streamduck.validate_config"]["traceId"], done.stdout + points[4][2])

    def test_online_tells_which_point_is_wrong(self):
        stand_in = self.logfire(project=None, status=401)
        done = self.validate("--online", "--json", **CLOUD, LOGFIRE_BASE_URL=stand_in.url)
        self.assertEqual(done.returncode, 1)
        self.assertFalse(json.loads(done.stdout)["ok"])
        answers = [ok for where, ok, _ in self.points(done) if where == "No Traces in Dashboard"]
        self.assertEqual(answers, [False, True, True, None, False])
        self.assertNotIn(TOKEN, done.stdout)
        done = self.validate("--online", "--json", **CLOUD, LOGFIRE_BASE_URL=NOBODY)
        self.assertEqual(done.returncode, 1)
        answers = [ok for where, ok, _ in self.points(done) if where == "No Traces in Dashboard"]
        self.assertEqual(answers, [None, True, False, None, None])

    def test_online_tells_of_collectors_that_do_not_answer(self):
        done = self.validate("--online", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=NOBODY + "/v1/traces")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"OpenTelemetry:\n   ❌ 1\. traces: http://127\.0\.0\.1:1/v1/traces \(http/protobuf\): .*onnect")
        self.assertIn("telemetry has 1 point to look at", done.stdout)

    def test_online_with_nothing_to_try_is_good(self):
        done = self.validate("--online", "--json")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn(False, [ok for _, ok, _ in self.points(done)])


@unittest.skipUnless(os.environ.get("STREAMDUCK_LIBDUCKDB"), "STREAMDUCK_LIBDUCKDB is not set")
class Metrics(Telemetry):
    SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)$')

    def samples(self, text):
        """(name, labels) → value; fails on a line that is none of the format's."""
        found = {}
        for line in text.splitlines():
            if line.startswith("#"):
                self.assertRegex(line, r"^# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .+")
                continue
            match = self.SAMPLE.match(line)
            self.assertIsNotNone(match, line)
            labels = dict(re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"', match[2] or ""))
            found[match[1], frozenset(labels.items())] = float(match[3])
        return found

    def value(self, samples, name, **labels):
        values = [v for (n, with_), v in samples.items() if n == name and labels.items() <= dict(with_).items()]
        self.assertEqual(len(values), 1, (name, labels))
        return values[0]

    def test_the_page_shows_what_the_run_did(self):
        names_wanted = {
            "streamduck_landed_total", "messaging_client_consumed_messages_total", "streamduck_lag",
            "streamduck_batch_size_sum", "streamduck_dead_letters_total", "streamduck_checkpoints_total",
            "process_memory_usage_bytes", "streamduck_received_bytes_total", "streamduck_retries_total",
            "streamduck_fenced_total", "streamduck_queue_batches", "streamduck_receive_latency_seconds_bucket",
            "messaging_process_duration_seconds_bucket", "db_client_operation_duration_seconds_count",
            "process_cpu_time_seconds_total", "otel_sdk_span_started_total", "target_info"}
        env = self.env()
        with harness.Pipeline(env, self.dir / "state", "--metrics-port", "0") as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == COUNT, "everything landed")
            url = next(json.loads(line)["metrics_url"] for line in pipeline.text().splitlines() if "metrics_url" in line)

            def landed():
                with urllib.request.urlopen(url, timeout=30) as answer:
                    self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
                    self.page = answer.read().decode()
                samples = self.samples(self.page)
                # A page may be made while the loop is writing its figures: all must be there.
                return names_wanted <= {name for name, _ in samples} and all(
                    self.value(samples, name) == COUNT
                    for name in ("streamduck_landed_total", "messaging_client_consumed_messages_total",
                                 "streamduck_batch_size_sum")) and self.value(
                                     samples, "streamduck_lag", messaging_destination_partition_id="0") == 0

            pipeline.wait_for(lambda _: landed(), "the page shows what landed", 30)
            with self.assertRaises(urllib.error.HTTPError) as other:
                urllib.request.urlopen(url.replace("/metrics", "/other"), timeout=30)
            self.assertEqual(other.exception.code, 404)
            other.exception.close()
            self.assertEqual(pipeline.stop(), 0)
        samples = self.samples(self.page)
        self.assertEqual(self.value(samples, "streamduck_dead_letters_total"), 0)
        self.assertGreaterEqual(self.value(samples, "streamduck_checkpoints_total", streamduck_outcome="committed"), 1)
        self.assertGreater(self.value(samples, "process_memory_usage_bytes"), 1 << 20)
        with self.assertRaises(OSError):
            urllib.request.urlopen(url, timeout=5)

    def test_the_port_must_be_one(self):
        for port in ("x", "70000", ":9", "1.2.3.4"):
            done = harness.run(self.env(), self.dir / "state", "--metrics-port", port)
            self.assertEqual(done.returncode, 2, port)
            self.assertIn("must be PORT or HOST:PORT", done.stderr)

    def test_a_port_that_is_taken_is_told_and_nothing_starts(self):
        with receiver.Receiver() as taken:
            done = harness.run(self.env(), self.dir / "state", "--metrics-port", taken.url.split(":")[-1])
            self.assertEqual(done.returncode, 1)
            self.assertIn("--metrics-port: 127.0.0.1 port", done.stderr)
        self.assertFalse((self.dir / "events.duckdb").exists())

    def test_without_telemetry_there_are_no_metrics(self):
        done = harness.run(self.env(OTEL_SDK_DISABLED="true"), self.dir / "state", "--metrics-port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("OTEL_SDK_DISABLED", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
