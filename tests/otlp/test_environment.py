# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""What leaves a program that is set up by the OTEL_* variables alone."""

import json
import ssl
import tempfile
import time
import unittest

from fault_server import FaultServer, answer, free_port
from recorder import main, make_keys, record

OK = answer()


def run(variables, **options):
    return record(environment={name: str(value) for name, value in variables.items()}, **options)


def server():
    return FaultServer(lambda request, number: OK)


class Environment(unittest.TestCase):
    def test_one_endpoint_for_all_signals(self):
        with server() as s:
            out = run({"OTEL_EXPORTER_OTLP_ENDPOINT": s.url + "/base", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
                       "OTEL_EXPORTER_OTLP_HEADERS": "x-scope=a%20b,authorization=Basic%20CANARY",
                       "OTEL_SERVICE_NAME": "from-environment", "OTEL_RESOURCE_ATTRIBUTES": "zone=eu"},
                      logs=True, metrics=True)
            self.assertEqual((out.code, out.exported, out.said), (0, 2, ""))
            self.assertEqual({r.path for r in s.requests}, {"/base/v1/traces", "/base/v1/metrics", "/base/v1/logs"})
            for request in s.requests:
                self.assertEqual(request.headers["x-scope"], "a b")
                self.assertEqual(request.headers["authorization"], "Basic CANARY")
                self.assertEqual(request.headers["content-encoding"], "gzip")
                self.assertIn(b"from-environment", request.message())
                self.assertIn(b"zone", request.message())

    def test_each_signal_its_own_way(self):
        with server() as s:
            out = run({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": s.url + "/spans/here",
                       "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": s.url + "/logs",
                       "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json", "OTEL_SERVICE_NAME": "name"}, logs=True, metrics=True)
            self.assertEqual(out.exported, 2)
            by_path = {r.path: r for r in s.requests}
            self.assertEqual(set(by_path), {"/spans/here", "/logs"}, "nobody said where metrics go")
            self.assertEqual(by_path["/spans/here"].spans(), 1)
            self.assertIn("resourceLogs", json.loads(by_path["/logs"].message()))

    def test_secrets_of_headers_leave_no_record(self):
        with server() as s:
            out = run({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": s.url,
                       "OTEL_EXPORTER_OTLP_HEADERS": "api-key=CANARY-VALUE,x-scope=harmless"},
                      text="the answer was CANARY-VALUE, harmless")
            self.assertEqual(out.exported, 1)
            self.assertIn(b"the answer was ", s.requests[0].message())
            self.assertIn(b"harmless", s.requests[0].message())
            self.assertNotIn(b"CANARY", s.requests[0].message())

    def test_nothing_is_sent_when_disabled_or_not_asked_for(self):
        with server() as s:
            for variables in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none",
                                                              "OTEL_METRICS_EXPORTER": "none"}):
                out = run({"OTEL_EXPORTER_OTLP_ENDPOINT": s.url} | variables, spans=10, logs=True, metrics=True)
                self.assertEqual((out.code, out.exported, len(s.requests)), (0, 0, 0))

    def test_values_that_cannot_be_read_are_told_and_the_rest_holds(self):
        with server() as s:
            out = run({"OTEL_EXPORTER_OTLP_ENDPOINT": s.url, "OTEL_BSP_SCHEDULE_DELAY": "soon",
                       "OTEL_TRACES_SAMPLER": "sometimes", "OTEL_PROPAGATORS": "tracecontext,xray"})
            self.assertEqual(out.exported, 1)
            self.assertEqual(len(out.lines), 3)

    def test_the_sampler(self):
        with server() as s:
            out = run({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": s.url, "OTEL_TRACES_SAMPLER": "always_off"}, spans=10)
            self.assertEqual((out.exported, len(s.requests)), (0, 0))
            out = run({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": s.url, "OTEL_TRACES_SAMPLER": "traceidratio",
                       "OTEL_TRACES_SAMPLER_ARG": "0.5"}, spans=2000)
            self.assertGreater(out.exported, 800)
            self.assertLess(out.exported, 1200)

    def test_the_time_out(self):
        began = time.monotonic()
        out = run({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{free_port()}",
                   "OTEL_EXPORTER_OTLP_TIMEOUT": "500"})
        self.assertLess(time.monotonic() - began, 3, "10 s is the default")
        self.assertEqual((out.exported, out.dropped_export), (0, 1))

    def test_certificates(self):
        with tempfile.TemporaryDirectory() as folder:
            make_keys(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(f"{folder}/ca.pem")
            with FaultServer(lambda request, number: OK, tls=context) as s:
                out = run({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": s.url,
                           "OTEL_EXPORTER_OTLP_CERTIFICATE": f"{folder}/ca.pem",
                           "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": f"{folder}/client.pem",
                           "OTEL_EXPORTER_OTLP_CLIENT_KEY": f"{folder}/client.key"})
                self.assertEqual(out.exported, 1)


if __name__ == "__main__":
    main()
