#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Two processes that land one hub in one shared database: who is paused or killed at the worst moment, and succeeded
by another, neither doubles nor loses an event.

The database is a DuckDB file that a third process serves by DuckDB's Quack extension. For `streamduck run` it is a
MotherDuck database: tests/tools/duckdb_standin.c stands in for libduckdb with MotherDuck's extension. Fence, claims,
leases, transactions and recovery are streamduck's own, in two processes of the real program.

Needs $STREAMDUCK_QUACK_EXTENSION and $STREAMDUCK_HTTPFS_EXTENSION (files of DuckDB's extensions).
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

QUACK = os.environ.get("STREAMDUCK_QUACK_EXTENSION", "")
HTTPFS = os.environ.get("STREAMDUCK_HTTPFS_EXTENSION", "")
SERVER = harness.BUILD / "tests" / "tools" / "quack_server"
STANDIN = harness.BUILD / "tests" / "tools" / "duckdb_standin.so"
TOKEN = "token-of-the-shared-database"
PARTITIONS, COUNT, SIZE = 4, 2000, 300


class Shared:
    """A process that holds a DuckDB file and serves it to the others."""

    def __init__(self, path):
        self.process = subprocess.Popen([str(SERVER), str(path), TOKEN, HTTPFS, QUACK], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = self._line()["port"]

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise harness.Failed("the server of the shared database ended")
        return json.loads(line)

    def sql(self, statement):
        """Runs a statement of one line in the server itself; rows of a SELECT as dictionaries."""
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        answer = self._line()
        if "error" in answer:
            raise harness.Failed(answer["error"])
        return answer["rows"]

    def kill(self):
        self.process.kill()
        self.close()

    def close(self):
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(harness.READY_SECONDS)
        self.process.stdout.close()


@unittest.skipUnless(QUACK and HTTPFS and STANDIN.exists(), "DuckDB's quack and httpfs extensions are not here")
class TwoProcesses(unittest.TestCase):
    def setUp(self):
        scratch = harness.scratch("shared")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.file = self.dir / "shared.duckdb"
        self.emulator = harness.Emulator(f"events:{PARTITIONS}")
        self.addCleanup(self.emulator.stop)
        self.server = Shared(self.file)
        self.addCleanup(lambda: self.server.close())
        self.env = harness.write_env(
            self.dir / ".env",
            harness.Mapping("events", "shared", self.emulator.connection_string,
                            **{"MOTHERDUCK_{N}_TOKEN": TOKEN, "MOTHERDUCK_{N}_BATCH": 200,
                               "MOTHERDUCK_{N}_BATCH_TIMEOUT_SECONDS": 1}))
        self.sent = 0

    def send(self, count=COUNT):
        harness.send(self.emulator.connection_string, "events", first=self.sent, count=count, size=SIZE)
        self.sent += count

    def start(self, name, *args):
        """One more process on the shared database; `name`.pause arms the place where it stops itself."""
        (self.dir / f"{name}.pause").touch()
        environment = harness.clean_environment(
            STREAMDUCK_LIBDUCKDB=STANDIN, STREAMDUCK_MOTHERDUCK_EXTENSION=QUACK, STANDIN_HTTPFS=HTTPFS,
            STANDIN_PORT=self.server.port, STANDIN_PAUSE_FILE=self.dir / f"{name}.pause")
        pipeline = harness.Pipeline(self.env, self.dir / name, *args, environment=environment)
        self.addCleanup(pipeline.__exit__)
        return pipeline

    def arm(self, name, place):
        (self.dir / f"{name}.pause").write_text(place)

    def start_and_pause(self, name, place):
        """A process that stopped itself in its first transaction, at the place."""
        self.arm(name, place)
        pipeline = self.start(name)
        self.await_pause(pipeline)
        return pipeline

    def await_pause(self, pipeline):
        ended = os.waitid(os.P_PID, pipeline.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self.assertEqual(ended.si_code, os.CLD_STOPPED, pipeline.text())

    def expire_leases(self):
        """What five minutes would do."""
        self.server.sql("UPDATE main._streamduck_checkpoints SET lease_until = now() - INTERVAL 1 SECOND, rev = rev + 1")

    def landed(self):
        return int(self.server.sql("SELECT count(*) AS n FROM main.events")[0]["n"])

    def epochs(self):
        return {int(row["epoch"]) for row in self.server.sql("SELECT epoch FROM main._streamduck_checkpoints")}

    def catch_up(self, name):
        """A process that takes over, lands everything and ends."""
        pipeline = self.start(name, "--until-caught-up")
        self.assertEqual(pipeline.process.wait(harness.RUN_SECONDS), 0, pipeline.text())

    def fenced(self, pipeline):
        return pipeline.wait_for(lambda s: s["mappings"][0]["fenced"] > 0, "the paused process being fenced")

    def check(self):
        """Each event once, unchanged; read from the file when its server is gone."""
        self.server.close()
        harness.check_landed(self.file, "main.events", self.sent, SIZE)
        harness.check_control(self.file, "events")

    def take_over(self, place):
        """Pauses an owner at the place, lets a successor land everything, wakes the owner."""
        self.send()
        owner = self.start_and_pause("owner", place)
        before = self.landed()
        self.expire_leases()
        self.catch_up("successor")
        self.assertEqual(self.landed(), self.sent)
        self.assertEqual(self.epochs(), {2}, "the successor has claimed every partition")
        owner.process.send_signal(signal.SIGCONT)
        self.fenced(owner)
        self.assertEqual(owner.stop(), 0, owner.text())
        self.check()
        return before

    def test_an_owner_lands_nothing_once_its_partitions_are_claimed(self):
        """The successor has claimed and landed nothing: the epoch alone tells them apart."""
        self.send()
        owner = self.start_and_pause("owner", "fence")
        self.expire_leases()
        successor = self.start_and_pause("successor", "fence")
        self.assertEqual(self.epochs(), {2}, "the successor has claimed every partition")
        owner.process.send_signal(signal.SIGCONT)
        self.fenced(owner)
        self.assertEqual(owner.stop(), 0, owner.text())
        self.assertEqual(self.landed(), 0)
        successor.process.send_signal(signal.SIGCONT)
        successor.wait_for(lambda s: s["mappings"][0]["landed"] == self.sent, "the successor landing everything")
        self.assertEqual(successor.stop(), 0, successor.text())
        self.check()

    def caught_up_owner(self):
        """An owner that has landed a first part, its lease expired meanwhile."""
        self.send()
        owner = self.start("owner")
        owner.wait_for(lambda s: s["mappings"][0]["landed"] == self.sent, "the owner landing the first part")
        self.expire_leases()
        return owner

    def pause(self, name, pipeline, place):
        """Sends more events and waits until the process stops itself at the place."""
        self.arm(name, place)
        self.send()
        self.await_pause(pipeline)

    def test_a_claim_waits_for_the_commit_of_an_owner_that_goes_on(self):
        """The owner stands between its last statement and COMMIT: who claims meets a conflict, again and again."""
        owner = self.caught_up_owner()
        self.pause("owner", owner, "commit")
        other = self.start("other")
        other.wait_for(lambda s: (s["mappings"][0]["error"] or {}).get("status") == "SD_CONFLICT",
                       "the claim meeting a conflict")
        self.assertEqual(self.landed(), COUNT)
        owner.process.send_signal(signal.SIGCONT)
        owner.wait_for(lambda s: s["mappings"][0]["landed"] == self.sent, "the owner landing everything")
        self.assertEqual(self.epochs(), {1}, "nobody else has claimed")
        self.assertEqual(other.stop(), 0, other.text())
        self.assertEqual(owner.stop(), 0, owner.text())
        self.send()
        self.catch_up("successor")
        self.check()

    def test_an_owner_that_is_killed_with_its_server_before_commit_is_succeeded(self):
        owner = self.caught_up_owner()
        self.pause("owner", owner, "commit")
        owner.stop(signal.SIGKILL)
        # The server keeps a dead client's transaction open for ever.
        self.server.kill()
        self.server = Shared(self.file)
        self.assertEqual(self.landed(), COUNT)
        self.catch_up("successor")
        self.check()

    def test_an_owner_that_was_succeeded_before_its_fence_lands_nothing(self):
        self.assertEqual(self.take_over("fence"), 0)

    def test_an_owner_whose_transaction_began_before_the_claim_lands_nothing(self):
        self.assertEqual(self.take_over("snapshot"), 0)

    def test_an_owner_that_was_succeeded_after_its_commit_lands_nothing_more(self):
        self.assertGreater(self.take_over("committed"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
