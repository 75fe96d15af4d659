#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""What a span with 5 attributes costs the thread that records it: ours beside OpenTelemetry's SDKs for Rust, Go and Python.

usage: spans.py [--rounds R] [--json]

Each program measures the same three cases several times: exported (batch processor, an exporter that throws everything away, a
queue that holds all), not sampled, disabled. The programs run in turn, R times, so that a slow moment of the machine does not
hit one of them only. Ours comes from $BUILD (a release build); the others are built below it from bench/peers. A language
whose tools are not here, or whose packages cannot be had, is a counted skip.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BUILD", HERE.parent / "build")).resolve()
PEERS = HERE / "peers"
REPEATS = 7  # of each case inside one program
CASES = ["exported, 5 attributes", "not sampled, 5 attributes", "disabled, 5 attributes"]
CLOCKS = "two clock reads"


class Absent(Exception):
    pass


def build(command, folder, **environment):
    done = subprocess.run([str(c) for c in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise Absent(f"{command[0]} failed: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ''}")


def ours():
    program = BUILD / "bench" / "trace"
    if not program.exists():
        sys.exit(f"there is no {program}: build it first")
    return [program]


def rust():
    if not shutil.which("cargo"):
        raise Absent("there is no cargo")
    target = BUILD / "peers" / "rust"
    build(["cargo", "build", "--release", "--quiet"], PEERS / "rust", CARGO_TARGET_DIR=str(target))
    return [target / "release" / "span-cost"]


def go():
    if not shutil.which("go"):
        raise Absent("there is no go")
    program = BUILD / "peers" / "go" / "span-cost"
    build(["go", "build", "-mod=readonly", "-o", program, "."], PEERS / "go", GOTOOLCHAIN="local")
    return [program]


def python():
    if not os.environ.get("SPAN_PYTHON"):
        raise Absent("SPAN_PYTHON names no interpreter with opentelemetry-sdk")
    return [os.environ["SPAN_PYTHON"], PEERS / "python" / "span_cost.py"]


LANGUAGES = [("C", "libstreamduck-trace", ours), ("Rust", "opentelemetry_sdk", rust), ("Go", "otel/sdk", go),
             ("Python", "opentelemetry-sdk", python)]


def run(command):
    """The cases of one run, and what the program says of its spans."""
    done = subprocess.run([*map(str, command), str(REPEATS)], stdout=subprocess.PIPE, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    totals = lines.pop()
    if totals["exported"] != totals["spans"] and "dropped" not in totals:
        raise SystemExit(f"{command[0]}: {totals['exported']} of {totals['spans']} spans were exported")
    if totals.get("dropped") or totals.get("allocations"):
        raise SystemExit(f"{command[0]}: {totals}")
    return {line["case"]: line for line in lines}


def measure(rounds):
    """(results, skipped): for each language its cases, medians of the rounds' medians and the smallest of all."""
    programs, skipped = {}, {}
    for language, _, prepare in LANGUAGES:
        print(f"spans: preparing {language}", file=sys.stderr, flush=True)
        try:
            programs[language] = prepare()
        except Absent as reason:
            skipped[language] = str(reason)
    found = {language: [] for language in programs}
    for number in range(1, rounds + 1):
        for language, command in programs.items():
            print(f"spans: round {number} of {rounds}: {language}", file=sys.stderr, flush=True)
            found[language].append(run(command))
    results = {language: {case: {**{key: statistics.median(r[case][key] for r in runs)
                                    for key in ("median_cpu_ns", "median_ns")},
                                 **{key: min(r[case][key] for r in runs) for key in ("min_cpu_ns", "min_ns")}}
                          for case in runs[0]} for language, runs in found.items()}
    return results, skipped


def shown(ns):
    return f"{ns['median_cpu_ns']:,.1f} ({ns['median_ns']:,.1f})"


def print_table(results, skipped):
    own = results["C"]
    packages = {language: package for language, package, _ in LANGUAGES}
    print("\nnanoseconds per span: CPU time of the recording thread (time passed), medians; times = CPU / ours")
    print(f"{'':28}" + "".join(f"{case.split(',')[0]:>24}{'times':>8}" for case in CASES))
    for language, cases in results.items():
        row = f"{language + ' ' + packages[language]:<28}"
        for case in CASES:
            row += f"{shown(cases[case]):>24}{cases[case]['median_cpu_ns'] / own[case]['median_cpu_ns']:>8.1f}"
        print(row)
    print("\nours")
    above = {key: own[CASES[0]][key] - own[CLOCKS][key] for key in ("median_cpu_ns", "median_ns")}
    print(f"{'exported, above two clock reads':<44}{shown(above):>20}   aim <= 100")
    print(f"{CASES[1]:<44}{shown(own[CASES[1]]):>20}   aim <= 5")
    for case, ns in own.items():
        if case != CASES[1]:
            print(f"{case:<44}{shown(ns):>20}")
    for language, reason in skipped.items():
        print(f"skipped {language}: {reason}")
    print(f"{len(results)} measured, {len(skipped)} skipped")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    results, skipped = measure(options.rounds)
    if options.json:
        print(json.dumps({"cores": os.cpu_count(), "rounds": options.rounds, "results": results, "skipped": skipped}))
    else:
        print_table(results, skipped)


if __name__ == "__main__":
    main()
