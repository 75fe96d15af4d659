#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""No key, token or signature, and no event's content, gets out: on any output at the level debug, into the state
directory, into the files beside the database, or into telemetry (spans, metrics, logs, trees, the metrics page), whether
things go well or wrong."""

import base64
import json
import pathlib
import re
import subprocess
import sys
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402
import receiver  # noqa: E402

KEY = base64.b64encode(b"the canary's key, with / and +: \xfb\xff\xfe").decode()
WRONG_KEY = base64.b64encode(b"a wrong canary, with / and +: \xff\xfe\xfb").decode()
SIGNATURE = "CANARYsignature/with+signs="
TOKENS = ["eyJhbGciOiJIUzI1NiJ9.CANARY-TOKEN-OF-ALL.aaaa", "eyJhbGciOiJIUzI1NiJ9.CANARY-TOKEN-OF-TWO.bbbb"]
OTHERS = {"SMART_RETRY_LLM_API_KEY": "sk-CANARY-LLM-0123456789", "LOGFIRE_TOKEN": "pylf_CANARY_0123456789"}
HEADER = "Bearer CANARY-OF-A-HEADER="
CONTENT = "CANARY-OF-THE-CONTENT"


def forms(secret):
    """The secret as it is, and as a URL or a header would write it."""
    quoted = urllib.parse.quote(secret, safe="")
    return {secret, quoted, quoted.lower(), urllib.parse.quote(secret), base64.b64encode(secret.encode()).decode()}


SECRETS = sorted(set().union(*map(forms, [KEY, WRONG_KEY, SIGNATURE, *TOKENS, *OTHERS.values(), HEADER.split()[1]])))


class Secrets(unittest.TestCase):
    def setUp(self):
        scratch = harness.scratch("secrets")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.state = self.dir / "state"
        self.data = self.dir / "data"
        self.data.mkdir()
        self.database = self.data / "events.duckdb"
        self.emulator = harness.Emulator("events:2", args=("--sas-key", KEY))
        self.addCleanup(self.emulator.stop)
        self.logfire = receiver.Receiver(project={"project_name": "p", "project_url": "https://example.org/p"})
        self.addCleanup(self.logfire.stop)
        self.collector = receiver.Receiver()
        self.addCleanup(self.collector.stop)
        self.text = ""

    def telemetry(self):
        """To Logfire, to a collector and to the terminal, everything that there is."""
        return {"LOGFIRE_ENABLED": "true", "LOGFIRE_LOG_LEVEL": "DEBUG", "LOGFIRE_BASE_URL": self.logfire.url,
                "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
                "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=" + urllib.parse.quote(HEADER)}

    def connection(self, key=KEY, signature=None, host=None):
        host = host or self.emulator.connection_string.split("sb://")[1].split(";")[0].rstrip("/")
        credential = (f"SharedAccessSignature=SharedAccessSignature sr={host}&sig={urllib.parse.quote(signature, safe='')}"
                      "&se=9999999999&skn=root" if signature else f"SharedAccessKeyName=root;SharedAccessKey={key}")
        return f"Endpoint=sb://{host}/;{credential};UseDevelopmentEmulator=true"

    def env(self, connection, *more, hub="events", **extra):
        return harness.write_env(self.dir / ".env", harness.Mapping(hub, self.database, connection, **extra), *more,
                                 MOTHERDUCK_TOKEN=TOKENS[0], **OTHERS, **self.telemetry())

    def command(self, *args):
        done = subprocess.run([str(harness.STREAMDUCK), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=120, env=harness.clean_environment(), cwd=self.dir)
        self.text += done.stdout + done.stderr
        return done

    def every_command(self, env):
        shared = ("--env-file", env, "--state-dir", self.state)
        for command in (("validate-config",), ("validate-config", "--json", "--online"), ("run", "--dry-run", "--json"),
                        ("check-credentials", "--timeout", "2"), ("check-credentials", "--json", "--timeout", "2"),
                        ("status",), ("status", "--json"), ("import-checkpoints",)):
            self.command(*command, *shared)

    def run_to_end(self, env, code):
        done = self.command("run", "--until-caught-up", "--log-level", "debug", "--env-file", env, "--state-dir",
                            self.state)
        self.assertEqual(done.returncode, code, done.stderr)

    def check(self, content_too=True):
        """Looks for the secrets in all that was said and in every file that was left behind."""
        self.assertGreater(len(self.text), 100)
        for secret in SECRETS:
            self.assertNotIn(secret, self.text)
        if content_too:
            self.assertNotIn(CONTENT, self.text)
        self.check_sent()
        files = [f for folder in (self.state, self.data) for f in folder.rglob("*") if f.is_file()]
        for file in files:
            held = file.read_bytes()
            for secret in SECRETS:
                self.assertNotIn(secret.encode(), held, file)
        return files

    def check_sent(self):
        """A secret may stand in the one header that it is for, content nowhere."""
        for stand_in, header, value in ((self.logfire, "authorization", OTHERS["LOGFIRE_TOKEN"]),
                                        (self.collector, "x-api-key", HEADER)):
            for request in stand_in.requests:
                self.assertEqual(request.headers.get(header), value, request.path)
                others = {k: v for k, v in request.headers.items() if k != header}
                everything = (request.path + repr(others)).encode() + request.body
                for secret in [*SECRETS, CONTENT]:
                    self.assertNotIn(secret.encode(), everything, request.path)

    def spans_sent(self):
        return [span["name"] for _, _, span in self.collector.spans()]

    def test_when_all_goes_well(self):
        env = self.env(self.connection())
        harness.send(self.emulator.connection_string, "events", count=500, size=300, binary_every=50)
        self.every_command(env)
        with harness.Pipeline(env, self.state, "--log-level", "debug") as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["lag"] == 0, "everything landed")
            self.every_command(env)
            for file in self.state.rglob("*"):
                if file.is_file():
                    self.assertFalse([s for s in SECRETS if s.encode() in file.read_bytes()], file)
            self.assertEqual(pipeline.stop(), 0)
            self.text += pipeline.text()
        self.every_command(env)
        self.assertIn(self.database, self.check())
        self.assertGreater(self.spans_sent().count("eventhub._on_event"), 400)
        self.assertIn("motherduck._ingest_batch_impl", {span["name"] for _, _, span in self.logfire.spans()})
        self.assertEqual(harness.query(self.database, "SELECT count(*) AS n FROM _streamduck_dead_letters")[0]["n"], 10)

    def test_when_the_credentials_are_wrong(self):
        for connection in (self.connection(WRONG_KEY), self.connection(signature=SIGNATURE)):
            with self.subTest(connection=re.sub("=.*", "", connection)):
                env = self.env(connection)
                self.every_command(env)
                self.run_to_end(env, 3)
        self.check()

    def test_when_the_configuration_is_wrong(self):
        for connection in (self.connection(host=f"{KEY}@nowhere"), self.connection().replace("sb://", "sb//"),
                           self.connection() + f";SharedAccessKe={WRONG_KEY}", KEY, f"SharedAccessKey={KEY}"):
            env = self.env(connection)
            self.every_command(env)
            self.run_to_end(env, 1)
        for name in ("MOTHERDUCK_{N}_TOKN", "MOTHERDUCK_{N}_BATCH", "MOTHERDUCK_{N}_BODY", "EVENTHUBNAME_{N}_KEY"):
            env = self.env(self.connection(), **{name: TOKENS[1]})
            self.every_command(env)
        self.check()

    def test_when_nobody_listens(self):
        env = self.env(self.connection(host="127.0.0.1:1"))
        self.every_command(env)
        with harness.Pipeline(env, self.state, "--log-level", "debug") as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["error"] is not None, "the error")
            self.every_command(env)
            pipeline.stop()
            self.text += pipeline.text()
        self.check()

    def test_when_motherduck_cannot_be_reached(self):
        env = self.env(self.connection(), harness.Mapping("events", "lake", self.connection(), group="$Default",
                                                          table="second", **{"MOTHERDUCK_{N}_TOKEN": TOKENS[1]}))
        with harness.Pipeline(env, self.state, "--log-level", "debug") as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][1]["error"] is not None, "MotherDuck's error")
            self.every_command(env)
            pipeline.stop()
            self.text += pipeline.text()
        self.check()

    def test_what_events_hold_is_in_no_span_metric_or_log(self):
        events = [{"body": f"{CONTENT} {i}", "partition": "0",
                   "properties": {CONTENT: "a name", "Diagnostic-Id": CONTENT, "text": CONTENT,
                                  "traceparent": f"00-{i + 1:032x}-{i + 1:016x}-01"}} for i in range(300)]
        lines = self.dir / "events.jsonl"
        lines.write_text("".join(json.dumps(e) + "\n" for e in events))
        with harness.Emulator("events:1", args=("--sas-key", KEY, "--load", f"events={lines}")) as loaded:
            host = loaded.connection_string.split("sb://")[1].split(";")[0].rstrip("/")
            env = self.env(self.connection(host=host))
            with harness.Pipeline(env, self.state, "--log-level", "debug", "--metrics-port", "0") as pipeline:
                pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == 300, "everything landed")
                url = next(json.loads(line)["metrics_url"] for line in pipeline.text().splitlines() if "metrics_url" in line)
                with urllib.request.urlopen(url, timeout=30) as page:
                    self.text += page.read().decode()
                self.assertEqual(pipeline.stop(), 0)
                self.text += pipeline.text()
        self.assertIn("streamduck_landed", self.text)
        self.assertIn("▶ motherduck.ingest_batch", self.text)
        self.check()
        # The canaries were there to be found, and the producers' contexts were looked for in them.
        rows = harness.query(self.database, f"SELECT count(*) AS n FROM events WHERE event_body LIKE '{CONTENT}%'")
        self.assertEqual(int(rows[0]["n"]), 300)
        self.assertTrue([span for _, _, span in self.collector.spans() if span.get("links")])

    def test_a_row_that_the_table_refuses_is_not_shown(self):
        # DuckDB's message quotes the text that it could not convert.
        subprocess.run([str(harness.QUERY), "--write", str(self.database), """CREATE TABLE events (
            event_body VARCHAR CHECK (event_body::BIGINT >= 0), partition_id VARCHAR, sequence_number BIGINT,
            enqueued_time TIMESTAMPTZ, properties JSON, system_properties JSON, ingestion_timestamp TIMESTAMPTZ)"""],
                       check=True)
        lines = self.dir / "events.jsonl"
        lines.write_text("".join(f'{{"body": "{body}", "partition": "0"}}\n'
                                 for body in ("1", CONTENT, "'" + CONTENT, "2", CONTENT + "'; --")))
        with harness.Emulator("events:1", args=("--sas-key", KEY, "--load", f"events={lines}")) as loaded:
            host = loaded.connection_string.split("sb://")[1].split(";")[0].rstrip("/")
            self.run_to_end(self.env(self.connection(host=host)), 0)
        self.check()
        rows = harness.query(self.database, "SELECT event_body AS b FROM events ORDER BY sequence_number")
        self.assertEqual([row["b"] for row in rows], ["1", "2"])
        dead = harness.query(self.database, "SELECT decode(body) AS b, reason AS r FROM _streamduck_dead_letters "
                                            "ORDER BY sequence_number")
        self.assertEqual([row["b"] for row in dead], [CONTENT, "'" + CONTENT, CONTENT + "'; --"])
        self.assertEqual([row["r"] for row in dead if CONTENT in row["r"]], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
