# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""A running OpenTelemetry Collector that writes what it receives to a file."""

import http.client
import json
import os
import pathlib
import re
import subprocess
import threading
import time

READY_SECONDS = 60
WRITTEN_SECONDS = 60  # for what was answered to stand in the file
CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}}
exporters: {file: {path: "%s", flush_interval: 50ms}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
    metrics: {receivers: [otlp], exporters: [file]}
    logs: {receivers: [otlp], exporters: [file]}
"""


class Collector:
    """Use as a context manager. `http` and `grpc` are its ports."""

    def __init__(self, binary, folder):
        self.file = pathlib.Path(folder) / "received.jsonl"
        config = pathlib.Path(folder) / "config.yaml"
        config.write_text(CONFIG % self.file)
        self.process = subprocess.Popen([binary, "--config", str(config)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.log = []
        self.ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self.ready.wait(READY_SECONDS) or self.process.poll() is not None:
            self.stop()
            raise RuntimeError("the collector did not get ready:\n" + "".join(self.log[-20:]))
        ports = listening_ports(self.process.pid)
        assert len(ports) == 2, f"the collector listens on {ports}"
        self.http = next(port for port in ports if speaks_http(port))
        self.grpc = next(port for port in ports if port != self.http)

    def _read(self):
        for line in self.process.stderr:
            self.log.append(line)
            if "Everything is ready" in line:
                self.ready.set()
        self.ready.set()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def received(self, pid, enough):
        """The lines that come from the process `pid`, as soon as enough(lines) holds."""
        mark = f'"process.pid","value":{{"intValue":"{pid}"}}'
        deadline = time.monotonic() + WRITTEN_SECONDS
        while True:
            text = self.file.read_text() if self.file.exists() else ""
            lines = [line for line in text[:text.rfind("\n") + 1].splitlines() if mark in line]
            if enough(lines):
                return lines
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"the collector wrote {len(lines)} lines of process {pid}, and that is not all:\n"
                                   + "".join(self.log[-20:]))
            time.sleep(0.02)

    def post(self, signal, content_type, body):
        """(status, body) of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=READY_SECONDS)
        connection.request("POST", f"/v1/{signal}", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        result = answer.status, answer.read()
        connection.close()
        return result


def listening_ports(pid):
    """The system knows which ports a process took: nothing has to be free in advance."""
    sockets = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        match = re.match(r"socket:\[(\d+)\]", os.readlink(entry.path))
        if match:
            sockets.add(match[1])
    ports = []
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                ports.append(int(fields[1].rsplit(":", 1)[1], 16))
    return ports


def speaks_http(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)
    try:
        connection.request("POST", "/v1/traces", b"{}", {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except (http.client.HTTPException, OSError):
        return False
    finally:
        connection.close()


def span_count(lines):
    return sum(len(scope.get("spans", [])) for line in lines for resource in json.loads(line).get("resourceSpans", [])
               for scope in resource["scopeSpans"])
