#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""One mapping from the emulator into a file: resuming, stopping, faults, bad input, the original's tables."""

import json
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

SIZE = 300


class PipelineCase(unittest.TestCase):
    emulator_args = ()

    def setUp(self):
        scratch = harness.scratch("pipeline")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.state = self.dir / "state"
        self.database = self.dir / "events.duckdb"
        self.emulator = harness.Emulator("events:4", args=self.emulator_args)
        self.addCleanup(self.emulator.stop)

    def env(self, connection_string=None, hub="events", **extra):
        globals_ = {k: v for k, v in extra.items() if "{N}" not in k}
        of_mapping = {k: v for k, v in extra.items() if "{N}" in k}
        return harness.write_env(
            self.dir / ".env",
            harness.Mapping(hub, self.database, connection_string or self.emulator.connection_string, **of_mapping),
            **globals_)

    def send(self, **options):
        harness.send(self.emulator.connection_string, "events", **{"size": SIZE, **options})

    def run_to_end(self, env, code=0):
        done = harness.run(env, self.state, "--until-caught-up")
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done


class Resuming(PipelineCase):
    def test_a_second_run_lands_only_what_is_new(self):
        env = self.env()
        self.send(count=3000)
        self.run_to_end(env)
        self.send(first=3000, count=2000)
        self.run_to_end(env)
        self.run_to_end(env)
        harness.check_landed(self.database, "main.events", 5000, SIZE)
        harness.check_control(self.database, "events")

    def test_an_empty_hub_is_caught_up_at_once(self):
        self.run_to_end(self.env())
        self.assertEqual(harness.query(self.database, "SELECT count(*) AS n FROM events")[0]["n"], 0)

    def test_a_run_whose_standard_streams_are_closed_lands_everything(self):
        env = self.env(LOGFIRE_ENABLED="true", LOGFIRE_SEND_TO_LOGFIRE="false")
        self.send(count=1000)
        # The statistics have nowhere to go without standard output, which is told by the exit code.
        for streams, code in (("<&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 1)):
            with self.subTest(closed=streams):
                command = ["sh", "-c", f'"$@" {streams}', "sh", *harness.run_command(env, self.state, "--until-caught-up")]
                done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      env=harness.clean_environment(), timeout=harness.RUN_SECONDS)
                self.assertEqual(done.returncode, code)
                harness.check_landed(self.database, "main.events", 1000, SIZE)

    def test_a_stop_lands_what_is_in_flight_and_exits_0(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=how):
                # A batch that neither count nor age closes: only the stop lands it.
                env = self.env(**{"MOTHERDUCK_{N}_BATCH": 100000, "MOTHERDUCK_{N}_BATCH_TIMEOUT_SECONDS": 300})
                before = int(harness.query(self.database, "SELECT count(*) AS n FROM events")[0]["n"]) \
                    if self.database.exists() else 0
                self.send(first=before, count=500)
                with harness.Pipeline(env, self.state) as pipeline:
                    pipeline.wait_for(lambda s: s["mappings"][0]["received"] == 500, "all events received")
                    self.assertEqual(pipeline.stop(how), 0, pipeline.text())
                harness.check_landed(self.database, "main.events", before + 500, SIZE)

    def test_a_stream_that_keeps_arriving_lands_completely(self):
        env = self.env()
        sender = subprocess.Popen(harness.send_command(self.emulator.connection_string, "events", count=20000,
                                                       size=SIZE, rate=10000, batch=100), stdout=subprocess.DEVNULL)
        with harness.Pipeline(env, self.state) as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == 20000, "all events landed")
            self.assertEqual(sender.wait(60), 0)
            self.assertEqual(pipeline.stop(), 0)
        harness.check_landed(self.database, "main.events", 20000, SIZE)


class Crash(PipelineCase):
    """What a killed process leaves behind. tests/crash does this at random and many times."""

    def leave_a_wal(self, env, count):
        """Lands events and dies without closing the file."""
        self.send(count=count)
        with harness.Pipeline(env, self.state) as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == count, "all events landed")
            pipeline.process.kill()
            pipeline.process.wait()
        wal = self.database.with_name(self.database.name + ".wal")
        self.assertGreater(wal.stat().st_size, 0)
        return wal

    def test_a_wal_with_rows_is_replayed(self):
        env = self.env()
        self.leave_a_wal(env, 2000)
        self.send(first=2000, count=1000)
        self.run_to_end(env)
        harness.check_landed(self.database, "main.events", 3000, SIZE)
        harness.check_control(self.database, "events")

    def test_a_file_that_cannot_be_replayed_is_reported_and_left_as_it_is(self):
        env = self.env()
        wal = self.leave_a_wal(env, 2000)
        broken = bytearray(wal.read_bytes())
        broken[len(broken) // 2] ^= 0xff
        wal.write_bytes(broken)
        whole = self.database.read_bytes()
        done = harness.run(env, self.state, "--until-caught-up", timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr + done.stdout)
        self.assertIn("events.duckdb", done.stderr + done.stdout)
        self.assertEqual(self.database.read_bytes(), whole)
        self.assertEqual(wal.read_bytes(), bytes(broken))
        # What the message advises: rows and checkpoints went together, so everything is read again.
        wal.rename(self.dir / "kept.wal")
        self.run_to_end(env)
        harness.check_landed(self.database, "main.events", 2000, SIZE)
        harness.check_control(self.database, "events")


class Faults(PipelineCase):
    def test_cut_connections_and_detached_links_lose_nothing(self):
        env = self.env()
        sender = subprocess.Popen(harness.send_command(self.emulator.connection_string, "events", count=20000,
                                                       size=SIZE, rate=8000, batch=50), stdout=subprocess.DEVNULL)
        # The sender's own connection must live: faults name the pipeline's partitions.
        with harness.Pipeline(env, self.state) as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] > 0, "the first event")
            for partition in ("0", "1", "2", "3"):
                answer = self.emulator.control(do="detach", hub="events", partition=partition,
                                               condition="amqp:link:detach-forced")
                self.assertNotIn("error", answer)
            self.assertEqual(sender.wait(60), 0)
            answer = self.emulator.control(do="cut")
            self.assertNotIn("error", answer)
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == 20000, "all events landed")
            self.assertEqual(pipeline.stop(), 0)
        harness.check_landed(self.database, "main.events", 20000, SIZE)
        harness.check_control(self.database, "events")

    def test_connections_closed_by_the_service_lose_nothing(self):
        env = self.env()
        total = 12000
        sender = subprocess.Popen(harness.send_command(self.emulator.connection_string, "events", count=total,
                                                       size=SIZE, rate=6000, batch=50), stdout=subprocess.DEVNULL)
        with harness.Pipeline(env, self.state) as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] > 0, "the first event")
            # The sender has no link to a partition, so that only the pipeline's connection is meant.
            answer = self.emulator.control(do="close", hub="events", partition="0")
            self.assertEqual(answer.get("affected"), 1, answer)
            self.assertEqual(sender.wait(60), 0)
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == total, "all events landed")
            answer = self.emulator.control(do="close", hub="events")
            self.assertEqual(answer.get("affected"), 1, answer)
            self.send(first=total, count=100)
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == total + 100, "events on a third connection")
            self.assertEqual(pipeline.stop(), 0, pipeline.text())
        harness.check_landed(self.database, "main.events", total + 100, SIZE)
        harness.check_control(self.database, "events")

    def test_during_a_stall_the_lag_is_the_brokers_last_minus_the_landed_one(self):
        env = self.env()
        self.send(count=400, partition="1")
        with harness.Pipeline(env, self.state) as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == 400, "the first events landed")
            self.assertNotIn("error", self.emulator.control(do="stall", hub="events"))
            self.send(first=400, count=700, partition="1")

            def lag_is_told(status):
                one = next(p for p in status["mappings"][0]["partitions"] if p["partition"] == "1")
                if one["lag"] != one["broker_last_sequence"] - one["landed_sequence"]:
                    raise harness.Failed(f"lag does not fit: {one}")
                return one["lag"] == 700

            status = pipeline.wait_for(lag_is_told, "a lag of 700")
            self.assertEqual(status["mappings"][0]["lag"], 700)
            self.assertNotIn("error", self.emulator.control(do="resume", hub="events"))
            pipeline.wait_for(lambda s: s["mappings"][0]["lag"] == 0 and s["mappings"][0]["landed"] == 1100,
                              "landing the rest")
            pipeline.stop()
        harness.check_landed(self.database, "main.events", 1100, SIZE)

    def test_a_stolen_partition_is_left_alone_and_the_others_go_on(self):
        env = self.env()
        self.send(count=400)
        with harness.Pipeline(env, self.state) as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == 400, "the first events landed")
            self.assertNotIn("error", self.emulator.control(do="steal", hub="events", partition="0"))
            pipeline.wait_for(lambda s: s["mappings"][0]["partitions"][0]["state"] == "elsewhere",
                              "the loss of partition 0")
            self.send(first=400, count=100, partition="2")
            pipeline.wait_for(lambda s: s["mappings"][0]["landed"] == 500, "events of another partition")
            pipeline.stop()
        harness.check_landed(self.database, "main.events", 500, SIZE)

    def test_a_hub_made_anew_halts_the_mapping_with_the_numbers(self):
        env = self.env()
        self.send(count=1000)
        self.run_to_end(env)
        self.assertNotIn("error", self.emulator.control(do="recreate", hub="events"))
        self.send(first=1000, count=10)
        done = self.run_to_end(env, code=3)
        self.assertRegex(done.stdout + done.stderr, "(?i)offset|made anew|recreated")
        self.assertEqual(harness.query(self.database, "SELECT count(*) AS n FROM events")[0]["n"], 1000)

    def test_a_second_signal_aborts_at_once_and_nothing_is_landed_twice(self):
        env = self.env()
        self.send(count=60000)
        with harness.Pipeline(env, self.state) as pipeline:
            pipeline.wait_for(lambda s: s["mappings"][0]["received"] > 0, "the first event")
            pipeline.process.send_signal(signal.SIGTERM)
            pipeline.process.send_signal(signal.SIGTERM)
            # 0 when everything in flight had landed before the second signal came
            self.assertIn(pipeline.process.wait(60), (0, 4))
        self.run_to_end(env)
        harness.check_landed(self.database, "main.events", 60000, SIZE)


class BadInput(PipelineCase):
    emulator_args = ("--sas-key", "c2VjcmV0LWtleS1vZi10aGUtdGVzdA==")

    def halted(self, env):
        done = harness.run(env, self.state, "--until-caught-up")
        text = done.stdout + done.stderr
        self.assertEqual(done.returncode, 3, text)
        self.assertNotIn("c2VjcmV0LWtleS1vZi10aGUtdGVzdA==", text)
        return text

    def test_a_wrong_key_halts_with_advice(self):
        wrong = self.emulator.connection_string.replace("c2VjcmV0LWtleS1vZi10aGUtdGVzdA==", "d3JvbmcgbnVtYmVy")
        self.assertNotEqual(wrong, self.emulator.connection_string)
        text = self.halted(self.env(wrong))
        self.assertRegex(text, "(?i)key")
        self.assertNotIn("d3JvbmcgbnVtYmVy", text)

    def test_a_wrong_hub_halts_and_is_named(self):
        self.assertIn("nowhere", self.halted(self.env(hub="nowhere")))

    def test_a_wrong_consumer_group_halts_and_is_named(self):
        env = self.env()
        env.write_text(env.read_text().replace("$Default", "nobodys-group"))
        self.assertIn("nobodys-group", self.halted(env))

    def test_the_right_key_lands(self):
        self.send(count=100)
        self.run_to_end(self.env())
        harness.check_landed(self.database, "main.events", 100, SIZE)

    def test_an_expired_token_halts_with_advice(self):
        host = self.emulator.connection_string.split("sb://")[1].split(";")[0].rstrip("/")
        expired = ("SharedAccessSignature sr=sb%3A%2F%2F127.0.0.1%2Fevents&sig=AAAA&se=1000000000"
                   "&skn=RootManageSharedAccessKey")
        text = self.halted(self.env(
            f"Endpoint=sb://{host}/;SharedAccessSignature={expired};UseDevelopmentEmulator=true"))
        self.assertRegex(text, "(?i)expired|token|signature")

    def test_an_unreachable_host_is_said_and_tried_again(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        env = self.env(f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=a;SharedAccessKey=bbbbbbbb;"
                       "UseDevelopmentEmulator=true")
        with harness.Pipeline(env, self.state) as pipeline:
            status = pipeline.wait_for(lambda s: s["mappings"][0]["error"] is not None, "the error")
            self.assertIn(str(port), status["mappings"][0]["error"]["message"])
            self.assertNotEqual(status["mappings"][0]["state"], "halted")
            self.assertEqual(pipeline.stop(), 0)

    def test_malformed_frames_are_said_and_tried_again(self):
        greeting = b"AMQP\x03\x01\x00\x00"
        answers = [greeting + b"\x00\x00\x00\x03\x02\x01\x00\x00",  # a frame shorter than its header
                   greeting + b"\xff\xff\xff\xff\x02\x01\x00\x00",  # one larger than anything
                   greeting + b"\x00\x00\x00\x0c\x02\x01\x00\x00\x00\x53\x40\xc0",  # one that is cut off
                   greeting + b"\x00\x00\x00\x09\x02\x01\x00\x00\x00"]
        served = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer():
                while True:
                    try:
                        client, _ = server.accept()
                        client.recv(8)
                        client.sendall(answers[len(served) % len(answers)])
                        served.append(client)  # kept open: the frame is the fault, not an end
                    except OSError:
                        return

            threading.Thread(target=answer, daemon=True).start()
            env = self.env(f"Endpoint=sb://127.0.0.1:{server.getsockname()[1]};SharedAccessKeyName=a;"
                           "SharedAccessKey=bbbbbbbb;UseDevelopmentEmulator=true")
            with harness.Pipeline(env, self.state) as pipeline:
                status = pipeline.wait_for(lambda s: len(served) > len(answers), "each malformed frame")
                self.assertIsNotNone(status["mappings"][0]["error"])
                self.assertNotEqual(status["mappings"][0]["state"], "halted")
                self.assertEqual(pipeline.stop(), 0)
            for client in served:
                client.close()

    def test_a_peer_that_talks_nonsense_is_said_and_tried_again(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer():
                while True:
                    try:
                        client, _ = server.accept()
                        client.recv(8)
                        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(range(256)))
                        client.close()
                    except OSError:
                        return

            threading.Thread(target=answer, daemon=True).start()
            port = server.getsockname()[1]
            env = self.env(f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=a;SharedAccessKey=bbbbbbbb;"
                           "UseDevelopmentEmulator=true")
            with harness.Pipeline(env, self.state) as pipeline:
                pipeline.wait_for(lambda s: s["mappings"][0]["error"] is not None, "the error")
                self.assertEqual(pipeline.stop(), 0)


class Bodies(PipelineCase):
    def test_an_event_at_the_publication_limit_lands_and_one_above_is_rejected(self):
        limit = 1048576
        envelope = 16  # the data section around the body, and the one around the message
        self.send(count=1, size=limit - envelope, batch=1)
        with self.assertRaises(subprocess.CalledProcessError):
            self.send(first=1, count=1, size=limit - envelope + 1, batch=1)
        self.send(first=1, count=1, size=300, batch=1)
        self.run_to_end(self.env())
        lengths = harness.query(self.database, "SELECT octet_length(event_body::BLOB) AS n FROM events ORDER BY n")
        self.assertEqual([int(row["n"]) for row in lengths], [300, limit - envelope])

    def test_an_event_of_a_megabyte_lands_whole(self):
        size = 1048576 - 1024
        self.send(count=3, size=size, batch=1)
        self.run_to_end(self.env())
        harness.check_landed(self.database, "main.events", 3, size)

    def test_many_large_events_land_whole(self):
        """More than DuckDB's first memory limit holds in one vector of 2048 rows; again after a restart."""
        size = 100_000
        self.send(count=1200, size=size, batch=9)
        self.run_to_end(self.env())
        self.send(first=1200, count=300, size=size, batch=9)
        self.run_to_end(self.env())
        harness.check_landed(self.database, "main.events", 1500, size)
        harness.check_control(self.database, "events")

    def test_bodies_that_are_not_text_go_to_the_dead_letters_unchanged(self):
        self.send(count=100, binary_every=10)
        self.run_to_end(self.env())
        harness.check_landed(self.database, "main.events", 100, SIZE, binary_every=10)
        harness.check_control(self.database, "events")
        dead = harness.query(self.database, """SELECT count(*) AS n, count(DISTINCT sequence_number || partition_id) AS d,
            bool_and(hex(body[1:1]) = 'FF' OR octet_length(body) > 1) AS whole, min(reason) AS reason,
            min(octet_length(body)) AS bytes FROM _streamduck_dead_letters""")[0]
        self.assertEqual(int(dead["n"]), 10)
        self.assertEqual(int(dead["d"]), 10)
        self.assertRegex(dead["reason"], "(?i)utf-8")
        self.assertGreaterEqual(int(dead["bytes"]), SIZE - 2)

    def test_a_blob_column_takes_every_body(self):
        self.send(count=100, binary_every=10)
        self.run_to_end(self.env(**{"MOTHERDUCK_{N}_BODY": "blob"}))
        rows = harness.query(self.database, "SELECT count(*) AS n, min(typeof(event_body)) AS t FROM events")[0]
        self.assertEqual((int(rows["n"]), rows["t"]), (100, "BLOB"))

    def test_the_table_has_the_originals_columns_with_zones(self):
        self.send(count=10)
        self.run_to_end(self.env())
        columns = harness.query(self.database, "SELECT column_name AS c, column_type AS t FROM (DESCRIBE events)")
        self.assertEqual({row["c"]: row["t"] for row in columns},
                         {"event_body": "VARCHAR", "partition_id": "VARCHAR", "sequence_number": "BIGINT",
                          "enqueued_time": "TIMESTAMP WITH TIME ZONE", "properties": "JSON", "system_properties": "JSON",
                          "ingestion_timestamp": "TIMESTAMP WITH TIME ZONE"})


class Original(PipelineCase):
    """The control table of the Python original (TARGET_DB, TARGET_SCHEMA, TARGET_TABLE)."""

    def write(self, sql):
        subprocess.run([str(harness.QUERY), "--write", str(self.database), sql], check=True)

    def test_its_checkpoints_are_imported_once_and_mirrored_to(self):
        self.send(count=100, partition="0")
        self.run_to_end(self.env())
        hundredth = harness.query(self.database, "SELECT c.offset AS o FROM _streamduck_checkpoints c "
                                             "WHERE partition_id = '0'")[0]["o"]
        self.write("DROP TABLE _streamduck_checkpoints")
        self.write("DROP TABLE events")
        # TARGET_DB of a local file is its path, as MOTHERDUCK_N_DATABASE has it.
        self.write("""CREATE TABLE status (ts_inserted TIMESTAMP, eventhub_namespace VARCHAR NOT NULL,
            eventhub VARCHAR NOT NULL, target_db VARCHAR NOT NULL, target_schema VARCHAR NOT NULL,
            target_table VARCHAR NOT NULL, partition_id VARCHAR NOT NULL, waterlevel BIGINT NOT NULL, metadata JSON)""")
        metadata = json.dumps({"sequence_number": 99, "offset_string": hundredth, "eventhub_name": "events",
                               "consumer_group": "$Default"})
        self.write(f"""INSERT INTO status VALUES (now()::TIMESTAMP, '127.0.0.1', 'events', '{self.database}', 'main',
            'events', '0', 99, '{metadata}')""")
        self.send(first=100, count=50, partition="0")
        env = self.env(TARGET_DB=self.database, TARGET_SCHEMA="main", TARGET_TABLE="status")
        self.run_to_end(env)
        landed = harness.query(self.database, "SELECT count(*) AS n, min(sequence_number) AS low FROM events")[0]
        self.assertEqual((int(landed["n"]), int(landed["low"])), (50, 100))
        mirrored = harness.query(self.database, "SELECT count(*) AS n, max((metadata->>'$.sequence_number')::BIGINT) AS s "
                                                "FROM status")[0]
        self.assertEqual(int(mirrored["s"]), 149)


if __name__ == "__main__":
    unittest.main(verbosity=2)
