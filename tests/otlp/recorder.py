# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Running tests/otlp/record_spans, keys for TLS, results as TAP: what the tests of the network exporters share."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

BUILD = pathlib.Path(os.environ.get("BUILD", pathlib.Path(__file__).resolve().parent.parent.parent / "build")).resolve()
RECORD_SPANS = BUILD / "tests" / "otlp" / "record_spans"
RUN_SECONDS = 120


class Outcome:
    """What record_spans printed: its figures as attributes, what telemetry said about itself in `said`."""

    def __init__(self, process):
        self.code = process.returncode
        self.said = process.stderr
        self.lines = [line for line in process.stderr.splitlines() if line]
        for name, value in (json.loads(process.stdout) if process.stdout else {}).items():
            setattr(self, name, value)

    @property
    def dropped(self):
        return self.dropped_queue_full + self.dropped_export + self.dropped_shutdown


def record(endpoint=None, *, environment=None, **options):
    """Runs the program: option=value becomes --option value, True a flag, a list one flag for each. With an environment
    the OTEL_* variables in it say where to send."""
    command = [str(RECORD_SPANS)]
    if endpoint:
        command += ["--endpoint", endpoint]
    if environment is not None:
        command += ["--environment"]
    for name, value in ({"signals": "traces"} | options if environment is None else options).items():
        flag = "--" + name.replace("_", "-")
        for item in value if isinstance(value, list) else [value]:
            command += [flag] if item is True else [flag, str(item)]
    # A proxy of the machine's is not for servers on it; neither are settings of the person who runs the tests.
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("OTEL_") and not name.lower().endswith("_proxy")}
    return Outcome(subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False,
                                  env=env | (environment or {})))


def make_keys(folder):
    """A CA, a server's key and certificate for localhost, and a client's; PEM files in folder."""

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test CA", "-addext", "keyUsage=critical,keyCertSign")
    for name, extra in (("server", "subjectAltName=DNS:localhost,IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        (pathlib.Path(folder) / f"{name}.ext").write_text(extra + "\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class _Tap(unittest.TestResult):
    """Prints a line of TAP for each test; details of failures follow as comments."""

    def _line(self, test, good, remark="", details=""):
        number = self.testsRun
        print(f"{'ok' if good else 'not ok'} {number} - {test.id().removeprefix('__main__.')}{remark}", flush=True)
        for line in details.splitlines():
            print(f"# {line}", flush=True)

    def startTest(self, test):
        super().startTest(test)
        self._problems = []

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self._problems.append(f"{subtest.id()}\n{self._exc_info_to_string(err, test)}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._problems.append(self._exc_info_to_string(err, test))

    addError = addFailure

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(test, True, f" # SKIP {reason}")
        self._problems = None

    def stopTest(self, test):
        super().stopTest(test)
        if self._problems is not None:
            self._line(test, not self._problems, details="\n".join(self._problems))


def main():
    """Runs the tests of the program's own file, or those named as arguments, and prints TAP."""
    names = sys.argv[1:]
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names, sys.modules["__main__"]) if names else \
        loader.loadTestsFromModule(sys.modules["__main__"])
    print(f"1..{suite.countTestCases()}", flush=True)
    result = _Tap()
    suite.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
