#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Compares the pipeline with its parts and with the Python way, in one run, interleaved, and prints a table.

usage: bench.py [--events N] [--size BYTES] [--python-events N] [--rounds R] [--only abcdst]
                [--batch ROWS] [--json]

(a) end to end: emulator → streamduck run → DuckDB file
(b) the DuckDB chunk appender alone: bodies made in the same way, the transactions of the (a) before it row for row, the
    same checkpoint policy (without an (a) in the run: the largest ones)
(c) the AMQP path alone: emulator → batches that are thrown away
(d) the Python way: azure-eventhub's client and multi-row INSERT, from the same emulator
(t) what telemetry costs a run: telemetry.py, a table of its own; three times as many rounds
(s) what a span costs, beside the SDKs of other languages: spans.py, a table of its own

The programs come from $BUILD (a release build); (d) needs $BENCH_PYTHON, an interpreter with azure-eventhub and duckdb,
and is left out without it. Every figure is the median of the rounds. Only ratios within one run mean something: the
machine's other work moves all figures, those of CPU less than those of speed.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import harness  # noqa: E402
import spans  # noqa: E402
import telemetry  # noqa: E402

PARTITIONS = 4
TELEMETRY_ROUNDS = 3  # for each round of the others: its differences are small
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """CPU seconds that a process has used so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def finish(command, **popen):
    """Runs a program to its end: (seconds, CPU seconds, peak resident kB, its output)."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=said, text=True, **popen)
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        said.seek(0)
        errors = said.read()
    if process.returncode != 0:
        raise harness.Failed(f"{command[0]} ended with {process.returncode}: {errors or output}")
    return time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss, output


class Bench:
    def __init__(self, scratch, emulator, options):
        self.scratch, self.emulator, self.options = scratch, emulator, options
        self.transactions = None  # rows of each, of the last (a)
        self.round = 0

    def fresh(self, name):
        self.round += 1
        return self.scratch / f"{name}-{self.round}.duckdb"

    def end_to_end(self, **variables):
        database = self.fresh("a")
        more = {"MOTHERDUCK_{N}_BATCH": self.options.batch} if self.options.batch else {}
        mapping = harness.Mapping("events", database, self.emulator.connection_string, **more)
        env = harness.write_env(self.scratch / ".env", mapping, **variables)
        before = cpu_of(self.emulator.process.pid)
        seconds, cpu, rss, output = finish(
            harness.run_command(env, self.scratch / "state", "--until-caught-up", "--json"),
            env=harness.clean_environment())
        emulator = cpu_of(self.emulator.process.pid) - before
        totals = json.loads(output.splitlines()[-1])["statistics"]
        landed = int(harness.query(database, "SELECT count(*) AS n FROM events")[0]["n"])
        if landed != self.options.events:
            raise harness.Failed(f"{landed} rows landed instead of {self.options.events}")
        self.transactions = [int(row["n"]) for row in harness.query(
            database, "SELECT count(*) AS n FROM events GROUP BY ingestion_timestamp ORDER BY ingestion_timestamp")]
        database.unlink()
        return {"events": landed, "seconds": seconds, "cpu": cpu, "emulator_cpu": emulator, "rss_kb": rss,
                "batches": totals["batches"], "transactions": totals["transactions"]}

    def appender(self):
        database = self.fresh("b")
        command = [harness.BUILD / "bench" / "append", database, self.options.events, self.options.size]
        if self.transactions:
            command.append(",".join(map(str, self.transactions)))
        _, _, rss, output = finish(command)
        result = json.loads(output)
        database.unlink()
        return {"events": result["events"], "seconds": result["seconds"], "cpu": result["cpu_seconds"], "rss_kb": rss,
                "transactions": result["transactions"]}

    def receive(self):
        before = cpu_of(self.emulator.process.pid)
        _, cpu, rss, output = finish([harness.BUILD / "bench" / "receive", self.emulator.connection_string, "events"])
        result = json.loads(output)
        return {"events": result["events"], "seconds": result["seconds"], "cpu": cpu, "rss_kb": rss,
                "emulator_cpu": cpu_of(self.emulator.process.pid) - before}

    def python_way(self):
        database = self.fresh("d")
        before = cpu_of(self.emulator.process.pid)
        _, _, rss, output = finish(
            [os.environ["BENCH_PYTHON"], harness.SOURCE / "bench" / "original.py", self.emulator.connection_string,
             "events-small", database, self.options.python_events])
        result = json.loads(output.splitlines()[-1])
        database.unlink()
        return {"events": result["events"], "seconds": result["seconds"], "cpu": result["cpu_seconds"], "rss_kb": rss,
                "emulator_cpu": cpu_of(self.emulator.process.pid) - before}


CASES = [("a", "streamduck, end to end", Bench.end_to_end), ("b", "DuckDB appender alone", Bench.appender),
         ("c", "AMQP path alone", Bench.receive), ("d", "the Python way", Bench.python_way)]


def medians(results):
    def of(value):
        return statistics.median(value(r) for r in results)
    found = {"events_per_second": of(lambda r: r["events"] / r["seconds"]),
             "cpu_per_million": of(lambda r: r["cpu"] / r["events"] * 1e6),
             "emulator_cpu_per_million": of(lambda r: r.get("emulator_cpu", 0.0) / r["events"] * 1e6),
             "peak_mib": of(lambda r: r["rss_kb"] / 1024)}
    if "transactions" in results[0]:
        found["rows_per_transaction"] = of(lambda r: r["events"] / r["transactions"])
    if "batches" in results[0]:
        found["batches_per_transaction"] = of(lambda r: r["batches"] / r["transactions"])
    return found


def print_table(found):
    print(f"{'':34}{'events/s':>12}{'CPU s/M':>10}{'emulator':>10}{'peak MiB':>10}{'rows/transaction':>18}")
    for key, name, _ in CASES:
        if key in found:
            f = found[key]
            emulator = f"{f['emulator_cpu_per_million']:.2f}" if f["emulator_cpu_per_million"] else "-"
            rows = f"{f['rows_per_transaction']:,.0f}" if "rows_per_transaction" in f else "-"
            print(f"({key}) {name:<30}{f['events_per_second']:>12,.0f}{f['cpu_per_million']:>10.2f}{emulator:>10}"
                  f"{f['peak_mib']:>10.0f}{rows:>18}")
    print()
    if "a" in found:
        print(f"batches per transaction of (a)      {found['a']['batches_per_transaction']:8.1f}")
        print(f"peak memory of (a), MiB             {found['a']['peak_mib']:8.0f}   aim <= 320")
    if "a" in found and "b" in found:
        a, b = found["a"], found["b"]
        print(f"CPU of (a) / CPU of (b)             {a['cpu_per_million'] / b['cpu_per_million']:8.2f}   aim <= 1.6")
        print(f"events/s of (a) / events/s of (b)   {a['events_per_second'] / b['events_per_second']:8.2f}   "
              f"aim >= 0.8 where each busy thread has a core (three here, {os.cpu_count()} cores)")
    if "a" in found and "d" in found:
        print(f"CPU of (d) / CPU of (a)             "
              f"{found['d']['cpu_per_million'] / found['a']['cpu_per_million']:8.1f}   aim >= 20")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--events", type=int, default=1_000_000)
    arguments.add_argument("--size", type=int, default=300, help="bytes of a body")
    arguments.add_argument("--python-events", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", default="abcdst", help="cases to run, such as ab")
    arguments.add_argument("--batch", type=int, help="events of a batch in (a) and (t); default: streamduck's")
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    cases = [c for c in CASES if c[0] in options.only and (c[0] != "d" or os.environ.get("BENCH_PYTHON"))]
    span_costs = spans.measure(options.rounds) if "s" in options.only else None
    if not cases and "t" not in options.only:
        if span_costs and options.json:
            print(json.dumps({"rounds": options.rounds, "cores": os.cpu_count(), "spans": span_costs[0]}))
        elif span_costs:
            spans.print_table(*span_costs)
        return 0
    results = {key: [] for key, _, _ in cases}
    with harness.scratch("bench") as scratch:
        scratch = pathlib.Path(scratch)
        with harness.Emulator(f"events:{PARTITIONS}", f"events-small:{PARTITIONS}", data=scratch / "hub") as emulator:
            for hub, count, users in ("events", options.events, "act"), ("events-small", options.python_events, "d"):
                if any(c[0] in users for c in cases) or ("t" in users and "t" in options.only):
                    print(f"sending {count:,} events of {options.size} bytes", file=sys.stderr, flush=True)
                    harness.send(emulator.connection_string, hub, count=count, size=options.size, body="text")
            bench = Bench(scratch, emulator, options)
            for number in range(1, options.rounds + 1):
                for key, name, case in cases:
                    print(f"round {number} of {options.rounds}: ({key}) {name} … ", end="", file=sys.stderr, flush=True)
                    result = case(bench)
                    print(f"{result['events'] / result['seconds']:,.0f} events/s, "
                          f"{result['cpu'] / result['events'] * 1e6:.2f} CPU s per million", file=sys.stderr, flush=True)
                    results[key].append(result)
            telemetry_costs = telemetry.measure(bench.end_to_end, options.rounds * TELEMETRY_ROUNDS) \
                if "t" in options.only else None
    found = {key: medians(r) for key, r in results.items()}
    if options.json:
        print(json.dumps({"events": options.events, "size": options.size, "rounds": options.rounds,
                          "cores": os.cpu_count(), "medians": found, "runs": results,
                          "spans": span_costs[0] if span_costs else None, "telemetry": telemetry_costs}))
    else:
        if found:
            print_table(found)
        if telemetry_costs:
            telemetry.print_table(telemetry_costs)
        if span_costs:
            spans.print_table(*span_costs)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except harness.Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
