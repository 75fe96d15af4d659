#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Every query of docs/telemetry/queries.md over the spans of real runs: one that goes well, one whose broker goes away
and whose second mapping halts. DuckDB stands in for Logfire's store."""

import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402
import receiver  # noqa: E402

PAGE = harness.SOURCE / "docs" / "telemetry" / "queries.md"
COUNT = 3000  # events of the first mapping, in each run
BATCH = 150


def queries():
    """heading → SQL; a heading with several blocks gets ' 2' … behind it."""
    found = {}
    heading = None
    for part in re.finditer(r"^#+ ([^\n]+)$|^```sql\n(.*?)^```$", PAGE.read_text(), re.M | re.S):
        if part[1]:
            heading = part[1]
            continue
        name, n = heading, 1
        while name in found:
            n += 1
            name = f"{heading} {n}"
        found[name] = part[2]
    return found


def in_duckdb(sql):
    """DataFusion's name for percentiles of an approximation, which DuckDB computes exactly."""
    return sql.replace("approx_percentile_cont(", "percentile_cont(")


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = harness.scratch("queries")
        cls.addClassCleanup(scratch.cleanup)
        cls.dir = pathlib.Path(scratch.name)
        cls.store = cls.dir / "store.duckdb"
        with receiver.Receiver() as cls.receiver:
            cls.record()
            rows = list(receiver.records(cls.receiver.spans()))
        lines = cls.dir / "records.jsonl"
        lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
        harness.write(cls.store, f"""
            CREATE TABLE records AS SELECT * FROM read_json('{lines}', format = 'newline_delimited', columns = {{
              kind: 'VARCHAR', trace_id: 'VARCHAR', span_id: 'VARCHAR', parent_span_id: 'VARCHAR', span_name: 'VARCHAR',
              message: 'VARCHAR', start_timestamp: 'TIMESTAMPTZ', end_timestamp: 'TIMESTAMPTZ', duration: 'DOUBLE',
              level: 'INTEGER', attributes: 'JSON', is_exception: 'BOOLEAN', exception_type: 'VARCHAR',
              exception_message: 'VARCHAR', otel_status_code: 'VARCHAR', otel_status_message: 'VARCHAR',
              service_name: 'VARCHAR', deployment_environment: 'VARCHAR', otel_scope_name: 'VARCHAR'}})""")
        cls.rows = {}

    @classmethod
    def record(cls):
        telemetry = {"LOGFIRE_ENABLED": "true", "LOGFIRE_TOKEN": "pylf_v1_us_notarealtoken", "LOGFIRE_CONSOLE_LOGGING": "false",
                     "LOGFIRE_BASE_URL": cls.receiver.url}
        small = {"MOTHERDUCK_{N}_BATCH": BATCH}
        with harness.Emulator("events:2", "others:1") as emulator:
            good = harness.Mapping("events", cls.dir / "good.duckdb", emulator.connection_string, **small)
            env = harness.write_env(cls.dir / "one.env", good, **telemetry)
            harness.send(emulator.connection_string, "events", count=COUNT, size=200)
            done = harness.run(env, cls.dir / "state", "--until-caught-up")
            if done.returncode != 0:
                raise harness.Failed(done.stderr)
            # The second mapping's table cannot take events: it halts. The first one's broker closes the connections.
            wrong = cls.dir / "wrong.duckdb"
            harness.write(wrong, "CREATE TABLE events (something INTEGER NOT NULL)")
            bad = harness.Mapping("others", wrong, emulator.connection_string, **small)
            env = harness.write_env(cls.dir / "two.env", good, bad, **telemetry)
            harness.send(emulator.connection_string, "others", count=10, size=200)
            with harness.Pipeline(env, cls.dir / "state") as pipeline:
                pipeline.wait_for(lambda s: s["mappings"][1]["state"] == "halted" and
                                  s["mappings"][0]["state"] == "running", "the second mapping halts")
                emulator.control(do="close")
                pipeline.wait_for(lambda s: s["mappings"][0]["reconnects"] > 0, "the broker is back")
                harness.send(emulator.connection_string, "events", count=COUNT, size=200)
                pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == COUNT, "everything landed")
                code = pipeline.stop()
                if code != 3:
                    raise harness.Failed(f"exit code {code}: {pipeline.text()}")

    def query(self, name):
        return harness.query(self.store, in_duckdb(queries()[name]))

    def test_every_query_runs(self):
        self.assertGreater(len(queries()), 15)
        for name, sql in queries().items():
            with self.subTest(query=name):
                harness.query(self.store, in_duckdb(sql))

    def test_latency_has_a_row_for_each_span(self):
        rows = {row["span_name"]: row for row in self.query("Latency: P50, P95, P99 per span")}
        self.assertEqual(set(rows), {"Pipeline Run", "orchestrator.run_async", "orchestrator._process_messages",
                                     "motherduck.start", "eventhub.start", "eventhub._on_event",
                                     "motherduck.ingest_batch", "motherduck._ensure_target_table",
                                     "motherduck._ingest_batch_impl", "eventhub._process_batch"})
        for row in rows.values():
            self.assertLessEqual(0, row["p50"])
            self.assertLessEqual(row["p50"], row["p95"])
            self.assertLessEqual(row["p95"], row["p99"])

    def test_throughput_adds_up_to_what_landed(self):
        minutes = self.query("Message throughput over time")
        self.assertEqual(sum(int(row["messages"]) for row in minutes), 2 * COUNT)
        mappings = {row["mapping"]: row for row in self.query("Throughput per mapping")}
        self.assertEqual(int(mappings["EVENTHUB_1 → MOTHERDUCK_1"]["messages"]), 2 * COUNT)
        self.assertGreater(mappings["EVENTHUB_1 → MOTHERDUCK_1"]["messages_per_second"], 0)
        self.assertEqual(int(mappings["EVENTHUB_2 → MOTHERDUCK_2"]["messages"]), 0)
        hubs = self.query("Throughput per mapping 2")
        self.assertEqual([(row["hub"], int(row["messages"])) for row in hubs if row["hub"] == "events"],
                         [("events", 2 * COUNT)])

    def test_the_slowest_batches_come_slowest_first(self):
        rows = self.query("Slowest batches")
        self.assertGreater(len(rows), 1)
        durations = [row["duration"] for row in rows]
        self.assertEqual(durations, sorted(durations, reverse=True))
        for row in rows:
            self.assertEqual(row["table_name"], "events")
            self.assertGreater(int(row["messages"]), 0)
            self.assertLess(row["commit_ms"], 1000 * row["duration"] + 1)

    def test_checkpoints_and_runs_tell_of_success(self):
        checkpoints = {row["hub"]: row for row in self.query("Checkpoint success rate")}
        self.assertEqual(checkpoints["events"]["percent"], 100.0)
        self.assertGreaterEqual(int(checkpoints["events"]["checkpoints"]), 2)
        runs = self.query("Runs")
        self.assertEqual([(int(row["mappings"]), int(row["messages"])) for row in runs], [(2, COUNT), (1, COUNT)])
        self.assertEqual([row["success_rate"] for row in runs], [100.0, 100.0])

    def test_what_went_wrong_is_found(self):
        errors = {row["span_name"]: row for row in self.query("Error rate by component")}
        self.assertGreater(int(errors["orchestrator._process_messages"]["errors"]), 0)
        self.assertEqual(int(errors["motherduck._ingest_batch_impl"]["errors"]), 0)
        self.assertIn("orchestrator._process_messages", {row["span_name"] for row in self.query("High error rate")})
        halted = self.query("A mapping has halted")
        self.assertEqual({row["mapping"] for row in halted}, {"EVENTHUB_2 → MOTHERDUCK_2"})
        retries = {(row["mapping"], row["what"]) for row in self.query("Retries, and why")}
        self.assertIn(("EVENTHUB_1 → MOTHERDUCK_1", "the broker is lost, connecting again"), retries)
        warnings = self.query("Warnings and errors, newest first")
        self.assertIn("EVENTHUB_2 → MOTHERDUCK_2", {row["mapping"] for row in warnings})

    def test_a_partitions_batches_and_a_batchs_parts_are_found(self):
        rows = self.query("One partition's batches")
        self.assertGreater(len(rows), 1)
        self.assertEqual(max(int(row["messages"]) for row in rows) >= BATCH, True)
        parts = {(row["batch"], row["part"]) for row in self.query("What one batch's time went into")}
        self.assertEqual(parts, {("eventhub._on_event", "motherduck.ingest_batch"),
                                 ("eventhub._on_event", "eventhub._process_batch"),
                                 ("motherduck.ingest_batch", "motherduck._ensure_target_table"),
                                 ("motherduck.ingest_batch", "motherduck._ingest_batch_impl")})

    def test_alerts_are_silent_where_there_is_nothing_to_tell(self):
        self.assertEqual(self.query("Nothing has landed for ten minutes"), [])
        self.assertEqual(self.query("Failed batches"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
