#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The demo: complete, repeated, and gone on with after its parts were killed.

usage: test_demo.py; $BUILD holds the program, $STREAMDUCK_FLIGHTS the data set. Prints TAP. Exit code 77 without the data set.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

FLIGHTS = pathlib.Path(os.environ.get("STREAMDUCK_FLIGHTS", harness.SOURCE / "build" / "data" / "flights-3m.parquet"))
MANY = 500_000  # so many that a kill at the first sign of progress comes in the middle
END_SECONDS = 60


class Demo:
    """A running `streamduck demo --json`."""

    def __init__(self, folder, events):
        self.process = subprocess.Popen(
            [str(harness.STREAMDUCK), "demo", "--json", "--dir", str(folder), "--events", str(events), "--flights",
             str(FLIGHTS)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=harness.clean_environment())

    def until_progress(self):
        """Waits until the pipeline shows progress; returns that event."""
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "progress":
                return event
        raise harness.Failed("the demo ended without any progress: " + self.process.stderr.read())

    def children(self):
        """name of the command → process id."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        pids = {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}
        return {pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[1]: pid for pid in pids}

    def finish(self):
        """(exit code, last event or None, errors)"""
        out, errors = self.process.communicate(timeout=harness.RUN_SECONDS)
        lines = out.splitlines()
        return self.process.returncode, json.loads(lines[-1]) if lines else None, errors


def run(folder, events):
    code, last, errors = Demo(folder, events).finish()
    if code != 0:
        raise harness.Failed(f"the demo ended with {code}: {errors}")
    return last


def must_be(found, **expected):
    wrong = {k: (found.get(k), v) for k, v in expected.items() if found.get(k) != v}
    if wrong:
        raise harness.Failed("found and expected differ: " + repr(wrong))


def must_end(pids):
    """Processes that are no longer there or are zombies of somebody else."""
    until = time.monotonic() + END_SECONDS
    for pid in pids:
        while pathlib.Path(f"/proc/{pid}").exists():
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                break
            if time.monotonic() > until:
                raise harness.Failed(f"process {pid} goes on")
            time.sleep(0.05)


def complete(folder):
    """every record is sent, received and landed once; a second run sends and lands nothing and says the same"""
    must_be(run(folder, 20_000), exactly_once=True, sent=20_000, received=20_000, landed=20_000, records=20_000,
            sent_now=20_000, landed_now=20_000)
    must_be(run(folder, 20_000), exactly_once=True, sent=20_000, received=20_000, landed=20_000, sent_now=0,
            landed_now=0)
    texts = []
    for _ in range(2):
        done = subprocess.run([str(harness.STREAMDUCK), "demo", "--dir", str(folder), "--events", "20000", "--flights",
                               str(FLIGHTS)], capture_output=True, text=True, timeout=harness.RUN_SECONDS, check=True,
                              env=harness.clean_environment())
        texts.append(done.stdout[done.stdout.index("\nSent "):])
    if texts[0] != texts[1]:
        raise harness.Failed("the summaries differ:\n" + "\n".join(texts))


def more(folder):
    """more events can be asked for later; fewer change nothing"""
    must_be(run(folder, 10_000), sent=10_000, landed=10_000)
    must_be(run(folder, 30_000), exactly_once=True, sent=30_000, landed=30_000, sent_now=20_000, landed_now=20_000)
    must_be(run(folder, 10_000), exactly_once=True, sent=30_000, landed=30_000, sent_now=0, landed_now=0)


def killed(folder, who):
    demo = Demo(folder, MANY)
    demo.until_progress()
    children = demo.children()
    os.kill(children[who], signal.SIGKILL)
    code, _, errors = demo.finish()
    if code != 3 or "run the demo again" not in errors and "emulator" not in errors:
        raise harness.Failed(f"exit code {code}: {errors}")
    must_end(children.values())
    must_be(run(folder, MANY), exactly_once=True, sent=MANY, received=MANY, landed=MANY, records=MANY)


def sender_killed(folder):
    """a killed sender ends the demo; the next run goes on without loss or duplicate"""
    killed(folder, "demo-send")


def emulator_killed(folder):
    """a killed emulator ends the demo; the next run goes on without loss or duplicate"""
    killed(folder, "emulator")


def interrupted(folder):
    """Ctrl-C ends the demo with 4 and leaves no process behind; the next run goes on"""
    demo = Demo(folder, MANY)
    demo.until_progress()
    children = demo.children()
    demo.process.send_signal(signal.SIGINT)
    code, _, errors = demo.finish()
    if code != 4 or "interrupted" not in errors:
        raise harness.Failed(f"exit code {code}: {errors}")
    must_end(children.values())
    must_be(run(folder, MANY), exactly_once=True, sent=MANY, landed=MANY)


def demo_killed(folder):
    """a killed demo takes its children with it; the next run goes on"""
    demo = Demo(folder, MANY)
    demo.until_progress()
    children = demo.children()
    demo.process.kill()
    demo.finish()
    must_end(children.values())
    must_be(run(folder, MANY), exactly_once=True, sent=MANY, landed=MANY)


def main():
    if not FLIGHTS.exists():
        print(f"1..0 # SKIP there is no {FLIGHTS}: tools/bootstrap demo fetches it")
        return 77
    failed = 0
    tests = [complete, more, sender_killed, emulator_killed, interrupted, demo_killed]
    for number, test in enumerate(tests, 1):
        with harness.scratch("demo") as folder:
            try:
                test(pathlib.Path(folder))
                print(f"ok {number} - {test.__doc__}", flush=True)
            except Exception as problem:  # one test's failure does not hide the others'
                failed += 1
                print(f"not ok {number} - {test.__doc__}", flush=True)
                print("# " + str(problem).replace("\n", "\n# "), flush=True)
    print(f"1..{len(tests)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
