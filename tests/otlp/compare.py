# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Compares what a receiver got with expected.py, field by field."""

import expected
import otlp

VERSIONS = {"lib.one": "1.0", "lib.two": ""}


class Comparison:
    """What differs, as lines; nothing when all agrees. `ran` is (begin, end) of the program in Unix nanoseconds."""

    def __init__(self, ran):
        self.ran = ran
        self.problems = []

    def must(self, good, text):
        if not good:
            self.problems.append(text)

    def same(self, where, got, want):
        """repr tells 1, 1.0 and True apart and finds NaN equal to NaN."""
        if isinstance(want, dict) and isinstance(got, dict):
            for key in want.keys() | got.keys():
                if key not in got or key not in want:
                    self.problems.append(f"{where}: {key} is {'missing' if key not in got else 'too many'}")
                else:
                    self.same(f"{where}.{key}", got[key], want[key])
        elif isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
            for i, (g, w) in enumerate(zip(got, want)):
                self.same(f"{where}[{i}]", g, w)
        elif want == expected.NOW and isinstance(want, str) and isinstance(got, int):
            self.must(self.ran[0] <= got <= self.ran[1], f"{where}: {got} is not while the program ran")
        else:
            self.must(repr(got) == repr(want), f"{where}: got {got!r}, recorded {want!r}")

    def spans(self, requests):
        got = otlp.spans(requests)
        names = {item["id"]: name for (_, name), item in got.items()}
        trace_of = {name: item["trace"] for (_, name), item in got.items()}
        traces = {item["trace"]: name for (_, name), item in got.items() if not item["parent"]}
        self.must(len(names) == len(got), "two spans have one id")
        readable = {}
        for (scope, name), item in got.items():
            own, trace, version = item.pop("id"), item["trace"], item.pop("version")
            self.must(len(own) == 16 and int(own, 16), f"{name}: its id is {own}")
            self.must(len(trace) == 32 and int(trace, 16), f"{name}: its trace id is {trace}")
            self.must(version == VERSIONS[scope], f"{name}: its scope's version is {version!r}")
            parent = names.get(item["parent"], item["parent"])
            if parent in names.values():
                self.must(trace_of[parent] == trace, f"{name}: its parent is in another trace")
            item["parent"] = parent
            item["trace"] = None if trace != expected.REMOTE_TRACE else trace
            for link in item["links"]:
                link["trace"] = traces.get(link["trace"], link["trace"])
                link["id"] = names.get(link["id"], link["id"])
            readable[scope, name] = item
        self.ids = {name: own for own, name in names.items()}
        self.traces = {name: trace for trace, name in traces.items()}
        self.same("spans", readable, expected.SPANS)

    def log_records(self, requests):
        """After spans, whose names it uses."""
        got = otlp.log_records(requests)
        names = {own: name for name, own in self.ids.items()}
        traces = {trace: name for name, trace in self.traces.items()}
        for item in got:
            item["id"] = names.get(item["id"], item["id"])
            item["trace"] = traces.get(item["trace"], item["trace"])
        self.same("log records", got, expected.LOG_RECORDS)

    def metrics(self, requests, want):
        got = otlp.metrics(requests, VERSIONS)
        for collection in got:
            for (scope, name), metric in collection.items():
                self.must(metric.pop("version") == VERSIONS[scope], f"{name}: its scope's version differs")
                for point in metric["points"]:
                    self.must(point["start"] <= point["time"], f"{name}: a point ends before it starts")
                metric["points"].sort(key=lambda p: repr(sorted(p["attributes"].items())))
        for collection in want:
            for metric in collection.values():
                metric["points"].sort(key=lambda p: repr(sorted(p["attributes"].items())))
        self.same("collections", got, want)

    def resources(self, requests):
        got = otlp.resources(requests)
        self.must(bool(got), "there is no resource")
        for resource in got:
            self.same("resource", {k: resource.get(k) for k in expected.RESOURCE}, expected.RESOURCE)
            self.must(isinstance(resource.get("process.pid"), int), "resource: process.pid is missing")

    def everything(self, requests, want_metrics):
        """requests: signal → messages in order."""
        for each in requests.values():
            self.resources(each)
        self.spans(requests["traces"])
        self.log_records(requests["logs"])
        self.metrics(requests["metrics"], want_metrics)
        return self.problems
