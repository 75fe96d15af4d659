# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""What record_everything.c records, by hand, in the form of otlp.py.

NOW stands for a time while the program ran. Ids are random: a span's own are left out, its parent is named.
"""

import math

T0 = 1767323045123456789
MS = 1_000_000
NOW = "now"
SAMPLED, RANDOM, KNOWN, REMOTE = 0x1, 0x2, 0x100, 0x200  # Span.flags
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
UNSET, OK, ERROR = 0, 1, 2
DELTA, CUMULATIVE = 1, 2

RESOURCE = {"service.name": "everything", "service.version": "1.2.3", "deployment.environment.name": "test",
            "zones": ["a", "b"], "shard": -7, "weight": 1.0, "canary": False, "telemetry.sdk.language": "c"}

NESTED = [1, None, ""]
INNER = {"list": NESTED, "nothing": None}
EVERY_VALUE = {
    "given": "at the start", "replaced": "by text",
    "string": 'grüß 🦆 "quoted" \\ \n\t', "string.empty": "", "string.broken": "a\ufffd\ufffd(b", "string.nul": "a\0b",
    "bool.true": True, "bool.false": False, "int.zero": 0, "int.min": -2**63, "int.max": 2**63 - 1,
    "double.zero": 0.0, "double.negative_zero": -0.0, "double.tenth": 0.1, "double.least": 5e-324,
    "double.greatest": 1.7976931348623157e308, "double.nan": math.nan, "double.infinity": math.inf,
    "double.negative_infinity": -math.inf, "bytes": b"\x00\x01\xfe\xff", "bytes.empty": b"", "null": None,
    "array": ["a", -1, 2.5, True, None, b"\x01\x02", NESTED, INNER], "array.empty": [],
    "map": {"inner": INNER, "n": 7}, "map.empty": {},
}

REMOTE_TRACE, REMOTE_SPAN, STATE = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "vendor=value,other=1"


def span(start=T0, end=T0, kind=INTERNAL, parent="", trace=None, state="", flags=SAMPLED | RANDOM | KNOWN,
         attributes=None, dropped=(0, 0, 0), events=(), links=(), status=(UNSET, "")):
    return {"parent": parent, "trace": trace, "state": state, "flags": flags, "kind": kind, "start": start, "end": end,
            "attributes": attributes or {}, "dropped": dropped, "events": list(events), "links": list(links),
            "status": status}


def event(time, name, attributes=None, dropped=0):
    return {"time": time, "name": name, "attributes": attributes or {}, "dropped": dropped}


def link(flags, attributes=None, dropped=0, trace=REMOTE_TRACE, span_id=REMOTE_SPAN, state=STATE):
    return {"trace": trace, "id": span_id, "state": state, "flags": flags, "attributes": attributes or {},
            "dropped": dropped}


# (scope, name). A parent and a link's ids are names of spans here, or the ids of the remote one.
SPANS = {
    ("lib.one", "every value"): span(end=T0 + 1500 * MS, kind=SERVER, attributes=EVERY_VALUE),
    ("lib.one", "parent"): span(end=T0 + 10 * MS),
    ("lib.one", "child internal"): span(T0 + 1 * MS, T0 + 2 * MS, INTERNAL, "parent"),
    ("lib.two", "child client"): span(T0 + 2 * MS, T0 + 3 * MS, CLIENT, "parent", status=(OK, "")),
    ("lib.one", "child producer"): span(T0 + 3 * MS, T0 + 4 * MS, PRODUCER, "parent",
                                        status=(ERROR, "the broker said no")),
    ("lib.two", "child consumer"): span(T0 + 4 * MS, T0 + 5 * MS, CONSUMER, "parent", status=(ERROR, "")),
    ("lib.two", "remote parent"): span(end=T0 + MS, kind=CONSUMER, parent=REMOTE_SPAN, trace=REMOTE_TRACE, state=STATE,
                                       flags=SAMPLED | KNOWN | REMOTE),
    ("lib.two", "links"): span(links=[link(SAMPLED | KNOWN | REMOTE, {"why": "linked", "n": 2}), link(KNOWN)]),
    ("lib.one", "events"): span(end=T0 + 5 * MS, events=[
        event(T0 + 1, "with attributes", {"k": "v", "d": 0.5}), event(T0 + 2, "without"),
        event(NOW, "exception", {"exception.type": "ValueError", "exception.message": "it broke",
                                 "exception.stacktrace": "line 1\nline 2", "exception.escaped": "True"})],
        status=(ERROR, "ValueError: it broke")),
    ("lib.two", "past limits"): span(
        attributes={f"key.{i}": i for i in range(32)}, dropped=(8, 3, 2),
        events=[event(T0 + i, "event", {"a": 1, "b": 2, "c": 3, "d": 4}, 1) for i in range(4)],
        links=[link(SAMPLED | RANDOM | KNOWN, {"a": 1, "b": 2}, 1, "linked to", "linked to", "")] * 3),
    ("lib.two", "linked to"): span(NOW, NOW),
    ("lib.one", "hello {user.name}"): span(NOW, NOW, attributes={"user.name": "ada", "count": 3, "logfire.level_num": 13}),
    ("lib.one", "around logs"): span(end=T0 + 4),
}

LOG_RECORDS = [
    {"scope": ("lib.one", "1.0"), "time": T0 + 3, "observed": NOW, "severity": (17, "ERROR"),
     "body": {"text": "hello", "more": INNER}, "attributes": {"user.name": "ada", "count": 3}, "dropped": 0,
     "flags": SAMPLED | RANDOM, "trace": "around logs", "id": "around logs", "event": "everything.happened"},
    {"scope": ("lib.one", "1.0"), "time": 0, "observed": NOW, "severity": (0, ""), "body": "plain", "attributes": {},
     "dropped": 0, "flags": 0, "trace": "", "id": "", "event": ""},
]

A = {"kind": "a", "partition": 3, "good": True, "ratio": 0.25}
B = {"kind": "b"}
DEFAULT_BOUNDS = [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0]


def total(points, temporality, unit="", description="", monotonic=True):
    return {"unit": unit, "description": description, "kind": "sum", "temporality": temporality, "monotonic": monotonic,
            "points": [{"attributes": a, "start": NOW, "time": NOW, "flags": 0, "value": v} for a, v in points]}


def gauge(points, unit=""):
    return {"unit": unit, "description": "", "kind": "gauge", "temporality": None, "monotonic": None,
            "points": [{"attributes": a, "start": 0, "time": NOW, "flags": 0, "value": v} for a, v in points]}


def histogram(unit, attributes, count, sum_, least, greatest, counts, bounds):
    return {"unit": unit, "description": "", "kind": "histogram", "temporality": CUMULATIVE, "monotonic": None,
            "points": [{"attributes": attributes, "start": NOW, "time": NOW, "flags": 0, "count": count, "sum": sum_,
                        "min": least, "max": greatest, "counts": counts, "bounds": bounds}]}


def exponential(unit, attributes, count, sum_, least, greatest, scale, zero, positive):
    return {"unit": unit, "description": "", "kind": "exponential_histogram", "temporality": DELTA, "monotonic": None,
            "points": [{"attributes": attributes, "start": NOW, "time": NOW, "flags": 0, "count": count, "sum": sum_,
                        "min": least, "max": greatest, "scale": scale, "zero": zero, "positive": positive,
                        "negative": {}, "threshold": 0.0}]}


# One dict per collection.
CUMULATIVE_METRICS = [
    {
        ("lib.one", "count"): total([(A, 5), (B, 2**53 + 1)], CUMULATIVE, "{event}", "Events grüß"),
        ("lib.one", "count.floating"): total([({}, 0.1)], CUMULATIVE, "s"),
        ("lib.one", "up_down"): total([({}, -4)], CUMULATIVE, monotonic=False),
        ("lib.one", "observed"): total([({"cpu": 0}, 99)], CUMULATIVE),
        ("lib.two", "gauge"): gauge([({}, -2**63)], "By"),
        ("lib.two", "gauge.floating"): gauge([(B, -2.5)]),
        ("lib.one", "duration"): histogram("ms", {}, 5, 7.5, 0.0, 4.0, [1, 4] + [0] * 14, DEFAULT_BOUNDS),
        ("lib.one", "duration.bounds"): histogram("s", B, 5, 7.5, 0.0, 4.0, [2, 1, 2, 0], [0.5, 1.0, 10.0]),
    },
    {
        ("lib.one", "count"): total([(A, 5), (B, 2**53 + 8)], CUMULATIVE, "{event}", "Events grüß"),
        ("lib.one", "count.floating"): total([({}, 0.1)], CUMULATIVE, "s"),
        ("lib.one", "up_down"): total([({}, -3)], CUMULATIVE, monotonic=False),
        ("lib.one", "observed"): total([({"cpu": 0}, 99)], CUMULATIVE),
        ("lib.two", "gauge"): gauge([({}, 17)], "By"),
        ("lib.two", "gauge.floating"): gauge([(B, -2.5)]),
        ("lib.one", "duration"): histogram("ms", {}, 5, 7.5, 0.0, 4.0, [1, 4] + [0] * 14, DEFAULT_BOUNDS),
        ("lib.one", "duration.bounds"): histogram("s", B, 6, 107.5, 0.0, 100.0, [2, 1, 2, 1], [0.5, 1.0, 10.0]),
    },
]

# 0.5, 1, 2 and 4 span three powers of two: 3 * 2^5 + 1 buckets are the most below 160. A bucket's upper bound belongs to
# it, so 1 is in bucket -1.
POWERS = {-33: 1, -1: 1, 31: 1, 63: 1}
# 100 alone stays at the finest scale: log2(100) * 2^20 lies between 6966588 and 6966589.
DELTA_METRICS = [
    {
        ("lib.one", "count"): total([(A, 5), (B, 2**53 + 1)], DELTA, "{event}", "Events grüß"),
        ("lib.one", "count.floating"): total([({}, 0.1)], DELTA, "s"),
        ("lib.one", "up_down"): total([({}, -4)], CUMULATIVE, monotonic=False),
        ("lib.one", "observed"): total([({"cpu": 0}, 99)], DELTA),
        ("lib.two", "gauge"): gauge([({}, -2**63)], "By"),
        ("lib.two", "gauge.floating"): gauge([(B, -2.5)]),
        ("lib.one", "duration"): exponential("ms", {}, 5, 7.5, 0.0, 4.0, 5, 1, POWERS),
        ("lib.one", "duration.bounds"): exponential("s", B, 5, 7.5, 0.0, 4.0, 5, 1, POWERS),
    },
    {
        ("lib.one", "count"): total([(B, 7)], DELTA, "{event}", "Events grüß"),
        ("lib.one", "up_down"): total([({}, -3)], CUMULATIVE, monotonic=False),
        ("lib.two", "gauge"): gauge([({}, 17)], "By"),
        ("lib.one", "duration.bounds"): exponential("s", B, 1, 100.0, 100.0, 100.0, 20, 0, {6966588: 1}),
    },
]
