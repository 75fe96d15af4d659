# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The Prometheus page as the parser of prometheus_client reads it."""

import math
import os
import pathlib
import re
import subprocess
import unittest

from prometheus_client.parser import text_string_to_metric_families

PROGRAM = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "tests" / "metrics" / "print_page"
ONE = {"otel_scope_name": "one", "otel_scope_version": "1.0"}
TWO = {"otel_scope_name": "two", "otel_scope_version": "1.0"}


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([PROGRAM], stdout=subprocess.PIPE, timeout=60, check=True)
        cls.text = done.stdout.decode("utf-8", "strict")
        # The parser takes "_total" off the name of a counter's family.
        cls.families = {family.name: family for family in text_string_to_metric_families(cls.text)}

    def samples(self, family):
        return [(s.name, s.labels, s.value) for s in self.families[family].samples]

    def value(self, family, **labels):
        values = [value for _, found, value in self.samples(family) if labels.items() <= found.items()]
        self.assertEqual(len(values), 1, (family, labels))
        return values[0]

    def test_each_family_stands_once_and_together(self):
        types = re.findall(r"^# TYPE (\S+) ", self.text, re.M)
        self.assertEqual(len(types), len(set(types)))
        names = [re.match(r"[^{ ]+", line)[0] for line in self.text.splitlines() if not line.startswith("#")]
        histograms = {f.name for f in self.families.values() if f.type == "histogram"}
        families = [re.sub(r"_(bucket|sum|count)$", "", n) if re.sub(r"_(bucket|sum|count)$", "", n) in histograms else n
                    for n in names]
        runs = [name for i, name in enumerate(families) if i == 0 or families[i - 1] != name]
        self.assertEqual(len(runs), len(set(runs)))
        self.assertEqual(set(runs), set(types))
        self.assertTrue(self.text.endswith("\n"))

    def test_no_sample_comes_twice(self):
        series = [line.rsplit(" ", 1)[0] for line in self.text.splitlines() if not line.startswith("#")]
        self.assertEqual(len(series), len(set(series)))

    def test_names_are_those_that_prometheus_takes(self):
        for family in self.families.values():
            for name, labels, _ in self.samples(family.name):
                self.assertRegex(name, r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")
                for label in labels:
                    self.assertRegex(label, r"^[a-zA-Z_][a-zA-Z0-9_]*$")
                    self.assertNotIn("__", label)

    def test_counters_have_total_and_their_unit(self):
        self.assertEqual(self.families["http_requests"].type, "counter")
        self.assertEqual({name for name, _, _ in self.samples("http_requests")}, {"http_requests_total"})
        self.assertIn("# TYPE bytes_sent_bytes_total counter\n", self.text)
        self.assertEqual(self.samples("cpu_time_seconds"), [("cpu_time_seconds_total", TWO, 1.5)])

    def test_integers_keep_all_digits(self):
        self.assertRegex(self.text, r"(?m)^http_requests_total\{http_method=.* 9007199254740993$")

    def test_help_and_label_values_are_escaped(self):
        self.assertEqual(self.families["http_requests"].documentation, "Requests\nwith \\ all")
        path = 'quote " backslash \\ line\nend \u00e4'
        self.assertEqual(self.value("http_requests", http_method="GET"), 9007199254740993)
        self.assertIn({**ONE, "http_method": "GET", "path": path},
                      [labels for _, labels, _ in self.samples("http_requests")])

    def test_values_of_other_types_become_text(self):
        self.assertEqual(self.value("http_requests", bool="true", int="-7", double="0.25", nan="NaN", bytes="AQI=",
                                    array="[1,0.5]", map='{"a":true}'), 1)

    def test_keys_that_become_one_name_are_joined_in_their_order(self):
        self.assertEqual(self.value("http_requests", k_1="first;second;third", _9lives="cat", broken="a\ufffdz"), 2)

    def test_two_scopes_share_a_family_and_its_first_help(self):
        self.assertEqual(self.samples("bytes_sent_bytes"),
                         [("bytes_sent_bytes_total", ONE, 10), ("bytes_sent_bytes_total", TWO, 20)])
        self.assertEqual(self.families["bytes_sent_bytes"].documentation, "Sent")

    def test_gauges_take_any_number(self):
        self.assertEqual(self.families["temperature_celsius"].type, "gauge")
        self.assertEqual(self.value("temperature_celsius", where="hot"), math.inf)
        self.assertEqual(self.value("temperature_celsius", where="cold"), -math.inf)
        self.assertTrue(math.isnan(self.value("temperature_celsius", where="nowhere")))
        self.assertEqual(self.families["queue_size"].type, "gauge")
        self.assertEqual(self.value("queue_size"), -3)
        self.assertEqual(self.value("speed_meters_per_second"), 4)

    def test_histograms_have_cumulative_buckets(self):
        self.assertEqual(self.families["request_duration_seconds"].type, "histogram")
        labels = {**ONE, "exported_le": "mine"}
        name = "request_duration_seconds"
        self.assertEqual(self.samples(name), [
            (name + "_bucket", {**labels, "le": "0.1"}, 2), (name + "_bucket", {**labels, "le": "1"}, 4),
            (name + "_bucket", {**labels, "le": "10"}, 5), (name + "_bucket", {**labels, "le": "+Inf"}, 6),
            (name + "_sum", labels, 56.6), (name + "_count", labels, 6)])

    def test_the_resource_is_target_info(self):
        (_, labels, value), = self.samples("target_info")
        self.assertEqual(value, 1)
        self.assertEqual(labels["service_name"], "page")
        self.assertEqual(labels["team_name"], 'quack "squad"')
        self.assertRegex(labels["process_pid"], r"^\d+$")
        self.assertNotIn("otel_scope_name", labels)

    def test_what_cannot_stand_beside_another_is_left_out_and_said(self):
        self.assertEqual(self.families["clash"].type, "gauge")
        self.assertEqual(self.samples("clash"), [("clash", ONE, 1)])
        self.assertIn("# clash of scope two is left out: another metric of this name has another type\n", self.text)
        self.assertEqual(self.samples("same_name"), [("same_name", ONE, 1)])
        self.assertIn("# same_name of scope one is left out: two metrics of one scope have this name\n", self.text)
        self.assertIn("# target_info of scope one is left out: the name is taken\n", self.text)

    def test_the_process_and_the_tracer_are_there(self):
        self.assertGreaterEqual(self.value("process_cpu_time_seconds", cpu_mode="user"), 0)
        self.assertGreaterEqual(self.value("process_cpu_time_seconds", cpu_mode="system"), 0)
        self.assertGreater(self.value("process_memory_usage_bytes"), 1 << 16)
        self.assertEqual(self.families["process_memory_usage_bytes"].type, "gauge")
        self.assertEqual(self.value("otel_sdk_span_started", otel_scope_name="streamduck.telemetry"), 0)


if __name__ == "__main__":
    unittest.main()
