# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 server that misbehaves as a test says, on sockets so that every byte and every end is in its hands."""

import contextlib
import gzip
import socket
import ssl
import struct
import threading
import time

HEADERS_MAX = 64 * 1024
WAIT_SECONDS = 60


class Request:
    def __init__(self, at, connection, path, headers, body):
        self.at, self.connection, self.path, self.headers, self.body = at, connection, path, headers, body

    def message(self):
        """The body without its compression."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body

    def spans(self):
        return count_records(self.message())


def fields(message):
    """(number, value) of each field of a protobuf message; values of fixed width are skipped over."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, varint()
        elif kind == 2:
            length = varint()
            yield tag >> 3, message[at:at + length]
            at += length
        else:
            width = 8 if kind == 1 else 4
            yield tag >> 3, message[at:at + width]
            at += width


def count_records(request):
    """Spans of an ExportTraceServiceRequest (log records of the one for logs: the numbers are the same)."""
    return sum(1 for number, resource in fields(request) if number == 1
               for inner, scope in fields(resource) if inner == 2
               for record, _ in fields(scope) if record == 2)


def answer(status=200, body=b"", content_type="application/x-protobuf", headers=(), length=None):
    """Bytes of a whole answer."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}",
             f"Content-Length: {len(body) if length is None else length}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


# What a handler may return instead of an answer's bytes.
HANG = "hang"  # say nothing and keep the connection
CLOSE = "close"  # say nothing and close
RESET = "reset"  # RST


class Then:
    """An answer's bytes, then CLOSE, RESET or HALF_CLOSE."""

    def __init__(self, data, end):
        self.data, self.end = data, end


HALF_CLOSE = "half close"  # no more will be sent, but the connection stays


class FaultServer:
    """handler(request, number) is called for each request, from 1 on, and returns what to do. A context manager."""

    def __init__(self, handler, tls=None):
        self.handler, self.tls = handler, tls
        self.requests = []
        self.connections = 0
        self.changed = threading.Condition()
        self._open = []
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._listener.close()
        with self.changed:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.close()

    def wait_for_requests(self, count):
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.requests) >= count, WAIT_SECONDS):
                raise AssertionError(f"{len(self.requests)} requests came, not {count}")

    def _accept(self):
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self.changed:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with self.changed:
                self._open.append(connection)
            while self._one(connection, number):
                pass
        except (OSError, ssl.SSLError, ValueError):
            pass

    def _read(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece or len(data) > HEADERS_MAX:
                return None
            data += piece
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(body) < length:
            piece = connection.recv(1 << 20)
            if not piece:
                return None
            body += piece
        return lines[0].split(" ")[1], headers, body

    def _one(self, connection, number):
        read = self._read(connection)
        if read is None:
            return False
        with self.changed:
            request = Request(time.monotonic(), number, *read)
            self.requests.append(request)
            count = len(self.requests)
            self.changed.notify_all()
        action = self.handler(request, count)
        if action == HANG:
            return True
        end = None
        if isinstance(action, Then):
            action, end = action.data, action.end
        if isinstance(action, bytes):
            connection.sendall(action)
        else:
            end = action
        if end == RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if end in (RESET, CLOSE):
            connection.close()
        if end == HALF_CLOSE:
            connection.shutdown(socket.SHUT_WR)
        return end is None


def free_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
