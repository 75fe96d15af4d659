# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""What telemetry costs a run: CPU seconds of streamduck's process without it, with the console's trees (to a file), with
OTLP over HTTP to a receiver on this machine. The three take turns in each round, and each of the latter is compared with
the run without telemetry of its own round; the spread is that of these pairs."""

import statistics
import sys

import harness
import receiver

WAYS = [("off", {}),
        ("console", {"LOGFIRE_ENABLED": "true", "LOGFIRE_SEND_TO_LOGFIRE": "false", "LOGFIRE_CONSOLE_LOGGING": "true"}),
        ("otlp", {"OTEL_EXPORTER_OTLP_ENDPOINT": "URL"})]
AIMS = {"console": 1.0, "otlp": 2.0}  # percent


def quartiles(values):
    if len(values) == 1:
        values = values * 2
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "low": low, "high": high}


def measure(end_to_end, rounds):
    """end_to_end(**variables of the .env) → {"events", "cpu", …}"""
    pairs = []
    with receiver.Receiver() as otlp:
        for number in range(rounds):
            used = {}
            for name, variables in WAYS[number % len(WAYS):] + WAYS[:number % len(WAYS)]:
                result = end_to_end(**{k: otlp.url if v == "URL" else v for k, v in variables.items()})
                used[name] = result["cpu"] / result["events"] * 1e6
            pairs.append(used)
            print(f"round {number + 1} of {rounds}: (t) telemetry … "
                  + ", ".join(f"{name} {used[name]:.3f}" for name, _ in WAYS) + " CPU s per million", file=sys.stderr, flush=True)
        if not otlp.to("/v1/traces"):
            raise harness.Failed("no span came to the receiver")
    return {"cpu_per_million": {name: quartiles([p[name] for p in pairs]) for name, _ in WAYS},
            "more_percent": {name: quartiles([100 * (p[name] / p["off"] - 1) for p in pairs]) for name, _ in WAYS[1:]},
            "rounds": pairs}


def print_table(found):
    print()
    print(f"(t) {'telemetry':12}{'CPU s/M':>10}{'more than off':>16}{'half of the pairs':>22}{'aim':>8}")
    for name, used in found["cpu_per_million"].items():
        line = f"    {name:12}{used['median']:>10.3f}"
        if name in found["more_percent"]:
            more = found["more_percent"][name]
            spread = f"{more['low']:+.2f} … {more['high']:+.2f} %"
            line += f"{more['median']:>+14.2f} %{spread:>22}{f'< {AIMS[name]:.0f} %':>8}"
        print(line)
