# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""A receiver of OTLP over HTTP for tests, and of Logfire's token check: keeps all that it gets, answers as it is told.

`records` makes the rows of Logfire's table `records` from the spans that came. Nothing here needs more than Python's
standard library.
"""

import datetime
import gzip
import http.server
import json
import struct
import threading

WAIT_SECONDS = 60


class Request:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.raw = path, headers, body
        self.body = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body

    def traces(self):
        """An export request of spans in the form of OTLP/JSON, also when it came as protobuf."""
        if self.headers.get("content-type") == "application/json":
            return json.loads(self.body)
        return decode("TracesData", self.body)

    def json(self):
        return json.loads(self.body)


class Receiver:
    """Listens on a free port; use as a context manager. `status` is answered to every export, or `raw`, bytes that are
    written instead of an answer before the connection is closed. `project`: what the token check gets, None: 401. `delay`:
    seconds before each answer, ended by stop()."""

    def __init__(self, status=200, project=None, headers=None, delay=0, raw=None):
        self.status, self.project, self.headers, self.delay, self.raw = status, project, headers or {}, delay, raw
        self.requests = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, content_type, body):
                receiver._stopping.wait(receiver.delay)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def take(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k.lower(): v for k, v in self.headers.items()}
                with receiver._changed:
                    receiver.requests.append(Request(self.path, headers, body))
                    receiver._changed.notify_all()
                return headers

            def do_POST(self):
                kind = self.take().get("content-type", "application/json")
                if receiver.raw is not None:
                    self.wfile.write(receiver.raw)
                    self.close_connection = True
                    return
                self.answer(receiver.status, kind, b"{}" if kind == "application/json" else b"")

            def do_GET(self):
                self.take()
                project = receiver.project
                body = json.dumps(project or {"detail": "Invalid token"}).encode()
                self.answer(200 if project else 401, "application/json", body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A client that went away is no trouble."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self._stopping.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def to(self, path):
        with self._changed:
            return [r for r in self.requests if r.path == path]

    def wait_for(self, path):
        """The first request to a path, once there is one."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(r.path == path for r in self.requests), WAIT_SECONDS):
                raise TimeoutError(f"nothing came to {path}; requests to {[r.path for r in self.requests]}")
            return next(r for r in self.requests if r.path == path)

    def spans(self):
        """All spans that came: (resource attributes, scope, span)."""
        for request in self.to("/v1/traces"):
            for resource in request.traces().get("resourceSpans", []):
                about = attributes(resource.get("resource", {}).get("attributes", []))
                for scope in resource.get("scopeSpans", []):
                    for span in scope.get("spans", []):
                        yield about, scope.get("scope", {}), span

    def metrics(self):
        """The newest points of every metric that came as OTLP/JSON: name → metric."""
        found = {}
        for request in self.to("/v1/metrics"):
            for resource in request.json().get("resourceMetrics", []):
                for scope in resource.get("scopeMetrics", []):
                    for metric in scope.get("metrics", []):
                        found[metric["name"]] = metric
        return found


# opentelemetry-proto, as far as traces need it: message → field number → (name, type), in OTLP/JSON's words. A type in
# brackets is repeated.
MESSAGES = {
    "TracesData": {1: ("resourceSpans", ["ResourceSpans"])},
    "ResourceSpans": {1: ("resource", "Resource"), 2: ("scopeSpans", ["ScopeSpans"])},
    "Resource": {1: ("attributes", ["KeyValue"])},
    "ScopeSpans": {1: ("scope", "Scope"), 2: ("spans", ["Span"])},
    "Scope": {1: ("name", "string"), 2: ("version", "string")},
    "Span": {1: ("traceId", "hex"), 2: ("spanId", "hex"), 3: ("traceState", "string"), 4: ("parentSpanId", "hex"),
             5: ("name", "string"), 6: ("kind", "int"), 7: ("startTimeUnixNano", "int"), 8: ("endTimeUnixNano", "int"),
             9: ("attributes", ["KeyValue"]), 11: ("events", ["Event"]), 13: ("links", ["Link"]), 15: ("status", "Status"),
             16: ("flags", "int")},
    "Event": {1: ("timeUnixNano", "int"), 2: ("name", "string"), 3: ("attributes", ["KeyValue"])},
    "Link": {1: ("traceId", "hex"), 2: ("spanId", "hex"), 4: ("attributes", ["KeyValue"]), 6: ("flags", "int")},
    "Status": {2: ("message", "string"), 3: ("code", "int")},
    "KeyValue": {1: ("key", "string"), 2: ("value", "AnyValue")},
    "AnyValue": {1: ("stringValue", "string"), 2: ("boolValue", "bool"), 3: ("intValue", "int"), 4: ("doubleValue", "double"),
                 5: ("arrayValue", "Values"), 6: ("kvlistValue", "KeyValues")},
    "Values": {1: ("values", ["AnyValue"])},
    "KeyValues": {1: ("values", ["KeyValue"])},
}


def _varint(data, at):
    result = shift = 0
    while True:
        byte = data[at]
        result |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return result, at


def _fields(data):
    """(number, content) of each field: an int, or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            content, at = _varint(data, at)
        else:
            size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
            content, at = data[at:at + size], at + size
        yield tag >> 3, content


def _scalar(kind, content):
    if kind == "string":
        return content.decode()
    if kind == "hex":
        return content.hex()
    if kind == "double":
        return struct.unpack("<d", content)[0]
    if kind == "bool":
        return bool(content)
    number = content if isinstance(content, int) else int.from_bytes(content, "little")
    return number - (1 << 64) if number >= 1 << 63 else number


def decode(message, data):
    """A protobuf message as OTLP/JSON has it, but with numbers as numbers. Unknown fields are left out."""
    found = {}
    for number, content in _fields(data):
        name, kind = MESSAGES[message].get(number, (None, None))
        if isinstance(kind, list):
            found.setdefault(name, []).append(decode(kind[0], content))
        elif name:
            found[name] = decode(kind, content) if kind in MESSAGES else _scalar(kind, content)
    return found


def value(any_value):
    """An AnyValue of OTLP/JSON as Python has it."""
    for kind, content in any_value.items():
        if kind == "intValue":
            return int(content)
        if kind == "arrayValue":
            return [value(v) for v in content.get("values", [])]
        if kind == "kvlistValue":
            return attributes(content.get("values", []))
        return content
    return None


def attributes(key_values):
    return {kv["key"]: value(kv["value"]) for kv in key_values}


LEVELS = {1: "trace", 5: "debug", 9: "info", 10: "notice", 13: "warn", 17: "error", 21: "fatal"}


def _time(nanoseconds):
    seconds, rest = divmod(int(nanoseconds), 10**9)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S") + f".{rest // 1000:06d}+00"


def records(spans):
    """Rows of Logfire's `records` (its documentation, "SQL reference") for the spans of a Receiver that stands in for
    Logfire, as far as spans of streamduck fill them."""
    for resource, scope, span in spans:
        own = attributes(span.get("attributes", []))
        status = span.get("status", {})
        if own.get("logfire.span_type") == "pending_span":
            continue
        is_log = own.get("logfire.span_type") == "log"
        level = own.get("logfire.level_num", 17 if status.get("code") == 2 else 9)
        exceptions = [attributes(e.get("attributes", [])) for e in span.get("events", []) if e.get("name") == "exception"]
        first = exceptions[0] if exceptions else {}
        yield {
            "kind": "log" if is_log else "span",
            "trace_id": span["traceId"], "span_id": span["spanId"], "parent_span_id": span.get("parentSpanId") or None,
            "span_name": span["name"], "message": own.get("logfire.msg", span["name"]),
            "start_timestamp": _time(span["startTimeUnixNano"]), "end_timestamp": _time(span["endTimeUnixNano"]),
            "duration": None if is_log else (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9,
            "level": level, "level_name": LEVELS.get(level),
            "attributes": {k: v for k, v in own.items() if not k.startswith("logfire.")},
            "is_exception": bool(exceptions), "exception_type": first.get("exception.type"),
            "exception_message": first.get("exception.message"),
            "otel_status_code": {1: "OK", 2: "ERROR"}.get(status.get("code")),
            "otel_status_message": status.get("message"),
            "service_name": resource.get("service.name"), "service_version": resource.get("service.version"),
            "service_instance_id": resource.get("service.instance.id"),
            "deployment_environment": resource.get("deployment.environment.name"),
            "otel_scope_name": scope.get("name"),
            "otel_links": span.get("links", []),
        }
