#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Kills a running pipeline again and again and shows that every event landed exactly once.

usage: crash.py [--kills N] [--seed S]

Needs a build with -Dtest_hooks=true in $BUILD. The pipeline shares two bytes with this program: it writes the phase
that it is in to the first; when it enters the phase that stands in the second, it kills itself with SIGKILL. Between
kills the connection is cut or the partition stolen at random. Events arrive all the time.
"""

import argparse
import collections
import mmap
import os
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

PHASES = {1: "receiving", 2: "appending", 3: "before commit", 4: "after commit"}
PARTITIONS = 4
BODY = 300
PER_SEND = 750  # events that arrive before each start, and again while it is armed
BINARY_EVERY = 97


def one_kill(rng, emulator, env_file, state, phase_file, phase, send_more):
    """Starts the pipeline, lets it die in the phase while events arrive, says in which one it died."""
    with open(phase_file, "r+b") as f:
        shared = mmap.mmap(f.fileno(), 2)
    shared[0:2] = b"\0\0"
    environment = harness.clean_environment(STREAMDUCK_TEST_PHASE_FILE=phase_file)
    process = subprocess.Popen(harness.run_command(env_file, state), env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        # Armed at a random moment: at once, or after it has worked for a while.
        deadline = time.monotonic() + rng.choice([0, 0.05, 0.2, 0.5])
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.005)
        fault = rng.random()
        if fault < 0.15:
            emulator.control(do="cut", hub="events")
        elif fault < 0.3:
            emulator.control(do="steal", hub="events", partition=str(rng.randrange(PARTITIONS)))
        shared[1] = phase
        send_more()
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
    finally:
        errors = process.stderr.read().decode(errors="replace")
        process.stderr.close()
        died_in = shared[0]
        shared.close()
    if process.returncode != -9:
        raise harness.Failed(f"the pipeline ended by itself with {process.returncode}: {errors}")
    return died_in


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kills", type=int, default=int(os.environ.get("SD_CRASH_KILLS", 50)))
    arguments.add_argument("--seed", type=int, default=None)
    options = arguments.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    print(f"crash test: {options.kills} kills, seed {seed}", flush=True)
    kills = collections.Counter()
    with harness.scratch("crash") as scratch:
        scratch = pathlib.Path(scratch)
        database, state = scratch / "crash.duckdb", scratch / "state"
        phase_file = scratch / "phase"
        phase_file.write_bytes(b"\0\0")
        with harness.Emulator(f"events:{PARTITIONS}") as emulator:
            env_file = harness.write_env(
                scratch / ".env",
                harness.Mapping("events", database, emulator.connection_string,
                                **{"MOTHERDUCK_{N}_BATCH": 200, "MOTHERDUCK_{N}_BATCH_TIMEOUT_SECONDS": 1}))
            sent = 0
            timed_out = 0

            def send():
                nonlocal sent
                harness.send(emulator.connection_string, "events", first=sent, count=PER_SEND, size=BODY,
                             batch=rng.randint(1, 300), binary_every=BINARY_EVERY)
                sent += PER_SEND

            while sum(kills.values()) < options.kills:
                send()
                phase = rng.choice(list(PHASES))
                died_in = one_kill(rng, emulator, env_file, state, phase_file, phase, send)
                if died_in is None:
                    timed_out += 1
                    if timed_out > options.kills // 10 + 2:
                        raise harness.Failed(f"the pipeline did not reach the phase {PHASES[phase]} within 60 s")
                    continue
                kills[PHASES.get(died_in, f"phase {died_in}")] += 1
                done = sum(kills.values())
                if done % 10 == 0:
                    print(f"  {done} kills", flush=True)
            done = harness.run(env_file, state, "--until-caught-up")
            if done.returncode != 0:
                raise harness.Failed(f"the last run ended with {done.returncode}: {done.stderr}")
        harness.check_landed(database, "main.events", sent, BODY, BINARY_EVERY)
        harness.check_control(database, "events")
        dead = (sent + BINARY_EVERY - 1) // BINARY_EVERY
        found = int(harness.query(database, "SELECT count(*) AS n FROM _streamduck_dead_letters")[0]["n"])
        if found != dead:
            raise harness.Failed(f"expected {dead} dead letters, found {found}")
    print("kills per phase: " + ", ".join(f"{name} {kills[name]}" for name in PHASES.values()))
    print(f"{sent} events sent, {sent - dead} rows and {dead} dead letters landed, each once, bodies unchanged, "
          "checkpoints equal the last rows")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except harness.Failed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        sys.exit(1)
