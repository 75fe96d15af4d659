#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""What record_everything recorded, read by others: opentelemetry-proto, and the OpenTelemetry Collector.

usage: test_otlp.py [COLLECTOR]: prints TAP; $BUILD holds the program. Without the collector's path its tests are
skipped. Runs in the environment of requirements.txt: use tests/otlp/run.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import compare
import expected
import otlp
import receiver

PROGRAM = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "tests" / "otlp" / "record_everything"
RUN_SECONDS = 120
VALUES_MIN = 400  # in a recording
REQUESTS_MIN = 4  # two collections of metrics, traces, logs
PROTOCOLS = ["http/protobuf", "http/protobuf+gzip", "http/json", "http/json+gzip", "grpc", "grpc+gzip",
             "delta+http/protobuf", "delta+http/json", "delta+grpc"]
SKIPPED = "there is no Go to build the collector with (tests/otlp/collector)"


class Recording:
    """A run of the program with its destinations."""

    def __init__(self, *destinations):
        begin = time.time_ns()
        process = subprocess.Popen([str(PROGRAM), *destinations], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode == 0, f"record_everything ended with {process.returncode}: {err}"
        self.ran, self.pid, self.counts = (begin, time.time_ns()), process.pid, json.loads(out)
        assert self.counts["dropped"] == 0, f"dropped: {self.counts}"

    def check(self, requests, metrics):
        problems = compare.Comparison(self.ran).everything(requests, metrics)
        assert not problems, "\n".join(problems[:30])


def read_folder(folder):
    """signal → requests in order, of a memory exporter."""
    requests = {"traces": [], "metrics": [], "logs": []}
    for path in sorted(folder.iterdir()):
        signal = path.suffix[1:]
        requests[signal].append(otlp.from_protobuf(signal, path.read_bytes()))
    return requests


def read_lines(lines):
    requests = {"traces": [], "metrics": [], "logs": []}
    for line in lines:
        signal, request = otlp.from_json(line)
        requests[signal].append(request)
    return requests


def folder(work, name):
    made = work / name
    made.mkdir()
    return made


def want(kind):
    return expected.DELTA_METRICS if kind.startswith("delta+") else expected.CUMULATIVE_METRICS


def decoded(kind, text):
    def test(work, _):
        to = folder(work, kind)
        Recording(f"{kind}:{to}").check(read_folder(to), want(kind))
    test.__doc__ = f"protobuf, {text}: opentelemetry-proto reads what was recorded"
    return test


def read(kind, text):
    def test(work, _):
        to = work / f"{kind}.jsonl"
        recording = Recording(f"{kind}:{to}")
        recording.check(read_lines(to.read_text().splitlines()), want(kind))
    test.__doc__ = f"JSON lines, {text}: protobuf's JSON reader finds what was recorded"
    return test


def style(work, _):
    """JSON lines: names, ids, numbers and bytes are written as OTLP asks"""
    for kind in ("file", "delta+file"):
        to = work / f"style.{kind}.jsonl"
        Recording(f"{kind}:{to}")
        lines = to.read_text().splitlines()
        assert len(lines) == REQUESTS_MIN, f"{len(lines)} lines"
        assert sum(otlp.check_json_style(line) for line in lines) > VALUES_MIN


def same(work, _):
    """traces and logs of one recording are the same messages in protobuf and in JSON"""
    to, lines = folder(work, "same"), work / "same.jsonl"
    Recording(f"memory:{to}", f"file:{lines}")
    wanted, got = read_folder(to), read_lines(lines.read_text().splitlines())
    assert repr(got["traces"]) == repr(wanted["traces"])
    assert repr(got["logs"]) == repr(wanted["logs"])


def is_all(lines):
    return len(lines) >= REQUESTS_MIN and receiver.span_count(lines) == len(expected.SPANS)


def posted_protobuf(kind):
    def test(work, collector):
        to = folder(work, "posted." + kind)
        recording = Recording(f"{kind}:{to}")
        for path in sorted(to.iterdir()):
            status, body = collector.post(path.suffix[1:], "application/x-protobuf", path.read_bytes())
            assert status == 200, (path.name, status, body)
        recording.check(read_lines(collector.received(recording.pid, is_all)), want(kind))
    test.__doc__ = f"collector: takes requests in protobuf ({kind}) and has what was recorded"
    return test


def posted_json(kind):
    def test(work, collector):
        to = work / f"posted.{kind}.jsonl"
        recording = Recording(f"{kind}:{to}")
        for line in to.read_text().splitlines():
            signal = otlp.signal_of(json.loads(line))
            status, body = collector.post(signal, "application/json", line.encode())
            assert status == 200, (signal, status, body)
        recording.check(read_lines(collector.received(recording.pid, is_all)), want(kind))
    test.__doc__ = f"collector: takes JSON lines as requests ({kind}) and has what was recorded"
    return test


def sent(kind):
    def test(_, collector):
        port = collector.grpc if "grpc" in kind else collector.http
        recording = Recording(f"{kind}:http://127.0.0.1:{port}")
        recording.check(read_lines(collector.received(recording.pid, is_all)), want(kind))
    test.__doc__ = f"collector: our exporter sends over {kind} and it has what was recorded"
    return test


def main(arguments):
    explicit, exponential = "cumulative", "delta with exponential histograms"
    alone = [decoded("memory", explicit), decoded("delta+memory", exponential), read("file", explicit),
             read("delta+file", exponential), style, same]
    with_collector = [*(posted_protobuf(k) for k in ("memory", "delta+memory")),
                      *(posted_json(k) for k in ("file", "delta+file")), *(sent(k) for k in PROTOCOLS)]
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        collector = receiver.Collector(arguments[0], work) if arguments else None
        try:
            for number, test in enumerate(alone + with_collector, 1):
                if test in with_collector and not collector:
                    print(f"ok {number} - {test.__doc__} # SKIP {SKIPPED}", flush=True)
                    continue
                try:
                    test(work, collector)
                    print(f"ok {number} - {test.__doc__}", flush=True)
                except Exception as problem:  # one test's failure does not hide the others'
                    failed += 1
                    print(f"not ok {number} - {test.__doc__}", flush=True)
                    print("# " + f"{type(problem).__name__}: {problem}".replace("\n", "\n# "), flush=True)
        finally:
            if collector:
                collector.stop()
    print(f"1..{len(alone) + len(with_collector)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
