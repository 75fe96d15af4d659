# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""All tests of this folder, as TAP. Use tests/metrics/run."""

import pathlib
import sys
import unittest


class Tap(unittest.TestResult):
    def line(self, test, mark, text=""):
        print(f"{mark} {self.testsRun} - {test.id()}")
        for line in text.splitlines():
            print(f"# {line}")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(test, "ok")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(test, "not ok", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.line(test, "not ok", self.errors[-1][1])


def main():
    suite = unittest.defaultTestLoader.discover(str(pathlib.Path(__file__).parent))
    print(f"1..{suite.countTestCases()}")
    result = Tap()
    suite.run(result)
    return 0 if result.testsRun and result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
