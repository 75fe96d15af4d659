#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The program from outside: exit codes, help, configuration, documents, secrets, a run against the emulator."""

import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

CANARIES = ["CANARY-KEY-0123456789=", "CANARY.MOTHERDUCK.TOKEN1", "CANARY.MOTHERDUCK.TOKEN2", "sk-CANARY-LLM-KEY",
            "pylf_CANARY_LOGFIRE", "CANARYsignature%2B1"]
CONNECTION = f"Endpoint=sb://example.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey={CANARIES[0]}"
GOOD = {
    "EVENTHUB_CONNECTION_STRING": CONNECTION,
    "EVENTHUBNAME_1": "orders",
    "EVENTHUBNAME_1_CONSUMER_GROUP": "$Default",
    "MOTHERDUCK_1_DATABASE": "x.duckdb",
    "MOTHERDUCK_1_TABLE": "orders",
}


class Program(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="streamduck-cli-")
        self.path = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def program(self, *args, environment=None, timeout=60):
        return subprocess.run([str(harness.STREAMDUCK), *map(str, args)], cwd=self.path, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout,
                              env=harness.clean_environment(**(environment or {})))

    def write_env(self, name=".env", **variables):
        text = "".join(f"{k}='{v}'\n" for k, v in variables.items())
        (self.path / name).write_text(text)

    def commands(self):
        listing = self.program("help").stdout
        block = listing[listing.index("Commands:"):listing.index("`streamduck COMMAND --help`")]
        return re.findall(r"^  ([a-z-]+) ", block, re.M)


class CommandLine(Program):
    def test_without_a_command_help_goes_to_stderr_and_the_code_is_2(self):
        done = self.program()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("Commands:", done.stderr)

    def test_unknown_names_are_2_with_the_nearest(self):
        for args, hint in [(["rnu"], "streamduck run"), (["validate"], "streamduck validate-config"),
                           (["run", "--dryrun"], "--dry-run"), (["help", "statsu"], "streamduck status"),
                           (["status", "--jsn"], "--json"), (["frobnicate"], "streamduck help")]:
            done = self.program(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertEqual(done.stdout, "")
            self.assertIn(hint, done.stderr, args)

    def test_wrong_values_are_2(self):
        for args in (["run", "--interval", "soon"], ["run", "--env-file"], ["version", "x"],
                     ["run", "--set", "NAME"], ["run", "--log-level", "loud"]):
            done = self.program(*args)
            self.assertEqual((done.returncode, done.stdout), (2, ""), args)

    def test_a_secret_does_not_belong_on_the_command_line(self):
        done = self.program("run", "--dry-run", "--set", "MOTHERDUCK_1_TOKEN=" + CANARIES[1])
        self.assertEqual(done.returncode, 2)
        self.assertIn("MOTHERDUCK_1_TOKEN", done.stderr)
        self.assertNotIn(CANARIES[1], done.stderr)

    def test_each_command_has_help_with_its_options_and_exit_codes(self):
        commands = self.commands()
        for name in ("run", "validate-config", "check-credentials", "status", "monitor", "import-checkpoints",
                     "version", "help"):
            self.assertIn(name, commands)
        for name in commands:
            for args in ([name, "--help"], ["help", name], [name, "-h", "--nonsense"]):
                done = self.program(*args)
                self.assertEqual((done.returncode, done.stderr), (0, ""), args)
                self.assertIn(f"Use: streamduck {name}", done.stdout)
                self.assertIn("--help", done.stdout)
                self.assertIn("Exit codes:", done.stdout)

    def test_version_is_printed_without_loading_anything(self):
        done = self.program("version", environment={"STREAMDUCK_LIBDUCKDB": "/nonexistent"})
        self.assertRegex(done.stdout, r"^streamduck \d+\.\d+\.\d+ \(for DuckDB \d+\.\d+\.\d+\)\n$")
        self.assertEqual(self.program("--version").stdout, done.stdout)
        self.assertIn("version", json.loads(self.program("version", "--json").stdout))

    def test_output_that_cannot_be_written_is_not_success(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(harness.STREAMDUCK), "help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not be written", done.stderr)


class Documents(Program):
    def test_the_documents_in_the_tree_are_the_generated_ones(self):
        for flag, path in (("--markdown", "docs/configuration.md"), ("--man", "docs/streamduck.1"),
                           ("--env-example", ".env.example")):
            self.assertEqual(self.program("help", flag).stdout, (harness.SOURCE / path).read_text(),
                             f"{path} is not current: run tools/generate-docs BUILD/streamduck")

    def filled(self, text):
        values = {"EVENTHUB_CONNECTION_STRING": f"'{CONNECTION}'", "EVENTHUBNAME_1": "orders",
                  "EVENTHUBNAME_1_CONSUMER_GROUP": "$Default", "MOTHERDUCK_1_DATABASE": "events.duckdb",
                  "MOTHERDUCK_1_TABLE": "orders"}
        for name, value in values.items():
            text, count = re.subn(rf"^{name}=$", lambda _: f"{name}={value}", text, flags=re.M)
            self.assertEqual(count, 1, name)
        self.assertIsNone(re.search(r"^[A-Z].*=$", text, re.M), "a line to fill is not known here")
        return text

    def test_the_example_as_it_is_says_what_to_fill_in(self):
        (self.path / ".env").write_text(self.program("help", "--env-example").stdout)
        done = self.program("validate-config")
        self.assertEqual(done.returncode, 1)
        for name in ("EVENTHUBNAME_1", "EVENTHUBNAME_1_CONSUMER_GROUP", "MOTHERDUCK_1_DATABASE",
                     "MOTHERDUCK_1_TABLE"):
            self.assertIn(f"error: {name} is empty: give it a value in .env\n", done.stdout)

    def test_a_filled_copy_of_the_example_is_accepted(self):
        (self.path / ".env").write_text(self.filled(self.program("help", "--env-example").stdout))
        done = self.program("validate-config")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("error", done.stdout)
        self.assertNotIn("warning", done.stdout)

    def test_every_variable_of_the_example_is_accepted_with_its_example(self):
        text = self.filled(self.program("help", "--env-example").stdout)
        text = re.sub(r"^#([A-Z])", r"\1", text, flags=re.M)
        library = self.path / "libduckdb.so"
        library.write_text("")
        for example in ("/usr/local/lib/libduckdb.so", "/usr/local/lib/motherduck.duckdb_extension"):
            text = text.replace(example, str(library))
        text = text.replace("/etc/ssl/certs/ca-certificates.crt", str(library))
        # Two names for one host is the point of this variable.
        text = text.replace("EVENTHUB_NAMESPACE=example.", "EVENTHUB_NAMESPACE=EXAMPLE.")
        (self.path / ".env").write_text(text)
        done = self.program("validate-config", "--json")
        self.assertEqual([p for p in json.loads(done.stdout)["problems"] if p["level"] == "error"], [])
        self.assertEqual(done.returncode, 0)

    def test_the_man_page_has_no_errors(self):
        man = self.program("help", "--man").stdout
        try:
            done = subprocess.run(["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-z"], input=man, capture_output=True, text=True)
        except FileNotFoundError:
            self.skipTest("groff is not on this machine")
        self.assertEqual(done.stderr, "")


class Configuration(Program):
    def test_nothing_configured_is_1_and_says_what_to_do(self):
        for command in ("run", "validate-config", "check-credentials", "import-checkpoints", "status"):
            done = self.program(command, "--state-dir", self.path / "state")
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("help --env-example", done.stdout + done.stderr, command)

    def test_a_good_configuration_changes_nothing(self):
        self.write_env(**GOOD)
        before = sorted(os.listdir(self.path))
        for args in (["validate-config"], ["run", "--dry-run"], ["run", "--dry-run", "--json"]):
            done = self.program(*args)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(sorted(os.listdir(self.path)), before)
        self.assertIn("checked:", self.program("validate-config").stdout)
        self.assertIn("not checked:", self.program("validate-config").stdout)

    def test_all_problems_are_listed_at_once(self):
        self.write_env(EVENTHUBNAME_1="orders", EVENTHUBNAME_2="b", MOTHERDUCK_1_DATABSE="x.duckdb",
                       MOTHERDUCK_1_BATCH="0")
        done = self.program("validate-config")
        self.assertEqual(done.returncode, 1)
        for part in ("EVENTHUBNAME_1_CONSUMER_GROUP is missing: add it to .env",
                     "EVENTHUBNAME_2_CONSUMER_GROUP is missing: add it to .env",
                     "did you mean MOTHERDUCK_1_DATABASE?", "MOTHERDUCK_1_BATCH is", "MOTHERDUCK_2_TABLE is missing",
                     "signing in with an Azure identity is not there yet"):
            self.assertIn(part, done.stdout)
        run = self.program("run")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("MOTHERDUCK_2_TABLE is missing", run.stderr)
        end = json.loads(self.program("run", "--json").stdout)
        self.assertEqual((end["event"], end["exit_code"]), ("end", 1))

    def test_the_environment_wins_over_the_file_and_set_over_both(self):
        self.write_env(**GOOD)
        self.write_env("other.env", **{**GOOD, "EVENTHUBNAME_1": "other"})

        def hub(*args, **environment):
            done = self.program("run", "--dry-run", "--json", *args, environment=environment)
            return json.loads(done.stdout)["mappings"][0]["source"]["hub"]

        self.assertEqual(hub(), "orders")
        self.assertEqual(hub("--env-file", "other.env"), "other")
        self.assertEqual(hub("-e", "other.env", EVENTHUBNAME_1="env"), "env")
        self.assertEqual(hub("--set", "EVENTHUBNAME_1=set", EVENTHUBNAME_1="env"), "set")
        missing = self.program("run", "--dry-run", "--env-file", "none.env")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("there is no file none.env", missing.stderr)

    def test_a_file_of_the_python_original_is_accepted(self):
        (self.path / ".env").write_text(f"""\
EVENTHUB_NAMESPACE=example.servicebus.windows.net
EVENTHUB_CONNECTION_STRING={CONNECTION}
EVENTHUBNAME_1=orders
EVENTHUBNAME_1_CONSUMER_GROUP=$Default
MOTHERDUCK_TOKEN={CANARIES[1]}
MOTHERDUCK_DATABASE=my_db
TARGET_DB=control
TARGET_SCHEMA=main
TARGET_TABLE=ingestion_status
MOTHERDUCK_1_DATABASE=lake
MOTHERDUCK_1_SCHEMA=raw
MOTHERDUCK_1_TABLE=orders
MOTHERDUCK_1_TOKEN={CANARIES[2]}
MOTHERDUCK_1_BATCH=1000
ENVIRONMENT=production
REGION=default
SMART_RETRY_ENABLED=true
SMART_RETRY_LLM_PROVIDER=openai                    # openai, azure, anthropic, gemini, groq, cohere
SMART_RETRY_LLM_MODEL=gpt-4o-mini
SMART_RETRY_LLM_API_KEY={CANARIES[3]}       # Required when using --smart flag
SMART_RETRY_LLM_ENDPOINT=                          # Optional
SMART_RETRY_MAX_ATTEMPTS=3
SMART_RETRY_TIMEOUT_SECONDS=10
SMART_RETRY_ENABLE_CACHING=true
LOGFIRE_ENABLED=true
LOGFIRE_TOKEN={CANARIES[4]}
LOGFIRE_SERVICE_NAME=streamduck
LOGFIRE_ENVIRONMENT=development
LOGFIRE_SEND_TO_LOGFIRE=true    # Send to Logfire cloud (requires token)
LOGFIRE_CONSOLE_LOGGING=true
LOGFIRE_LOG_LEVEL=info
""")
        done = self.program("validate-config", "--json")
        result = json.loads(done.stdout)
        self.assertEqual({p["level"] for p in result["problems"]}, {"notice"})
        self.assertEqual(done.returncode, 0)
        mapping = result["mappings"][0]
        self.assertEqual(mapping["destination"]["kind"], "motherduck")
        self.assertEqual(mapping["batch"], {"events": 1000, "bytes": 24000000, "timeout_ms": 60000})

    def test_no_output_holds_a_secret(self):
        secrets = {**GOOD, "MOTHERDUCK_TOKEN": CANARIES[1], "MOTHERDUCK_1_TOKEN": CANARIES[2],
                   "SMART_RETRY_LLM_API_KEY": CANARIES[3], "LOGFIRE_TOKEN": CANARIES[4], "LOGFIRE_ENABLED": "true",
                   "EVENTHUBNAME_2": "signed", "EVENTHUBNAME_2_CONSUMER_GROUP": "g",
                   "EVENTHUBNAME_2_CONNECTION_STRING":
                       "Endpoint=sb://example.servicebus.windows.net/;SharedAccessSignature="
                       f"SharedAccessSignature sr=x&sig={CANARIES[5]}&se=1&skn=root",
                   "MOTHERDUCK_2_DATABASE": "lake", "MOTHERDUCK_2_TABLE": "t"}
        mistakes = [{}, {"MOTHERDUCK_1_TABLE": CONNECTION}, {"EVENTHUBNAME_1": CONNECTION},
                    {"MOTHERDUCK_1_TOKN": CANARIES[2]}, {"MOTHERDUCK_1_BATCH": CANARIES[1]},
                    {"EVENTHUB_CONNECTION_STRING": CANARIES[0]}, {"MOTHERDUCK_2_DATABASE": CANARIES[2]},
                    {"EVENTHUB_NAMESPACE": f"x;SharedAccessKey={CANARIES[0]}"}]
        commands = [["validate-config"], ["validate-config", "--json"], ["run", "--dry-run"],
                    ["run", "--dry-run", "--json"], ["import-checkpoints"]]
        for mistake in mistakes:
            self.write_env(**{**secrets, **mistake})
            for command in commands:
                done = self.program(*command)
                for canary in CANARIES:
                    self.assertNotIn(canary, done.stdout, (command, mistake))
                    self.assertNotIn(canary, done.stderr, (command, mistake))


def library():
    return os.environ.get("STREAMDUCK_LIBDUCKDB")


class Running(Program):
    """Against the emulator; the tests that open a database need libduckdb where $STREAMDUCK_LIBDUCKDB says."""

    def mapping_env(self, emulator, hub="orders", **extra):
        self.write_env(**{**GOOD, "EVENTHUB_CONNECTION_STRING": emulator.connection_string, "EVENTHUBNAME_1": hub,
                          **extra})

    def test_credentials_are_checked_per_mapping(self):
        with harness.Emulator("orders:4") as emulator:
            self.mapping_env(emulator)
            done = self.program("check-credentials")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("mapping 1: orders on 127.0.0.1: good", done.stdout)
            self.assertIn("4 partitions, 0 events kept", done.stdout)
            self.mapping_env(emulator, EVENTHUBNAME_2="missing", EVENTHUBNAME_2_CONSUMER_GROUP="$Default",
                             MOTHERDUCK_2_DATABASE="y.duckdb", MOTHERDUCK_2_TABLE="t")
            done = self.program("check-credentials", "--json")
            result = json.loads(done.stdout)
            self.assertEqual((done.returncode, result["ok"]), (1, False))
            self.assertEqual([m["ok"] for m in result["mappings"]], [True, False])
            self.assertTrue(result["mappings"][1]["error"]["message"])

    def test_a_wrong_key_is_refused_and_never_shown(self):
        with harness.Emulator("orders:2", args=["--sas-key", "the-right-key-0123456789"]) as emulator:
            right = emulator.connection_string
            wrong = re.sub(r"SharedAccessKey=[^;]*", lambda _: "SharedAccessKey=" + CANARIES[0], right)
            self.mapping_env(emulator)
            self.assertEqual(self.program("check-credentials").returncode, 0)
            self.write_env(**{**GOOD, "EVENTHUB_CONNECTION_STRING": wrong})
            commands = [(["check-credentials"], 1), (["check-credentials", "--json"], 1)]
            if library():
                state = ["--state-dir", self.path / "state"]
                commands += [(["run", *state], 3), (["run", "--json", *state], 3),
                             (["run", "--log-level", "debug", *state], 3)]
            for command, code in commands:
                done = self.program(*command)
                self.assertEqual(done.returncode, code, (command, done.stdout, done.stderr))
                self.assertNotIn(CANARIES[0], done.stdout + done.stderr)

    def test_an_unreachable_host_fails_in_time(self):
        self.write_env(**{**GOOD, "EVENTHUB_CONNECTION_STRING":
                          f"Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=root;SharedAccessKey={CANARIES[0]};"
                          "UseDevelopmentEmulator=true"})
        done = self.program("check-credentials", "--timeout", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("mapping 1: orders on 127.0.0.1: failed: ", done.stdout)
        self.assertNotIn(CANARIES[0], done.stdout)

    @unittest.skipUnless(library(), "STREAMDUCK_LIBDUCKDB is not set")
    def test_a_run_shows_its_status_and_ends_in_order(self):
        with harness.Emulator("orders:2") as emulator:
            self.mapping_env(emulator)
            state = self.path / "state"
            process = subprocess.Popen(
                [str(harness.STREAMDUCK), "run", "--json", "--interval", "0.1", "--state-dir", str(state)],
                cwd=self.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env=harness.clean_environment())
            lines = []
            for line in process.stdout:
                lines.append(json.loads(line))
                if lines[-1]["event"] == "progress" and lines[-1]["mappings"][0]["state"] == "running":
                    break
            status = json.loads(self.program("status", "--json", "--state-dir", state).stdout)
            self.assertEqual(status["instances"][0]["pid"], process.pid)
            self.assertEqual(status["stored"], [])
            table = self.program("status", "--state-dir", state).stdout
            self.assertIn(f"instance {process.pid}", table)
            self.assertIn("broker's last", table)
            monitor = self.program("monitor", "--state-dir", state, "--count", "2", "--interval", "0.1")
            self.assertEqual(len(monitor.stdout.splitlines()), 2)
            self.assertIn("mapping 1 running", monitor.stdout)
            self.assertEqual((state.stat().st_mode & 0o777, len(list(state.iterdir()))), (0o700, 2))

            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            lines += [json.loads(line) for line in out.splitlines()]
            self.assertEqual((process.returncode, err), (0, ""))
            self.assertEqual([lines[0]["event"], lines[-1]["event"]], ["start", "end"])
            self.assertEqual((lines[-1]["exit_code"], lines[-1]["result"]), (0, "done"))
            self.assertEqual(lines[-1]["statistics"]["mappings"], 1)
            self.assertEqual(list(state.iterdir()), [])

            stored = json.loads(self.program("status", "--json", "--state-dir", state).stdout)
            self.assertEqual(stored["instances"], [])
            self.assertEqual(stored["stored"][0]["state"], "not running")
            self.assertEqual(len(stored["stored"][0]["partitions"]), 2)

    @unittest.skipUnless(library(), "STREAMDUCK_LIBDUCKDB is not set")
    def test_status_and_checks_go_by_the_file_that_is_named(self):
        with harness.Emulator("orders:2", "returns:2") as emulator:
            harness.send(emulator.connection_string, "orders", count=10, size=100, partition="0")
            self.mapping_env(emulator, hub="returns", MOTHERDUCK_1_DATABASE="y.duckdb")  # .env, which is not meant
            other = {**GOOD, "EVENTHUB_CONNECTION_STRING": emulator.connection_string}
            self.write_env("other.env", **other)
            state = self.path / "state"
            shared = ("-e", "other.env", "--state-dir", state)
            self.assertEqual(self.program("run", "--until-caught-up", *shared).returncode, 0)
            [stored] = json.loads(self.program("status", "--json", *shared).stdout)["stored"]
            self.assertEqual({p["partition"]: p["landed_sequence"] for p in stored["partitions"]}["0"], 9)
            checked = self.program("check-credentials", *shared[:2]).stdout
            self.assertIn("mapping 1: orders on 127.0.0.1: good", checked)
            self.assertNotIn("returns", checked)

    @unittest.skipUnless(library(), "STREAMDUCK_LIBDUCKDB is not set")
    def test_checkpoints_of_the_python_original_are_imported_once(self):
        with harness.Emulator("orders:2") as emulator:
            harness.send(emulator.connection_string, "orders", count=1000, size=100)
            self.mapping_env(emulator, TARGET_DB="./old.duckdb", TARGET_SCHEMA="main", TARGET_TABLE="control")
            state = self.path / "state"
            self.assertEqual(self.program("run", "--until-caught-up", "--state-dir", state, "--set",
                                          "TARGET_DB=./unused.duckdb").returncode, 0)
            row = harness.query(self.path / "x.duckdb", """
                SELECT "offset", sequence_number FROM _streamduck_checkpoints WHERE partition_id = '0'""")[0]
            (self.path / "x.duckdb").unlink()
            old = self.path / "old.duckdb"
            for sql in ("""CREATE TABLE control (ts_inserted TIMESTAMP, eventhub_namespace VARCHAR NOT NULL,
                           eventhub VARCHAR NOT NULL, target_db VARCHAR, target_schema VARCHAR, target_table VARCHAR,
                           partition_id VARCHAR NOT NULL, waterlevel BIGINT NOT NULL, metadata JSON)""",
                        f"""INSERT INTO control VALUES (now(), '127.0.0.1', 'orders', 'x.duckdb', 'main', 'orders', '0',
                            1, '{{"sequence_number": {row["sequence_number"]}, "offset_string": "{row["offset"]}"}}')"""):
                subprocess.run([str(harness.QUERY), "--write", str(old), sql], check=True)
            done = self.program("import-checkpoints", "--json")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(json.loads(done.stdout)["mappings"][0],
                             {"mapping": 1, "ok": True, "found": 1, "imported": 1, "kept": 0, "held": 0, "error": None})
            self.assertIn("0 imported, 1 had a checkpoint", self.program("import-checkpoints").stdout)
            stored = json.loads(self.program("status", "--json", "--state-dir", state).stdout)["stored"][0]
            partition = {p["partition"]: p for p in stored["partitions"]}["0"]
            self.assertEqual((partition["landed_sequence"], partition["lag"]), (int(row["sequence_number"]), 0))
            # The other partition, which the original did not know, is read from its beginning.
            self.assertEqual(self.program("run", "--until-caught-up", "--state-dir", state).returncode, 0)
            landed = harness.query(self.path / "x.duckdb", "SELECT partition_id, count(*) AS n FROM orders GROUP BY ALL")
            self.assertEqual([(r["partition_id"], int(r["n"])) for r in landed], [("1", 999 - int(row["sequence_number"]))])

    @unittest.skipUnless(library(), "STREAMDUCK_LIBDUCKDB is not set")
    def test_a_second_signal_aborts_with_4(self):
        with harness.Emulator("orders:2") as emulator:
            self.mapping_env(emulator)
            process = subprocess.Popen(
                [str(harness.STREAMDUCK), "run", "--json", "--interval", "0.1", "--state-dir",
                 str(self.path / "state")], cwd=self.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, env=harness.clean_environment())
            silent = False
            try:
                for line in process.stdout:
                    event = json.loads(line)
                    if not silent and event["event"] == "progress" and event["mappings"][0]["state"] == "running":
                        # A broker that does not answer keeps the first stop waiting for 5 seconds.
                        emulator.control(do="silence")
                        silent = True
                        process.send_signal(signal.SIGINT)
                    elif event["event"] == "log" and event["message"].startswith("stopping"):
                        process.send_signal(signal.SIGINT)
                        aborted = time.monotonic()
                self.assertEqual(process.wait(60), 4)
                self.assertLess(time.monotonic() - aborted, 4)
                self.assertEqual((event["event"], event["exit_code"], event["result"]), ("end", 4, "aborted"))
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                process.stdout.close()
                process.stderr.close()

    @unittest.skipUnless(library(), "STREAMDUCK_LIBDUCKDB is not set")
    def test_a_mapping_that_cannot_go_on_is_3(self):
        with harness.Emulator("orders:2") as emulator:
            self.mapping_env(emulator, hub="missing")
            done = self.program("run", "--until-caught-up", "--state-dir", self.path / "state")
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("halted", done.stdout)
            self.assertIn("missing", done.stderr)

    def test_a_missing_library_is_1_and_says_where_to_give_it(self):
        with harness.Emulator("orders:2") as emulator:
            self.mapping_env(emulator)
            done = self.program("run", "--libduckdb", "/nonexistent/lib.so", "--state-dir", self.path / "state")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("--libduckdb", done.stderr)
            done = self.program("run", "--json", "--libduckdb", "/nonexistent/lib.so", "--state-dir",
                                self.path / "state")
            end = json.loads(done.stdout.splitlines()[-1])
            self.assertEqual((end["event"], end["exit_code"]), ("end", 1))
            done = self.program("validate-config", "--libduckdb", "/nonexistent/lib.so")
            self.assertEqual(done.returncode, 1)
            self.assertIn("STREAMDUCK_LIBDUCKDB: the library /nonexistent/lib.so cannot be read", done.stdout)

    @unittest.skipUnless(library(), "STREAMDUCK_LIBDUCKDB is not set")
    def test_caught_up_is_0_with_statistics(self):
        with harness.Emulator("orders:2") as emulator:
            self.mapping_env(emulator)
            done = self.program("run", "--until-caught-up", "--state-dir", self.path / "state")
            self.assertEqual(done.returncode, 0, done.stderr)
            for word in ("mappings", "messages", "batches", "retries", "success rate", "dead letters", "seconds"):
                self.assertRegex(done.stdout, rf"(?m)^  {word}  ")
            self.assertIn("without one at earliest", done.stderr)
            self.assertNotIn("\x1b", done.stdout + done.stderr)

    @unittest.skipUnless(library(), "STREAMDUCK_LIBDUCKDB is not set")
    def test_a_terminal_gets_one_line_in_place(self):
        with harness.Emulator("orders:2") as emulator:
            self.mapping_env(emulator)
            try:
                ours, theirs = pty.openpty()
            except OSError as error:  # a root without /dev/pts
                self.skipTest(f"this machine gives no pseudo-terminal: {error}")
            process = subprocess.Popen(
                [str(harness.STREAMDUCK), "run", "--interval", "0.1", "--state-dir", str(self.path / "state")],
                cwd=self.path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs,
                env=harness.clean_environment(TERM="xterm", NO_COLOR="1"))
            os.close(theirs)
            shown = b""
            deadline = time.monotonic() + 60
            while shown.count(b"\r\x1b[K") < 3 and time.monotonic() < deadline:
                if select.select([ours], [], [], 1)[0]:
                    shown += os.read(ours, 65536)
            process.send_signal(signal.SIGINT)
            # A pseudo-terminal has a small buffer: read on, or the program could not write its end.
            try:
                while os.read(ours, 65536):
                    pass
            except OSError:
                pass
            self.assertEqual(process.wait(60), 0)
            os.close(ours)
            self.assertGreaterEqual(shown.count(b"\r\x1b[K"), 3)
            self.assertIn(b"events, ", shown)
            self.assertIn(b"lag ", shown)
            self.assertNotIn(b"\x1b[3", shown)


if __name__ == "__main__":
    unittest.main(verbosity=1, warnings="ignore")
