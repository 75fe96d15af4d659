# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""The same values in our exponential histogram and in that of OpenTelemetry's SDK for Python: the same buckets."""

import json
import math
import os
import pathlib
import random
import struct
import subprocess
import unittest

from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation

PROGRAM = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "tests" / "metrics" / "record_values"
VALUES = 10_000
SUBNORMAL = 5e-324


def ours(values):
    done = subprocess.run([PROGRAM], input=struct.pack(f"={len(values)}d", *values), stdout=subprocess.PIPE,
                          timeout=60, check=True)
    point = json.loads(done.stdout)
    for name in ("sum", "min", "max"):
        point[name] = float.fromhex(point[name])
    return point


def theirs(values):
    reader = InMemoryMetricReader(preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()})
    histogram = MeterProvider([reader], shutdown_on_exit=False).get_meter("test").create_histogram("values")
    for value in values:
        histogram.record(value)
    return reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0]


def buckets(offset, counts):
    """Index → count of the buckets that are not empty: the SDK keeps empty ones at the end."""
    return {offset + i: count for i, count in enumerate(counts) if count}


class SameBuckets(unittest.TestCase):
    """Each test makes its values from a seed of its own."""

    def compare(self, values):
        self.assertEqual(len(values), VALUES)
        mine, other = ours(values), theirs(values)
        self.assertEqual(mine["scale"], other.scale)
        self.assertEqual(mine["count"], other.count)
        self.assertEqual(mine["zero_count"], other.zero_count)
        self.assertEqual(buckets(mine["offset"], mine["counts"]),
                         buckets(other.positive.offset, other.positive.bucket_counts))
        self.assertEqual((mine["sum"], mine["min"], mine["max"]), (other.sum, other.min, other.max))
        self.assertEqual(sum(mine["counts"]) + mine["zero_count"], VALUES)
        self.assertLessEqual(len(mine["counts"]), 160)

    def test_latencies(self):
        rng = random.Random(1)
        self.compare([rng.lognormvariate(3, 1.2) for _ in range(VALUES)])

    def test_a_narrow_range_at_a_fine_scale(self):
        rng = random.Random(2)
        self.compare([1 + rng.random() * 1e-4 for _ in range(VALUES)])

    def test_the_finest_scale(self):
        rng = random.Random(3)
        self.compare([1.5 + rng.randrange(100) * 1e-7 for _ in range(VALUES)])

    def test_all_exponents(self):
        rng = random.Random(4)
        self.compare([math.ldexp(1 + rng.random(), rng.randrange(-1022, 1014)) for _ in range(VALUES)])

    def test_exact_powers_of_two(self):
        rng = random.Random(5)
        self.compare([math.ldexp(1, rng.randrange(-1022, 1010)) for _ in range(VALUES)])

    def test_powers_of_two_and_their_neighbours(self):
        rng = random.Random(6)
        powers = [math.ldexp(1, rng.randrange(-20, 20)) for _ in range(VALUES)]
        self.compare([rng.choice([p, math.nextafter(p, 0), math.nextafter(p, math.inf)]) for p in powers])

    def test_subnormals_among_others(self):
        rng = random.Random(7)
        self.compare([rng.choice([SUBNORMAL * rng.randrange(1, 1 << 50), 2.2250738585072014e-308,
                                  math.ldexp(1 + rng.random(), rng.randrange(-1022, -900))]) for _ in range(VALUES)])

    def test_subnormals_alone(self):
        rng = random.Random(8)
        self.compare([SUBNORMAL * rng.randrange(1, 1 << 51) for _ in range(VALUES)])

    def test_zeros_among_others(self):
        rng = random.Random(9)
        self.compare([rng.choice([0.0, rng.random() * 100]) for _ in range(VALUES)])

    def test_zeros_alone(self):
        self.compare([0.0] * VALUES)

    def test_one_value_again_and_again(self):
        self.compare([math.pi] * VALUES)

    def test_rising_and_falling(self):
        rising = [math.exp(i / VALUES * 60 - 30) for i in range(VALUES)]
        self.compare(rising)
        self.compare(rising[::-1])

    def test_whole_numbers(self):
        rng = random.Random(10)
        self.compare([float(rng.randrange(1, 100_000)) for _ in range(VALUES)])

    def test_from_the_smallest_to_the_largest(self):
        rng = random.Random(11)
        values = [math.ldexp(1 + rng.random(), rng.randrange(-1074, 1000)) for _ in range(VALUES - 2)]
        self.compare([SUBNORMAL, *values, 1e307])


if __name__ == "__main__":
    unittest.main()
