# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Logfire: what its service says about a token, and what we send beside what its own SDK sends."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import unittest

from fault_server import CLOSE, HANG, FaultServer, answer, free_port
from recorder import BUILD, RUN_SECONDS, main

FOLDER = pathlib.Path(__file__).resolve().parent
RECORD_LOGFIRE = BUILD / "tests" / "otlp" / "record_logfire"
TOKEN = "pylf_v1_us_0123456789CANARYabcdef"
HAS_SDK = importlib.util.find_spec("logfire") is not None
PROJECT = {"project_name": "ducks", "project_url": "https://logfire-us.pydantic.dev/o/ducks"}


def run(command, **environment):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("OTEL_", "LOGFIRE_")) and not name.lower().endswith("_proxy")}
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=RUN_SECONDS,
                          check=False, env=env | environment)


def check(base, token=TOKEN, timeout_ms=5000):
    process = run([RECORD_LOGFIRE, "check", base, token, timeout_ms])
    assert process.returncode == 0, process.stderr
    assert "CANARY" not in process.stdout + process.stderr
    return json.loads(process.stdout)


def says(status, body, headers=()):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return FaultServer(lambda request, number: answer(status, data, "application/json", headers))


class Token(unittest.TestCase):
    def test_a_good_token_names_its_project(self):
        with says(200, PROJECT) as server:
            out = check(server.url + "/")
            self.assertEqual((out["status"], out["name"], out["url"], out["warning"]),
                             ("SD_OK", PROJECT["project_name"], PROJECT["project_url"], ""))
            request = server.requests[0]
            self.assertEqual(request.path, "/v1/info")
            self.assertEqual(request.headers["authorization"], TOKEN)
            self.assertIn("streamduck/", request.headers["user-agent"])

    def test_a_warning_is_handed_on(self):
        with says(200, PROJECT, ["X-Logfire-Warning: this token\x01expires soon"]) as server:
            self.assertEqual(check(server.url)["warning"], "this token expires soon")
        with says(401, {"detail": "no"}, ["X-Logfire-Warning: old client"]) as server:
            self.assertEqual(check(server.url)["message"], "Logfire API returned status code 401. Detail: no old client")

    def test_a_refused_token_is_told_with_the_reason(self):
        for status in (401, 403):
            with self.subTest(status), says(status, {"detail": f"Invalid token {TOKEN}\n"}) as server:
                out = check(server.url)
                self.assertEqual((out["status"], out["http"], out["retriable"]), ("SD_DENIED", status, 0))
                self.assertEqual(out["message"],
                                 f"Logfire API returned status code {status}. Detail: Invalid token *** ")

    def test_other_answers_are_told_by_their_number(self):
        for status, body, retriable in ((500, b"oops", 1), (503, {"detail": 5}, 1), (404, {}, 0), (429, b"", 1),
                                        (302, b"", 0)):
            with self.subTest(status), says(status, body) as server:
                out = check(server.url)
                self.assertEqual((out["status"], out["http"], out["retriable"]), ("SD_REMOTE", status, retriable))
                self.assertEqual(out["message"],
                                 f"Logfire API returned status code {status}, you may have trouble sending data.")

    def test_an_answer_that_is_no_json_object(self):
        for body in (b"<html>", b"[]", b"", b'"x"'):
            with self.subTest(body), says(200, body) as server:
                self.assertEqual(check(server.url)["status"], "SD_PROTOCOL")

    def test_members_that_are_missing_are_empty(self):
        with says(200, {"project_name": 5}) as server:
            out = check(server.url)
            self.assertEqual((out["status"], out["name"], out["url"]), ("SD_OK", "", ""))

    def test_nobody_answers(self):
        out = check(f"http://127.0.0.1:{free_port()}")
        self.assertIn(out["status"], ("SD_IO", "SD_CLOSED"))
        self.assertIn("Logfire API is unreachable, you may have trouble sending data. Error: ", out["message"])
        with FaultServer(lambda request, number: HANG) as server:
            self.assertEqual(check(server.url, timeout_ms=300)["status"], "SD_TIMEOUT")
        with FaultServer(lambda request, number: CLOSE) as server:
            self.assertIn("unreachable", check(server.url)["message"])

    def test_what_cannot_be_a_token_is_not_sent(self):
        with says(200, PROJECT) as server:
            for token in ("", "a,b", "a b", "a\r\nHost: x", "x" * 5000):
                with self.subTest(token):
                    out = check(server.url, token)
                    self.assertEqual(out["status"], "SD_CONFIG")
                    self.assertIn("token", out["message"])
            self.assertEqual(server.requests, [])


def is_ours_alone(key):
    """The SDK says where in the source it was; a fingerprint is a hash of it."""
    return key.startswith("code.") or key == "logfire.exception.fingerprint"


def received(command):
    """What a program sent: {(name, kind of span): span}, with names for parents."""
    import otlp

    def handler(request, number):
        return answer(200, json.dumps(PROJECT).encode(), "application/json") if request.path == "/v1/info" else answer()

    with FaultServer(handler) as server:
        process = run([*command, server.url, TOKEN])
        assert process.returncode == 0, process.stderr
        requests = [r for r in server.requests if r.path == "/v1/traces"]
        for request in requests:
            assert request.headers["authorization"] == TOKEN, request.headers
            assert request.headers["content-type"] == "application/x-protobuf", request.headers
            assert request.headers["content-encoding"] == "gzip", request.headers
        found = {}
        names = {}
        for request in requests:
            for _, version, message in otlp.scopes([otlp.from_protobuf("traces", request.message())]):
                for item in message.spans:
                    span = otlp.span(item, version) | {
                        "keys": [pair.key for pair in item.attributes if not is_ours_alone(pair.key)]}
                    key = item.name, span["attributes"]["logfire.span_type"]
                    # A slow machine may end a batch inside any span; this one is open at a flush.
                    if key[1] == "pending_span" and item.name != "process {hub}":
                        continue
                    assert key not in found, f"{key} comes twice"
                    found[key] = span
                    if key[1] != "pending_span":
                        names[span["id"]] = item.name
        for span in found.values():
            span["parent_name"] = names.get(span["parent"], span["parent"])
        return found


@unittest.skipUnless(HAS_SDK, "Logfire's SDK could not be installed (tests/otlp/requirements-logfire.txt)")
class BesideTheSdk(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.theirs = received([sys.executable, FOLDER / "logfire_sdk.py"])
        cls.ours = received([RECORD_LOGFIRE, "record"])

    def test_the_same_records_are_sent(self):
        self.assertEqual(sorted(self.ours), sorted(self.theirs))
        self.assertGreater(len(self.ours), 20)

    def each(self, compare):
        for key, theirs in self.theirs.items():
            with self.subTest(key):
                compare(self.ours[key], theirs)

    def test_attributes_agree_in_value_type_and_schema(self):
        def comparable(span):
            # The SDK writes lists as JSON first and scrubs the text then, so that its blanks differ from ours.
            scrubbed = "logfire.scrubbed" in span["attributes"]
            return {key: repr(json.loads(value) if scrubbed and key == "nested" else value)
                    for key, value in span["attributes"].items() if not is_ours_alone(key)}

        self.each(lambda ours, theirs: self.assertEqual(comparable(ours), comparable(theirs)))

    def test_arguments_come_in_the_same_order(self):
        def arguments(span):
            return [key for key in span["keys"] if not key.startswith("logfire.")]

        self.each(lambda ours, theirs: self.assertEqual(arguments(ours), arguments(theirs)))

    def test_fields_agree(self):
        def compare(ours, theirs):
            for name in ("parent_name", "kind", "state", "status", "dropped", "links"):
                self.assertEqual(ours[name], theirs[name], name)
            # The SDK leaves out the sampled bit, which OTLP asks for.
            self.assertEqual(ours["flags"] & ~0xFF, theirs["flags"])
            self.assertEqual(ours["start"] == ours["end"], theirs["start"] == theirs["end"])

        self.each(compare)

    def test_events_agree(self):
        def plain(span):
            return [(event["name"], {k: v for k, v in event["attributes"].items() if k != "exception.stacktrace"})
                    for event in span["events"]]

        self.each(lambda ours, theirs: self.assertEqual(plain(ours), plain(theirs)))

    def test_errors_have_a_fingerprint_where_the_sdk_has_one(self):
        def length(span):
            return len(span["attributes"].get("logfire.exception.fingerprint", ""))

        self.each(lambda ours, theirs: self.assertEqual(length(ours), length(theirs)))

    def test_trace_ids_begin_with_the_time(self):
        def compare(*spans):
            for span in spans:
                self.assertLess(abs(int(span["trace"][:12], 16) - span["start"] // 1000000), 60000)

        self.each(compare)


if __name__ == "__main__":
    main()
