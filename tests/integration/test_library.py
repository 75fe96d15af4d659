#!/usr/bin/env python3
# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The installed libraries as another project uses them: headers, pkg-config, shared and static, the example, the page.

Installs $BUILD into a scratch folder; what is compiled here knows nothing of the source tree.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(SOURCE / "tests"))
from receiver import Receiver, attributes  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BUILD", SOURCE / "build")).resolve()
CC = shlex.split(os.environ.get("CC", "gcc"))
CLANG = os.environ.get("CLANG", "clang-14")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
TRACE_ID, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
# What libstreamduck-trace may need to start. libcurl comes with the first exporter that sends over HTTP.
NEEDED = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libjansson.so.4", "libz.so.1"}


def needed(file):
    out = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", out))


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="streamduck-library-")
        cls.addClassCleanup(cls.folder.cleanup)
        root = pathlib.Path(cls.folder.name)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root / "shared"],
                       check=True, stdout=subprocess.DEVNULL)
        cls.prefixes = {"shared": cls.prefix_in(root / "shared")}
        # As -Ddefault_library=static installs it.
        shutil.copytree(root / "shared", root / "static", symlinks=True)
        for file in (root / "static").rglob("libstreamduck*.so*"):
            file.unlink()
        cls.prefixes["static"] = cls.prefix_in(root / "static")
        cls.root = root

    @staticmethod
    def prefix_in(destdir):
        include, = destdir.rglob("include/streamduck")
        return include.parent.parent

    def library_folder(self, kind):
        pc, = self.prefixes[kind].rglob("libstreamduck-trace.pc")
        return pc.parent.parent

    def pkg_config(self, kind, *packages):
        """The flags that a project gets, from where the package lies now."""
        environment = dict(os.environ, PKG_CONFIG_PATH=str(self.library_folder(kind) / "pkgconfig"))
        command = ["pkg-config", f"--define-variable=prefix={self.prefixes[kind]}", "--cflags", "--libs"]
        command += ["--static"] if kind == "static" else []
        return shlex.split(subprocess.run([*command, *packages], capture_output=True, text=True, check=True,
                                          env=environment).stdout)

    def compile(self, kind, sources, name, packages=("libstreamduck-trace",), flags=()):
        program = self.root / f"{name}-{kind}"
        done = subprocess.run([*CC, *STRICT, *flags, *map(str, sources), *self.pkg_config(kind, *packages), "-pthread",
                               "-o", program], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return program

    def execute(self, kind, program, **variables):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "LOGFIRE_", "TRACEPARENT"))}
        folder = str(self.library_folder(kind))
        done = subprocess.run([program], cwd=self.root, capture_output=True, text=True, timeout=60,
                              env={**clean, "LD_LIBRARY_PATH": folder, "TZ": "UTC", **variables})
        self.assertEqual((done.returncode, done.stderr if "LD_DEBUG" not in variables else ""), (0, ""))
        return done


class Libraries(Installed):
    def test_headers_are_c11_and_cpp_by_themselves(self):
        include = self.prefixes["shared"] / "include"
        headers = sorted(p.name for p in (include / "streamduck").iterdir())
        for name in ("error.h", "trace.h", "metrics.h", "export.h", "stream.h"):
            self.assertIn(name, headers)
        compilers = [CC[-1:], [CLANG]] if shutil.which(CLANG) else [CC[-1:]]
        cpp = [c for c in ("g++", CLANG) if shutil.which(c)]
        self.assertTrue(cpp, "no C++ compiler")
        for header in headers:
            source = f"#include <streamduck/{header}>\nint main(void) {{ return 0; }}\n"
            for command in [*([*c, "-std=c11", "-x", "c"] for c in compilers),
                            *([c, "-std=c++11", "-x", "c++"] for c in cpp)]:
                done = subprocess.run([*command, *STRICT, "-fsyntax-only", "-I", include, "-"],
                                      input=source, capture_output=True, text=True)
                self.assertEqual((header, done.returncode, done.stderr), (header, 0, ""))

    def test_the_tracer_needs_libc_zlib_and_jansson_only(self):
        library = self.library_folder("shared") / "libstreamduck-trace.so"
        found = {n for n in needed(library) if not n.startswith("ld-linux")}
        self.assertLessEqual(found, NEEDED)
        self.assertLessEqual({"libjansson.so.4", "libz.so.1"}, found)

    def test_the_streaming_library_uses_the_tracers_instead_of_its_own(self):
        self.assertIn("libstreamduck-trace.so.0", needed(self.library_folder("shared") / "libstreamduck.so"))

    def test_both_libraries_in_one_program(self):
        source = self.root / "both.c"
        source.write_text("""
#include <stdio.h>
#include <streamduck/export.h>
#include <streamduck/stream.h>
int main(void)
{
  sd_error error;
  sd_stream *stream = NULL;
  sd_stream_options options = {.struct_size = sizeof options};
  sd_context context;
  if (sd_context_parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 55, &context) != SD_OK)
    return 2;
  sd_context previous = sd_context_attach(&context);
  sd_status status = sd_stream_new(&options, &stream, &error);
  printf("%s\\n", sd_status_name(status));
  sd_stream_free(stream);
  sd_context_restore(&previous);
  return sd_context_is_valid(&(sd_context){0}) ? 3 : 0;
}
""")
        shown = {kind: self.execute(kind, self.compile(kind, [source], "both", ["libstreamduck"])).stdout
                 for kind in self.prefixes}
        self.assertRegex(shown["shared"], r"^SD_[A-Z]+\n$")
        self.assertEqual(shown["shared"], shown["static"])


class Example(Installed):
    SOURCES = [SOURCE / "examples" / "trace" / "orders.c"]

    def in_each(self, check):
        for kind in self.prefixes:
            with self.subTest(kind):
                check(kind, self.compile(kind, self.SOURCES, "orders"))

    def test_one_line_of_pkg_config_is_enough(self):
        def check(kind, program):
            self.assertEqual("libstreamduck-trace.so.0" in needed(program), kind == "shared")
            self.assertTrue(needed(program).isdisjoint({"libuv.so.1", "libssl.so.3", "libcurl.so.4"}))

        self.in_each(check)

    def test_the_console_shows_the_tree_and_libcurl_stays_away(self):
        def check(kind, program):
            done = self.execute(kind, program, LD_DEBUG="files")
            for text in ("order 4711 of Grace", "pack item", "POST /charge", "order is kept until the payment works"):
                self.assertIn(text, done.stdout)
            self.assertIn("libz", done.stderr)
            self.assertNotIn("libcurl", done.stderr)

        self.in_each(check)

    def test_a_collector_gets_what_was_recorded(self):
        def check(kind, program):
            with Receiver() as receiver:
                done = self.execute(kind, program, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
                                    OTEL_EXPORTER_OTLP_PROTOCOL="http/json", OTEL_SERVICE_NAME="corner shop")
                spans, metrics = list(receiver.spans()), receiver.metrics()
            by_name = {}
            for resource, scope, span in spans:
                self.assertEqual((resource["service.name"], scope["name"]), ("corner shop", "orders"))
                self.assertEqual(span["traceId"], TRACE_ID)
                by_name.setdefault(span["name"], []).append(span)
            order, = by_name["POST /orders"]
            self.assertEqual((order["parentSpanId"], order["kind"]), (CALLER, 2))
            self.assertEqual([e["name"] for e in order["events"]], ["packed"])
            found = attributes(order["attributes"])
            self.assertEqual((found["order.id"], found["customer"], found["total"]), (4711, "Grace", 59.95))
            items = by_name["pack item"]
            self.assertEqual([attributes(s["attributes"])["item"] for s in items], [1, 2, 3])
            self.assertEqual({s["parentSpanId"] for s in items}, {order["spanId"]})
            charge, = by_name["POST /charge"]
            self.assertEqual((charge["parentSpanId"], charge["kind"], charge["status"]["code"]),
                             (order["spanId"], 3, 2))
            # The headers that went to the next service name the span that sent them.
            sent = dict(re.findall(r"^> (\S+): (.*)$", done.stdout, re.M))
            self.assertEqual(sent["traceparent"], f"00-{TRACE_ID}-{charge['spanId']}-01")
            self.assertEqual(sent["baggage"], "tenant=north")
            points = metrics["shop.orders"]["sum"]["dataPoints"]
            self.assertEqual([(attributes(p["attributes"])["outcome"], p["asInt"]) for p in points if p["asInt"] != "0"],
                             [("rejected", "1")])
            self.assertEqual(metrics["shop.order.duration"]["histogram"]["dataPoints"][0]["count"], "1")

        self.in_each(check)

    def test_without_telemetry_it_runs_too(self):
        def check(kind, program):
            self.assertNotIn("pack item", self.execute(kind, program, OTEL_SDK_DISABLED="true").stdout)

        self.in_each(check)


class Page(Installed):
    """docs/trace.md. A block with main() is a program. The others become one program, in their order: those that begin
    with a function stand outside, statements become a function that has `telemetry` and `tracer`."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        page = (SOURCE / "docs" / "trace.md").read_text()
        cls.blocks = re.findall(r"^```c\n(.*?)^```$", page, re.M | re.S)
        cls.shown = re.findall(r"^```text\n(.*?)^```$", page, re.M | re.S)

    def test_the_first_program_prints_what_the_page_shows(self):
        first, = (b for b in self.blocks if "int main(" in b)
        source = self.root / "hello.c"
        source.write_text(first)
        shown, = self.shown

        def plain(text):  # times and durations differ
            return re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)? ?(ns|µs|ms|s)\b|\d\d:\d\d:\d\d\.\d+", "TIME", text)).strip()

        for kind in self.prefixes:
            with self.subTest(kind):
                self.assertEqual(plain(self.execute(kind, self.compile(kind, [source], "hello")).stdout), plain(shown))

    def test_every_block_compiles_and_runs(self):
        outside, calls = [], []
        for block in self.blocks:
            if "int main(" in block:
                continue
            if block.startswith("static "):
                outside.append(block)
                continue
            name = f"block_{len(calls) + 1}"
            calls.append(f"  {name}(telemetry, tracer);\n")
            outside.append(f"static void {name}(sd_telemetry *telemetry, sd_tracer *tracer)\n{{\n  (void)telemetry;\n"
                           f"  (void)tracer;\n{block}}}\n")
        self.assertGreater(len(calls), 8)
        source = self.root / "page.c"
        source.write_text("#include <pthread.h>\n#include <stdio.h>\n#include <string.h>\n#include <streamduck/export.h>\n"
                          + "\n".join(outside) + """
int main(void)
{
  sd_error error;
  sd_exporter *exporter;
  sd_telemetry *telemetry;
  if (sd_file_exporter_new("page.jsonl", &exporter, &error) != SD_OK)
    return 1;
  sd_telemetry_options options = {.struct_size = sizeof options, .exporters = &exporter, .exporter_count = 1};
  if (sd_telemetry_new(&options, &telemetry, &error) != SD_OK)
    return 1;
  sd_tracer *tracer = sd_telemetry_tracer(telemetry, "page", NULL);
""" + "".join(calls) + "  sd_telemetry_free(telemetry);\n  return 0;\n}\n")
        for kind in self.prefixes:
            with self.subTest(kind):
                file = self.root / "page.jsonl"
                file.unlink(missing_ok=True)
                done = self.execute(kind, self.compile(kind, [source], "page"))
                spans = {span["name"]: span for line in file.read_text().splitlines()
                         for resource in json.loads(line).get("resourceSpans", [])
                         for scope in resource["scopeSpans"] for span in scope["spans"]}
                self.assertEqual(spans["item"]["parentSpanId"], spans["order"]["spanId"])
                self.assertEqual(spans["consume"]["links"][0]["spanId"], spans["produce"]["spanId"])
                self.assertEqual(spans["GET /"]["parentSpanId"], CALLER)
                self.assertEqual(spans["charge"]["status"]["message"], "not charged")
                self.assertIn(f"traceparent: 00-{TRACE_ID}-{spans['GET /']['spanId']}-01", done.stdout)
                self.assertIn("process_cpu_time_seconds_total", done.stdout)
                self.assertRegex(done.stdout, r"\d+ spans, 0 dropped for lack of room, 0 refused or given up")


if __name__ == "__main__":
    unittest.main(verbosity=1, warnings="ignore")
