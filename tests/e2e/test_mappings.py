#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Several mappings at once: together on one database, apart, and one whose destination fails."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

COUNT, SIZE = 5000, 300


def mapping(status, number):
    return next(m for m in status["mappings"] if m["mapping"] == number)


class Mappings(unittest.TestCase):
    def setUp(self):
        scratch = harness.scratch("mappings")
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.state = self.dir / "state"
        self.emulator = harness.Emulator("one:4", "two:2")
        self.addCleanup(self.emulator.stop)

    def send_both(self, first=0, count=COUNT):
        for hub in ("one", "two"):
            harness.send(self.emulator.connection_string, hub, first=first, count=count, size=SIZE)

    def env(self, one, two, **of_two):
        """Mapping 1 lands `one`, mapping 2 lands `two`."""
        return harness.write_env(
            self.dir / ".env", harness.Mapping("one", one, self.emulator.connection_string, table="first"),
            harness.Mapping("two", two, self.emulator.connection_string, table="second", **of_two))

    def check_good_one(self, pipeline, database):
        """Mapping 1 lands everything while mapping 2 fails, says so, and halts or backs off."""
        pipeline.wait_for(lambda s: mapping(s, 1)["landed"] == COUNT and mapping(s, 1)["lag"] == 0,
                          "mapping 1 landing everything while mapping 2 fails")
        # Between two attempts it says what was wrong; during one it runs, with the last error beside it.
        status = pipeline.wait_for(
            lambda s: mapping(s, 2)["error"] is not None and mapping(s, 2)["state"] in ("halted", "backing off", "starting"),
            "mapping 2 saying what is wrong and standing still")
        return mapping(status, 2)["error"]["message"]

    def test_two_hubs_land_in_two_files(self):
        self.send_both()
        a, b = self.dir / "a.duckdb", self.dir / "b.duckdb"
        done = harness.run(self.env(a, b), self.state, "--until-caught-up")
        self.assertEqual(done.returncode, 0, done.stderr)
        harness.check_landed(a, "main.first", COUNT, SIZE)
        harness.check_landed(b, "main.second", COUNT, SIZE)
        harness.check_control(a, "first")
        harness.check_control(b, "second")

    def test_two_mappings_share_one_database(self):
        self.send_both()
        both = self.dir / "both.duckdb"
        done = harness.run(self.env(both, both), self.state, "--until-caught-up")
        self.assertEqual(done.returncode, 0, done.stderr)
        harness.check_landed(both, "main.first", COUNT, SIZE)
        harness.check_landed(both, "main.second", COUNT, SIZE)
        harness.check_control(both, "first")
        harness.check_control(both, "second")

    def test_a_locked_file_stops_only_its_mapping(self):
        self.send_both()
        locked = self.dir / "locked.duckdb"
        harness.subprocess.run([str(harness.QUERY), "--write", str(locked), "CREATE TABLE t (i INTEGER)"], check=True)
        holder = subprocess.Popen([str(harness.QUERY), "--hold", str(locked)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.assertEqual(holder.stdout.readline().strip(), "held")
        good = self.dir / "good.duckdb"
        env = self.env(good, locked)
        with harness.Pipeline(env, self.state) as pipeline:
            message = self.check_good_one(pipeline, good)
            self.assertIn(str(holder.pid), message, "the message names the process that holds the file")
            pipeline.stop()
        holder.communicate()
        harness.check_landed(good, "main.first", COUNT, SIZE)
        done = harness.run(env, self.state, "--until-caught-up")
        self.assertEqual(done.returncode, 0, done.stderr)
        harness.check_landed(locked, "main.second", COUNT, SIZE)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become another user")
    def test_a_destination_without_permission_stops_only_its_mapping(self):
        self.send_both()
        closed, open_ = self.dir / "closed", self.dir / "open"
        closed.mkdir(mode=0o755)
        open_.mkdir()
        self.state.mkdir()
        for path in (self.dir, open_, self.state):
            shutil.chown(path, "nobody")
        os.chmod(self.dir, 0o755)
        env = self.env(open_ / "good.duckdb", closed / "bad.duckdb")
        os.chmod(env, 0o644)
        with harness.Pipeline(env, self.state, user="nobody", group="nogroup", extra_groups=[]) as pipeline:
            message = self.check_good_one(pipeline, open_ / "good.duckdb")
            self.assertIn("bad.duckdb", message)
            pipeline.stop()
        harness.check_landed(open_ / "good.duckdb", "main.first", COUNT, SIZE)

    def test_a_full_disk_stops_only_its_mapping_and_nothing_is_lost(self):
        small = self.dir / "small"
        small.mkdir()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(small)], capture_output=True)
        if mount.returncode != 0:
            self.skipTest("cannot mount a small tmpfs here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(small)], check=False)
        count = 40000  # about 12 MB of bodies
        harness.send(self.emulator.connection_string, "two", count=count, size=SIZE)
        harness.send(self.emulator.connection_string, "one", count=COUNT, size=SIZE)
        good = self.dir / "good.duckdb"
        env = self.env(good, small / "bad.duckdb")
        with harness.Pipeline(env, self.state) as pipeline:
            self.check_good_one(pipeline, good)
            subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
            if pipeline.process.poll() is None and mapping(pipeline.status(), 2)["state"] != "halted":
                pipeline.wait_for(lambda s: mapping(s, 2)["lag"] == 0 and mapping(s, 2)["landed"] == count,
                                  "mapping 2 landing everything once there is room")
            pipeline.stop()
        done = harness.run(env, self.state, "--until-caught-up")
        self.assertEqual(done.returncode, 0, done.stderr)
        harness.check_landed(good, "main.first", COUNT, SIZE)
        harness.check_landed(small / "bad.duckdb", "main.second", count, SIZE)

    def test_a_wrong_hub_halts_its_mapping_and_the_exit_code_tells(self):
        self.send_both()
        good = self.dir / "good.duckdb"
        env = harness.write_env(
            self.dir / ".env", harness.Mapping("one", good, self.emulator.connection_string, table="first"),
            harness.Mapping("no-such-hub", self.dir / "b.duckdb", self.emulator.connection_string, table="second"))
        done = harness.run(env, self.state, "--until-caught-up")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("no-such-hub", done.stderr + done.stdout)
        harness.check_landed(good, "main.first", COUNT, SIZE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
