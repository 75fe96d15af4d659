# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""usage: logfire_sdk.py BASE TOKEN: records with Logfire's own SDK what record_logfire.c records with ours."""

import contextlib
import os
import sys

import logfire


def record_tree():
    with logfire.span("process {hub}", hub="orders"):
        logfire.warn("late by {s} s", s=3, password="x")
        with logfire.span("inner", _tags=["t1", "t2"]):
            pass
        logfire.force_flush()


def record_values():
    with logfire.span("values", s="text ä", b=True, i=-7, f=2.0, tiny=1e-7, none=None, inf=float("inf"), nan=float("nan"),
                      bytes=b"ab\x00\xff", list=[1, 2.5, None, 'a"ä\n'], all_bytes=[b"\x00\xff", b"b"],
                      map={"n": 2, "inner": {"raw": b"x'", "t": True}, "nan": float("nan")}, empty=[]):
        pass


def record_messages():
    text = "a" + "x" * 197 + "z"
    attributes = {"x": 3.14159, "y": "q\n", "z": 1234567, "l": [1, "it's", None, False], "m": {"k": 1e16}, "long": text,
                  "messaging.system": "eventhubs"}
    for template in ("a {x:.2f} {x} {y!r} {z=} {z:,} {z:>10}|", "b {l} {m} {m[k]} {l[1]}", "c {long}",
                     "d {messaging.system} {{x}}", "e {unknown}", "f {", "g {x:%}"):
        logfire.info(template, **attributes)


def record_secrets():
    attributes = {"api_key": 5, "word": "password", "author": "Ann", "text": "the session is x",
                  "json": '{"a": 1, "auth": [1, 2], "u": "ä"}',
                  "nested": {"list": [{"secret": "v", "fine": "w"}, "my password=1", "plain"]},
                  "http.url": "http://host/?session=1", "x_csrf_y": "1", "xcsrfy": "1"}
    logfire.info("secrets {text} {author}", **attributes)


def record_levels():
    for level in ("trace", "debug", "info", "notice", "warn", "error", "fatal"):
        logfire.log(level, f"log {level}")
    with logfire.span("span warn", _level="warn"):
        pass
    with logfire.span("span error", _level="error"):
        pass
    with logfire.span("span later") as span:
        span.set_level("notice")
        span.set_attribute("later", 1)
    with contextlib.suppress(ValueError), logfire.span("span failed"):
        raise ValueError("boom")


def main():
    base, token = sys.argv[1:]
    os.environ["LOGFIRE_EMIT_CONFIGURATION_SPAN"] = "false"
    logfire.configure(token=token, service_name="service", console=False, inspect_arguments=False,
                      advanced=logfire.AdvancedOptions(base_url=base))
    record_tree()
    record_values()
    record_messages()
    record_secrets()
    record_levels()
    logfire.shutdown()


main()
