# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Compares the spans of a run, as OTLP/JSON has them, with tests/e2e/spans.tsv."""

import pathlib

TABLE = pathlib.Path(__file__).resolve().parent / "e2e" / "spans.tsv"
TYPES = {"string": "stringValue", "int": "intValue", "bool": "boolValue", "double": "doubleValue"}
LEVELS = {"debug": 5, "info": 9, "warn": 13, "error": 17}


def table():
    """name → (parent's name or None, level, {attribute: member of AnyValue})"""
    rows = {}
    for line in TABLE.read_text().splitlines():
        if not line.startswith("#"):
            name, parent, level, attributes = line.split("\t")
            rows[name] = (None if parent == "-" else parent, level,
                          {k: TYPES[v] for k, v in (item.split(":") for item in attributes.split())})
    return rows


def values(span):
    return {pair["key"]: pair["value"] for pair in span.get("attributes", [])}


def is_pending(span):
    return values(span).get("logfire.span_type", {}).get("stringValue") == "pending_span"


def problems(spans):
    """What differs, as lines."""
    spans = [s for s in spans if not is_pending(s)]
    by_id = {s["spanId"]: s for s in spans}
    found = [f"{name} is missing" for name in table() if not any(s["name"] == name for s in spans)]
    for span in spans:
        if span["name"] not in table():
            continue
        parent, level, attributes = table()[span["name"]]
        above = by_id.get(span.get("parentSpanId"))
        if (above["name"] if above else None) != parent or (above and above["traceId"] != span["traceId"]):
            found.append(f"{span['name']} hangs on {above['name'] if above else span.get('parentSpanId')}")
        has = values(span)
        for key, kind in attributes.items():
            if kind not in has.get(key, {}):
                found.append(f"{span['name']}: {key} is {has.get(key)}, not a {kind}")
        if has.get("logfire.level_num", {}).get("intValue") not in (LEVELS[level], str(LEVELS[level])):
            found.append(f"{span['name']}: its level is {has.get('logfire.level_num')}, not {level}")
    return found
