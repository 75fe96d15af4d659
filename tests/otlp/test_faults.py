# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""OTLP over HTTP against collectors that are absent, slow, full, broken or gone half-way."""

import email.utils
import json
import ssl
import tempfile
import time
import unittest

from fault_server import (CLOSE, HALF_CLOSE, HANG, RESET, FaultServer, Then, answer, free_port)
from recorder import main, make_keys, record

OK = answer()
# An ExportTraceServiceResponse with a partial success: 1 rejected_spans, 2 error_message.
PARTIAL = bytes([0x0A, 11, 0x08, 2, 0x12, 7]) + b"too old"
STATUS = bytes([0x08, 3, 0x12, 8]) + b"bad name"  # google.rpc.Status: 1 code, 2 message
MOST_KB = 20 * 1024  # issue: memory with a dead collector
GRACE_SECONDS = 1.0  # for a machine that is busy


def first(action, then=OK):
    return lambda request, number: action if number == 1 else then


class Statuses(unittest.TestCase):
    """What is tried again, how often, and what is told and counted."""

    def test_other_statuses_than_the_four_are_not_tried_again(self):
        for status in (400, 401, 403, 404, 405, 408, 411, 415, 422, 500, 501, 505):
            with self.subTest(status), FaultServer(lambda request, number, s=status: answer(s, STATUS)) as server:
                out = record(server.url, spans=3)
                self.assertEqual(len(server.requests), 1)
                self.assertEqual((out.exported, out.dropped_export, out.retries), (0, 3, 0))
                self.assertIn(f"3 records dropped: {server.url}/v1/traces answered {status}: bad name", out.said)

    def test_the_four_are_tried_again_until_they_succeed(self):
        for status in (429, 502, 503, 504):
            with self.subTest(status), FaultServer(first(answer(status))) as server:
                out = record(server.url, spans=3)
                self.assertEqual(len(server.requests), 2)
                self.assertEqual((out.exported, out.dropped, out.retries), (3, 0, 1))
                self.assertEqual(server.requests[0].body, server.requests[1].body)
                self.assertEqual(out.said, "")

    def test_the_time_out_bounds_the_attempts(self):
        with FaultServer(lambda request, number: answer(503)) as server:
            began = time.monotonic()
            out = record(server.url, spans=3, timeout_ms=2000)
            self.assertLess(time.monotonic() - began, 2 + GRACE_SECONDS)
            self.assertGreaterEqual(len(server.requests), 2)
            self.assertEqual((out.exported, out.dropped_export), (0, 3))
            self.assertIn("3 records dropped after retries", out.said)

    def test_retry_after_in_seconds_is_waited_for(self):
        for status in (429, 503):
            with self.subTest(status), FaultServer(first(answer(status, headers=["Retry-After: 2"]))) as server:
                out = record(server.url)
                self.assertEqual(out.exported, 1)
                self.assertEqual(len(server.requests), 2)
                self.assertGreaterEqual(server.requests[1].at - server.requests[0].at, 2)

    def test_retry_after_as_a_date_is_waited_for(self):
        when = []

        def handler(request, number):
            if number > 1:
                return OK
            when.append(int(time.time()) + 3)
            date = email.utils.formatdate(when[0], usegmt=True)
            return answer(429, headers=[f"Retry-After: {date}"])

        with FaultServer(handler) as server:
            out = record(server.url)
            self.assertEqual(out.exported, 1)
            # Dates have whole seconds.
            self.assertGreaterEqual(time.time(), when[0])
            self.assertGreaterEqual(server.requests[1].at - server.requests[0].at, 1)

    def test_a_retry_after_beyond_the_time_out_gives_up_at_once(self):
        with FaultServer(lambda request, number: answer(429, headers=["Retry-After: 3600"])) as server:
            began = time.monotonic()
            out = record(server.url, spans=2, timeout_ms=5000)
            self.assertLess(time.monotonic() - began, 3)
            self.assertEqual(len(server.requests), 1)
            self.assertEqual(out.dropped_export, 2)

    def test_413_halves_the_request_until_it_fits(self):
        with FaultServer(lambda request, number: answer(413) if request.spans() > 10 else OK) as server:
            out = record(server.url, spans=100)
            self.assertEqual((out.exported, out.dropped), (100, 0))
            self.assertEqual(sum(r.spans() for r in server.requests if r.spans() <= 10), 100)

    def test_a_single_record_that_is_too_large_is_given_up(self):
        with FaultServer(lambda request, number: answer(413)) as server:
            out = record(server.url, spans=2)
            self.assertEqual([r.spans() for r in server.requests], [2, 1, 1])
            self.assertEqual(out.dropped_export, 2)

    def test_a_partial_success_is_counted_and_not_repeated(self):
        with FaultServer(lambda request, number: answer(200, PARTIAL)) as server:
            out = record(server.url, spans=5, rounds=2)
            self.assertEqual(len(server.requests), 2)
            self.assertEqual((out.exported, out.dropped_export), (6, 4))
            self.assertIn("2 records refused by the receiver: ", out.said)
            self.assertIn("too old", out.said)

    def test_a_partial_success_in_json(self):
        body = json.dumps({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}).encode()
        with FaultServer(lambda request, number: answer(200, body, "application/json")) as server:
            out = record(server.url, spans=5, protocol="http/json")
            self.assertEqual((out.exported, out.dropped_export), (3, 2))
            sent = json.loads(server.requests[0].message())
            self.assertEqual(len(sent["resourceSpans"][0]["scopeSpans"][0]["spans"]), 5)
            self.assertEqual(server.requests[0].headers["content-type"], "application/json")

    def test_a_redirect_is_not_followed(self):
        with FaultServer(lambda request, number: answer(307, headers=["Location: http://127.0.0.1:9/"])) as server:
            out = record(server.url)
            self.assertEqual((len(server.requests), out.dropped_export), (1, 1))
            self.assertIn("redirects are not followed", out.said)

    def test_logfires_warning_is_shown_once_per_text(self):
        with FaultServer(lambda request, number: answer(headers=[f"X-Logfire-Warning: text {number // 3}"])) as server:
            out = record(server.url, rounds=5)
            self.assertEqual(out.exported, 5)
            self.assertEqual(out.lines, ["Logfire: text 0", "Logfire: text 1"])

    def test_trouble_is_told_once_a_minute_and_summed_up_at_the_end(self):
        with FaultServer(lambda request, number: answer(400)) as server:
            out = record(server.url, spans=2, rounds=10)
            self.assertEqual(len(server.requests), 10)
            self.assertEqual(len(out.lines), 2)
            self.assertIn(" 2 records dropped", out.lines[0])
            self.assertIn(" 18 records dropped", out.lines[1])


class Bodies(unittest.TestCase):
    """Answers that are none."""

    def test_garbage_behind_200_is_told_and_nothing_is_lost(self):
        with FaultServer(lambda request, number: answer(200, b"\xff\xff\xff\xffgarbage")) as server:
            out = record(server.url, spans=3)
            self.assertEqual((len(server.requests), out.exported, out.dropped), (1, 3, 0))
            self.assertIn("cannot be read", out.said)

    def test_a_page_of_a_proxy_behind_200_is_a_success(self):
        with FaultServer(lambda request, number: answer(200, b"<html>", "text/html")) as server:
            out = record(server.url, spans=3)
            self.assertEqual((out.exported, out.said), (3, ""))

    def test_garbage_behind_400(self):
        for body, kind in ((b"\xff\xff\xff\xff", "application/x-protobuf"), (b"{{{", "application/json"),
                           (b"\xff\xfe no \x1b[31m", "text/plain"), (b"", "text/html")):
            with self.subTest(kind), FaultServer(lambda request, number, b=body, k=kind: answer(400, b, k)) as server:
                out = record(server.url, spans=3)
                self.assertEqual((len(server.requests), out.dropped_export), (1, 3))
                self.assertNotIn("\x1b", out.said)

    def test_what_is_no_http_is_told_and_not_tried_again(self):
        with FaultServer(lambda request, number: Then(b"\x00\x01\x02 this is no HTTP\r\n\r\n", CLOSE)) as server:
            out = record(server.url, spans=3)
            self.assertEqual((len(server.requests), out.exported, out.dropped_export), (1, 0, 3))
            self.assertIn("not HTTP/1.1", out.said)

    def test_an_answer_without_end_is_cut_off_and_not_asked_for_again(self):
        with FaultServer(lambda request, number: answer(200, b"x" * (5 << 20))) as server:
            out = record(server.url, spans=3)
            self.assertEqual((len(server.requests), out.exported, out.dropped_export), (1, 0, 3))
            self.assertIn("longer than allowed", out.said)
            self.assertLess(out.most_kb - out.before_kb, MOST_KB)


class Connections(unittest.TestCase):
    def test_requests_share_a_connection(self):
        with FaultServer(lambda request, number: OK) as server:
            out = record(server.url, rounds=5)
            self.assertEqual((out.exported, len(server.requests), server.connections), (5, 5, 1))

    def test_nobody_listens(self):
        began = time.monotonic()
        out = record(f"http://127.0.0.1:{free_port()}", spans=3, timeout_ms=2000)
        self.assertLess(time.monotonic() - began, 2 + GRACE_SECONDS)
        self.assertGreaterEqual(out.retries, 1)
        self.assertEqual((out.exported, out.dropped_export, out.bytes), (0, 3, 0))
        self.assertIn("3 records dropped after retries", out.said)

    def test_a_name_that_does_not_exist(self):
        out = record("http://collector.invalid:4318", spans=3, timeout_ms=2000)
        self.assertEqual((out.exported, out.dropped_export), (0, 3))

    def test_a_connection_that_breaks_is_made_anew(self):
        broken = {"reset": RESET, "closed": CLOSE,
                  "dies in the headers": Then(b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE),
                  "dies in the body": Then(answer(200, b"abc", length=100), CLOSE),
                  "reset in the body": Then(answer(200, b"abc", length=100), RESET)}
        for name, action in broken.items():
            with self.subTest(name), FaultServer(first(action)) as server:
                out = record(server.url, spans=3)
                self.assertEqual((len(server.requests), out.exported, out.dropped), (2, 3, 0))

    def test_a_connection_that_breaks_for_ever(self):
        with FaultServer(lambda request, number: RESET) as server:
            out = record(server.url, spans=3, timeout_ms=2000)
            self.assertGreaterEqual(len(server.requests), 2)
            self.assertEqual((out.exported, out.dropped_export), (0, 3))

    def test_kept_connections_that_the_peer_has_left_cost_nothing(self):
        for end in (HALF_CLOSE, CLOSE, RESET):
            with self.subTest(end), FaultServer(lambda request, number, e=end: Then(OK, e)) as server:
                out = record(server.url, spans=3, rounds=5)
                self.assertEqual((out.exported, out.dropped, len(server.requests)), (15, 0, 5))
                self.assertEqual(out.said, "")

    def test_a_child_has_connections_of_its_own(self):
        with FaultServer(lambda request, number: OK) as server:
            out = record(server.url, fork=True)
            self.assertEqual((out.child, out.exported, len(server.requests)), (0, 2, 3))
            self.assertEqual([r.connection for r in server.requests], [1, 2, 1])

    def test_gzip(self):
        with FaultServer(lambda request, number: OK) as server:
            out = record(server.url, spans=100, gzip=True)
            request = server.requests[0]
            self.assertEqual(request.headers["content-encoding"], "gzip")
            self.assertEqual(request.spans(), 100)
            self.assertLess(len(request.body), len(request.message()) / 2)
            self.assertEqual(out.bytes, len(request.body))

    def test_headers(self):
        with FaultServer(lambda request, number: answer(401, b"no CANARY-VALUE here", "text/plain")) as server:
            out = record(server.url + "/base/", header=["Authorization: Bearer CANARY-VALUE", "X-Scope-OrgID: one",
                                                        "Content-Type: text/html"])
            request = server.requests[0]
            self.assertEqual(request.path, "/base/v1/traces")
            self.assertEqual(request.headers["authorization"], "Bearer CANARY-VALUE")
            self.assertEqual(request.headers["x-scope-orgid"], "one")
            self.assertEqual(request.headers["content-type"], "application/x-protobuf")
            self.assertRegex(request.headers["user-agent"], r"^OTel-OTLP-Exporter-C/\d+\.\d+")
            self.assertNotIn("CANARY", out.said)
            self.assertIn("answered 401", out.said)

    def test_secrets_of_the_endpoint_are_not_told(self):
        out = record(f"http://user:CANARY-VALUE@127.0.0.1:{free_port()}/?key=CANARY-VALUE", timeout_ms=1000)
        self.assertEqual(out.dropped_export, 1)
        self.assertNotIn("CANARY", out.said)

    def test_requests_are_split_by_size(self):
        with FaultServer(lambda request, number: OK) as server:
            out = record(server.url, spans=300, attribute_bytes=1000, request_max=50000)
            self.assertEqual(out.exported, 300)
            self.assertGreaterEqual(len(server.requests), 6)
            self.assertLessEqual(max(len(r.body) for r in server.requests), 50000)


class Patience(unittest.TestCase):
    """A slow or dead collector harms nobody but itself."""

    def test_slower_than_the_time_out(self):
        with FaultServer(lambda request, number: HANG) as server:
            out = record(server.url, spans=3, timeout_ms=500)
            self.assertEqual(len(server.requests), 1)
            self.assertEqual((out.exported, out.dropped_export), (0, 3))
            self.assertIn("3 records dropped after retries", out.said)

    def test_the_end_comes_within_the_deadline(self):
        for action in (HANG, answer(503, headers=["Retry-After: 5"])):
            with self.subTest(str(action)[:20]), FaultServer(lambda request, number, a=action: a) as server:
                began = time.monotonic()
                out = record(server.url, spans=3, flush_ms=300, timeout_ms=60000, shutdown_ms=1000)
                self.assertLess(time.monotonic() - began, 1.3 + GRACE_SECONDS)
                self.assertLess(out.shutdown_s, 1 + GRACE_SECONDS)
                self.assertNotEqual(out.shutdown, 0)
                self.assertEqual((out.exported, out.dropped_shutdown), (0, 3))
                self.assertIn("3 records dropped at the end", out.said)

    def test_three_signals_share_the_deadline(self):
        with FaultServer(lambda request, number: HANG) as server:
            out = record(server.url, signals="traces,metrics,logs", logs=True, metrics=True, flush_ms=300,
                         timeout_ms=60000, shutdown_ms=1000)
            server.wait_for_requests(3)
            self.assertEqual({r.path for r in server.requests}, {"/v1/traces", "/v1/metrics", "/v1/logs"})
            self.assertLess(out.shutdown_s, 1 + GRACE_SECONDS)

    def test_one_signal_that_hangs_does_not_hold_up_the_others(self):
        with FaultServer(lambda request, number: HANG if request.path == "/v1/traces" else OK) as server:
            out = record(server.url, signals="traces,metrics,logs", logs=True, metrics=True, flush_ms=1000,
                         timeout_ms=60000, shutdown_ms=500)
            self.assertEqual((out.exported, out.dropped_shutdown), (1, 1))

    def assert_a_million_spans_cost_little(self, endpoint):
        out = record(endpoint, spans=1000000, flush_ms=100, shutdown_ms=500)
        self.assertEqual(out.started, 1000000)
        self.assertEqual(out.exported, 0)
        self.assertEqual(out.dropped, 1000000, "what was lost is counted")
        self.assertLess(out.most_kb - out.before_kb, MOST_KB)
        self.assertLess(out.shutdown_s, 0.5 + GRACE_SECONDS)
        # Nobody waited: what took longer than a millisecond was the scheduler's doing, now and then.
        self.assertLess(out.slow, 1000)
        self.assertLess(out.record_s, 20)
        return out

    def test_a_million_spans_while_nobody_listens(self):
        self.assert_a_million_spans_cost_little(f"http://127.0.0.1:{free_port()}")

    def test_a_million_spans_while_the_collector_hangs(self):
        with FaultServer(lambda request, number: HANG) as server:
            self.assert_a_million_spans_cost_little(server.url)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        make_keys(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def key(self, name):
        return f"{self.folder.name}/{name}"

    def context(self, wants_client=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.key("server.pem"), self.key("server.key"))
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.key("ca.pem"))
        return context

    def test_an_own_ca(self):
        with FaultServer(lambda request, number: OK, tls=self.context()) as server:
            out = record(server.url, ca=self.key("ca.pem"), rounds=3)
            self.assertEqual((out.exported, server.connections), (3, 1))

    def test_a_certificate_that_is_not_trusted_is_final(self):
        with FaultServer(lambda request, number: OK, tls=self.context()) as server:
            out = record(server.url)
            self.assertEqual((out.exported, out.dropped_export, out.retries), (0, 1, 0))
            self.assertIn("certificate", out.said)

    def test_a_child_leaves_its_parents_connection_alone(self):
        with FaultServer(lambda request, number: OK, tls=self.context()) as server:
            out = record(server.url, ca=self.key("ca.pem"), fork=True)
            self.assertEqual((out.child, out.exported, out.retries), (0, 2, 0))
            self.assertEqual([r.connection for r in server.requests], [1, 2, 1])

    def test_a_peer_that_resets_connections_does_not_end_the_program(self):
        with FaultServer(lambda request, number: Then(OK, RESET), tls=self.context()) as server:
            out = record(server.url, ca=self.key("ca.pem"), spans=3, rounds=3)
            # A reset may destroy an answer on its way, so that a batch is sent again, at last in vain.
            self.assertEqual((out.code, out.exported + out.dropped), (0, 9))

    def test_the_clients_certificate(self):
        with FaultServer(lambda request, number: OK, tls=self.context(wants_client=True)) as server:
            out = record(server.url, ca=self.key("ca.pem"), certificate=self.key("client.pem"),
                         key=self.key("client.key"))
            self.assertEqual(out.exported, 1)
            out = record(server.url, ca=self.key("ca.pem"), timeout_ms=1000)
            self.assertEqual((out.exported, out.dropped_export), (0, 1))


if __name__ == "__main__":
    main()
