# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""OTLP over gRPC against grpcio's server: every status code, RetryInfo, TLS, sizes. Needs grpcio and
opentelemetry-proto (tests/otlp/requirements.txt)."""

import concurrent.futures
import tempfile
import threading
import time
import unittest

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from fault_server import CLOSE, FaultServer, Then, answer, free_port
from recorder import main, make_keys, record

CODES = {code.value[0]: code for code in grpc.StatusCode}
RETRIED = {1, 4, 10, 11, 14, 15}  # OTLP specification; 8 only with RetryInfo
SERVER_LIMIT = 4 << 20  # of a gRPC server that is not configured


def field(number, data):
    """A length-delimited field of protobuf."""
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def retry_info(code, seconds, message=b""):
    """google.rpc.Status with google.rpc.RetryInfo."""
    duration = bytes([1 << 3, seconds]) if seconds else b""
    detail = field(1, b"type.googleapis.com/google.rpc.RetryInfo") + field(2, field(1, duration))
    return bytes([1 << 3, code]) + field(2, message) + field(3, detail)


class Call:
    def __init__(self, request, context):
        self.at = time.monotonic()
        self.request = request
        self.metadata = dict(context.invocation_metadata())
        self.remaining = context.time_remaining()
        self.peer = context.peer()  # changes with the connection


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """handler(context, request, number) answers each call to the trace service. A context manager."""

    def __init__(self, handler, credentials=None):
        self.handler, self.calls, self.others = handler, [], []
        self._lock = threading.Lock()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self.server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(
            Other(self.others, metrics_service_pb2.ExportMetricsServiceResponse), self.server)
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(
            Other(self.others, logs_service_pb2.ExportLogsServiceResponse), self.server)
        if credentials:
            self.url = f"https://localhost:{self.server.add_secure_port('127.0.0.1:0', credentials)}"
        else:
            self.url = f"http://127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"

    def Export(self, request, context):
        with self._lock:
            self.calls.append(Call(request, context))
            number = len(self.calls)
        return self.handler(context, request, number) or trace_service_pb2.ExportTraceServiceResponse()

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None)


class Other:
    def __init__(self, requests, response):
        self.requests, self.response = requests, response

    def Export(self, request, context):
        self.requests.append(request)
        return self.response()


def spans_of(request):
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


def export(url, **options):
    return record(url, protocol="grpc", **options)


class Codes(unittest.TestCase):
    def test_a_code_that_comes_once(self):
        for number, code in CODES.items():
            def handler(context, request, call, c=code):
                if call == 1 and c is not grpc.StatusCode.OK:
                    context.abort(c, "once")
            with self.subTest(code.name), Collector(handler) as collector:
                out = export(collector.url)
                again = number in RETRIED
                self.assertEqual(len(collector.calls), 2 if again else 1)
                good = again or number == 0
                self.assertEqual((out.exported, out.dropped_export), (1, 0) if good else (0, 1))
                self.assertEqual(out.calls, len(collector.calls))
                if not good:
                    self.assertIn(f"answered {code.name} ({number}): once", out.said)

    def test_a_code_that_comes_for_ever(self):
        for number, code in CODES.items():
            if not number:
                continue
            with self.subTest(code.name), \
                    Collector(lambda context, request, call, c=code: context.abort(c, "always")) as collector:
                out = export(collector.url, timeout_ms=1500)
                if number in RETRIED:
                    self.assertGreaterEqual(len(collector.calls), 2)
                    self.assertLess(collector.calls[-1].at - collector.calls[0].at, 1.5)
                    self.assertIn("dropped after retries", out.said)
                else:
                    self.assertEqual(len(collector.calls), 1)
                self.assertEqual((out.exported, out.dropped_export), (0, 1))

    def test_retry_info_is_waited_for(self):
        for number in (8, 14):
            def handler(context, request, call, n=number):
                if call == 1:
                    context.set_trailing_metadata([("grpc-status-details-bin", retry_info(n, 2))])
                    context.abort(CODES[n], "full")
            with self.subTest(number), Collector(handler) as collector:
                out = export(collector.url)
                self.assertEqual((len(collector.calls), out.exported), (2, 1))
                self.assertGreaterEqual(collector.calls[1].at - collector.calls[0].at, 2)

    def test_retry_info_does_not_make_other_codes_worth_trying(self):
        def handler(context, request, call):
            context.set_trailing_metadata([("grpc-status-details-bin", retry_info(3, 0))])
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
        with Collector(handler) as collector:
            self.assertEqual(export(collector.url).dropped_export, 1)
            self.assertEqual(len(collector.calls), 1)

    def test_exhaustion_without_retry_info_is_tried_in_halves_once(self):
        def handler(context, request, call):
            if spans_of(request) > 5:
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large")
        with Collector(handler) as collector:
            out = export(collector.url, spans=10)
            self.assertEqual([spans_of(c.request) for c in collector.calls], [10, 5, 5])
            self.assertEqual((out.exported, out.dropped), (10, 0))
        with Collector(lambda context, request, call: context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "")) \
                as collector:
            out = export(collector.url, spans=100)
            self.assertEqual([spans_of(c.request) for c in collector.calls], [100, 50, 50])
            self.assertEqual(out.dropped_export, 100)

    def test_a_status_behind_headers_and_one_without(self):
        def handler(context, request, call):
            if call == 1:
                context.send_initial_metadata([("x-some", "header")])  # then the status comes in trailers
            if call < 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "busy")  # alone it makes a Trailers-Only answer
        with Collector(handler) as collector:
            out = export(collector.url)
            self.assertEqual((len(collector.calls), out.exported, out.retries), (3, 1, 2))

    def test_messages_are_decoded(self):
        with Collector(lambda context, request, call: context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "wörld 100% \r\nCANARY-VALUE")) as collector:
            out = export(collector.url, header="authorization: Bearer CANARY-VALUE")
            self.assertEqual(collector.calls[0].metadata["authorization"], "Bearer CANARY-VALUE")
            self.assertIn("wörld 100%", out.said)
            self.assertNotIn("CANARY", out.said)
            self.assertEqual(len(out.lines), 1)

    def test_a_partial_success(self):
        def handler(context, request, call):
            response = trace_service_pb2.ExportTraceServiceResponse()
            response.partial_success.rejected_spans = 2
            response.partial_success.error_message = "too old"
            return response
        with Collector(handler) as collector:
            out = export(collector.url, spans=5)
            self.assertEqual((len(collector.calls), out.exported, out.dropped_export), (1, 3, 2))
            self.assertIn("2 records refused by the receiver", out.said)

    def test_the_peer_knows_how_long_we_wait(self):
        with Collector(lambda context, request, call: None) as collector:
            export(collector.url, timeout_ms=4000)
            self.assertLessEqual(collector.calls[0].remaining, 4)
            self.assertGreater(collector.calls[0].remaining, 2)

    def test_a_call_that_hangs_is_given_up(self):
        ended = threading.Event()
        with Collector(lambda context, request, call: ended.wait(60) and None) as collector:
            began = time.monotonic()
            out = export(collector.url, timeout_ms=500)
            self.assertLess(time.monotonic() - began, 2)
            self.assertEqual((out.exported, out.dropped_export), (0, 1))
            ended.set()


class Wire(unittest.TestCase):
    def test_many_calls_over_plain_http(self):
        with Collector(lambda context, request, call: None) as collector:
            out = export(collector.url, spans=3, rounds=20)
            self.assertEqual((out.exported, out.dropped, len(collector.calls)), (60, 0, 20))

    def test_three_signals(self):
        with Collector(lambda context, request, call: None) as collector:
            out = export(collector.url, signals="traces,metrics,logs", logs=True, metrics=True)
            self.assertEqual((out.exported, out.dropped), (2, 0))
            self.assertEqual(len(collector.calls), 1)
            kinds = {type(request).__name__ for request in collector.others}
            self.assertEqual(kinds, {"ExportMetricsServiceRequest", "ExportLogsServiceRequest"})

    def test_gzip(self):
        with Collector(lambda context, request, call: None) as collector:
            out = export(collector.url, spans=200, gzip=True)
            self.assertEqual((out.exported, spans_of(collector.calls[0].request)), (200, 200))
            self.assertLess(out.bytes, collector.calls[0].request.ByteSize() / 2)

    def test_requests_stay_below_what_servers_take(self):
        with Collector(lambda context, request, call: None) as collector:
            out = export(collector.url, spans=110, rounds=3, attribute_bytes=40000, queue_bytes=64 << 20)
            self.assertEqual((out.exported, out.dropped), (330, 0))
            self.assertGreater(max(call.request.ByteSize() for call in collector.calls), SERVER_LIMIT / 2)
            self.assertLess(max(call.request.ByteSize() for call in collector.calls), SERVER_LIMIT)

    def test_a_child_has_connections_of_its_own(self):
        with Collector(lambda context, request, call: None) as collector:
            out = export(collector.url, fork=True)
            self.assertEqual((out.child, out.exported, len(collector.calls)), (0, 2, 3))

    def test_nobody_listens(self):
        out = export(f"http://127.0.0.1:{free_port()}", timeout_ms=1500)
        self.assertEqual((out.exported, out.dropped_export), (0, 1))
        self.assertGreaterEqual(out.retries, 1)

    def test_a_port_of_http_1(self):
        with FaultServer(lambda request, number: Then(answer(404), CLOSE)) as server:
            out = export(server.url, timeout_ms=1500)
            self.assertEqual((out.exported, out.dropped_export), (0, 1))

    def test_http_to_a_grpc_port(self):
        with Collector(lambda context, request, call: None) as collector:
            out = record(collector.url, timeout_ms=1500)
            self.assertEqual((out.exported, out.dropped_export), (0, 1))
            self.assertIn("port of another protocol", out.said)


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

    def read(self, name):
        with open(self.key(name), "rb") as file:
            return file.read()

    def credentials(self, **options):
        return grpc.ssl_server_credentials([(self.read("server.key"), self.read("server.pem"))], **options)

    def test_an_own_ca(self):
        with Collector(lambda context, request, call: None, self.credentials()) as collector:
            out = export(collector.url, ca=self.key("ca.pem"), rounds=5)
            self.assertEqual((out.exported, len(collector.calls)), (5, 5))
            self.assertEqual(len({call.peer for call in collector.calls}), 1)
            out = export(collector.url)
            self.assertEqual((out.exported, out.dropped_export, out.retries), (0, 1, 0))
            self.assertIn("certificate", out.said)

    def test_the_clients_certificate(self):
        credentials = self.credentials(root_certificates=self.read("ca.pem"), require_client_auth=True)
        with Collector(lambda context, request, call: None, credentials) as collector:
            out = export(collector.url, ca=self.key("ca.pem"), certificate=self.key("client.pem"),
                         key=self.key("client.key"))
            self.assertEqual(out.exported, 1)
            out = export(collector.url, ca=self.key("ca.pem"), timeout_ms=1000)
            self.assertEqual((out.exported, out.dropped_export), (0, 1))


if __name__ == "__main__":
    main()
