#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Compares the pipeline with its parts and with the Python way, in one run, interleaved, and prints a table.

usage: bench.py [--events N] [--python-events N] [--rounds R] [--json]

(a) end to end: emulator → streamduck run → DuckDB file
(b) the DuckDB chunk appender alone: the same rows, transaction size and checkpoint policy
(c) the AMQP path alone: emulator → batches that are thrown away
(d) the Python way: azure-eventhub's client and multi-row INSERT, from the same emulator

The programs come from $BUILD (a release build); (d) needs $BENCH_PYTHON, an interpreter with azure-eventhub and duckdb,
and is left out without it. Every figure is the median of the rounds; only ratios within one run mean something.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import harness  # noqa: E402

SIZE = 300
PARTITIONS = 4
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """CPU seconds that a process has used so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def finish(command, **popen):
    """Runs a program to its end: (seconds, CPU seconds, peak resident kB, its output)."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **popen)
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise harness.Failed(f"{command[0]} ended with {process.returncode}")
    return time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss, output


class Bench:
    def __init__(self, scratch, emulator, options):
        self.scratch, self.emulator, self.options = scratch, emulator, options
        self.round = 0

    def fresh(self, name):
        self.round += 1
        return self.scratch / f"{name}-{self.round}"

    def end_to_end(self):
        database = self.fresh("a").with_suffix(".duckdb")
        env = harness.write_env(self.scratch / ".env",
                                harness.Mapping("events", database, self.emulator.connection_string))
        before = cpu_of(self.emulator.process.pid)
        seconds, cpu, rss, _ = finish(
            harness.run_command(env, self.scratch / "state", "--until-caught-up"),
            env=harness.clean_environment(), stderr=subprocess.DEVNULL)
        emulator = cpu_of(self.emulator.process.pid) - before
        landed = int(harness.query(database, "SELECT count(*) AS n FROM events")[0]["n"])
        if landed != self.options.events:
            raise harness.Failed(f"{landed} rows landed instead of {self.options.events}")
        database.unlink()
        return {"events": landed, "seconds": seconds, "cpu": cpu, "emulator_cpu": emulator, "rss_kb": rss}

    def appender(self):
        database = self.fresh("b").with_suffix(".duckdb")
        _, cpu, rss, output = finish([str(harness.BUILD / "bench" / "append"), str(database),
                                      str(self.options.events), str(SIZE)])
        result = json.loads(output.splitlines()[-1])
        database.unlink(missing_ok=True)
        return {"events": result["events"], "seconds": result["seconds"], "cpu": cpu, "rss_kb": rss}

    def receive(self):
        before = cpu_of(self.emulator.process.pid)
        _, cpu, rss, output = finish([str(harness.BUILD / "bench" / "receive"), self.emulator.connection_string, "events"])
        result = json.loads(output.splitlines()[-1])
        return {"events": result["events"], "seconds": result["seconds"], "cpu": cpu, "rss_kb": rss,
                "emulator_cpu": cpu_of(self.emulator.process.pid) - before}

    def python_way(self):
        database = self.fresh("d").with_suffix(".duckdb")
        before = cpu_of(self.emulator.process.pid)
        seconds, cpu, rss, output = finish(
            [os.environ["BENCH_PYTHON"], str(harness.SOURCE / "bench" / "original.py"), self.emulator.connection_string,
             "events-small", str(database), str(self.options.python_events)])
        result = json.loads(output.splitlines()[-1])
        database.unlink(missing_ok=True)
        return {"events": result["events"], "seconds": result["seconds"], "cpu": cpu, "rss_kb": rss,
                "emulator_cpu": cpu_of(self.emulator.process.pid) - before}


CASES = [("a", "streamduck, end to end", Bench.end_to_end), ("b", "DuckDB appender alone", Bench.appender),
         ("c", "AMQP path alone", Bench.receive), ("d", "the Python way", Bench.python_way)]


def medians(results):
    def of(value):
        return statistics.median(value(r) for r in results)
    return {"events_per_second": of(lambda r: r["events"] / r["seconds"]),
            "cpu_per_million": of(lambda r: r["cpu"] / r["events"] * 1e6),
            "emulator_cpu_per_million": of(lambda r: r.get("emulator_cpu", 0.0) / r["events"] * 1e6),
            "peak_mib": of(lambda r: r["rss_kb"] / 1024)}


def print_table(found):
    print(f"{'':34}{'events/s':>12}{'CPU s/M':>10}{'emulator':>10}{'peak MiB':>10}")
    for key, name, _ in CASES:
        if key in found:
            f = found[key]
            emulator = f"{f['emulator_cpu_per_million']:.2f}" if f["emulator_cpu_per_million"] else "-"
            print(f"({key}) {name:<30}{f['events_per_second']:>12,.0f}{f['cpu_per_million']:>10.2f}{emulator:>10}"
                  f"{f['peak_mib']:>10.0f}")
    a, b = found["a"], found["b"]
    print()
    print(f"CPU of (a) / CPU of (b)            {a['cpu_per_million'] / b['cpu_per_million']:8.2f}   aim <= 1.6")
    print(f"events/s of (a) / events/s of (b)  {a['events_per_second'] / b['events_per_second']:8.2f}   "
          f"aim >= 0.8 where a core is free for each program ({os.cpu_count()} here)")
    if "d" in found:
        print(f"CPU of (d) / CPU of (a)            {found['d']['cpu_per_million'] / a['cpu_per_million']:8.1f}   aim >= 20")
    print(f"peak memory of (a)                 {a['peak_mib']:8.0f}   aim <= 320 MiB")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--python-events", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    cases = [c for c in CASES if c[0] != "d" or os.environ.get("BENCH_PYTHON")]
    results = {key: [] for key, _, _ in cases}
    with harness.scratch("bench") as scratch:
        scratch = pathlib.Path(scratch)
        with harness.Emulator(f"events:{PARTITIONS}", f"events-small:{PARTITIONS}", data=scratch / "hub") as emulator:
            print(f"sending {options.events:,} events of {SIZE} bytes", file=sys.stderr, flush=True)
            harness.send(emulator.connection_string, "events", count=options.events, size=SIZE)
            harness.send(emulator.connection_string, "events-small", count=options.python_events, size=SIZE)
            bench = Bench(scratch, emulator, options)
            for number in range(1, options.rounds + 1):
                for key, name, case in cases:
                    print(f"round {number} of {options.rounds}: ({key}) {name}", file=sys.stderr, flush=True)
                    results[key].append(case(bench))
    found = {key: medians(r) for key, r in results.items()}
    if options.json:
        print(json.dumps({"events": options.events, "size": SIZE, "rounds": options.rounds, "cores": os.cpu_count(),
                          "medians": found, "runs": results}))
    else:
        print_table(found)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except harness.Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
