# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""Nanoseconds that a span with 5 attributes costs the thread that records it, with OpenTelemetry's Python SDK.

usage: span_cost.py [rounds]; as bench/trace.c: JSON, one case a line.
"""

import json
import statistics
import sys
import time

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import NoOpTracerProvider

SPANS = 5_000
QUEUE = 131_072  # more than a round, so that nothing is dropped


class NullExporter(SpanExporter):
    exported = 0

    def export(self, spans):
        NullExporter.exported += len(spans)
        return SpanExportResult.SUCCESS


def provider(sampler):
    made = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(NullExporter(), max_queue_size=QUEUE))
    return made


def set_five(tracer):
    """Nanoseconds per span: passed, and spent by this thread."""
    start, cpu = time.perf_counter_ns(), time.thread_time_ns()
    for i in range(SPANS):
        span = tracer.start_span("orders.process")
        span.set_attribute("messaging.system", "eventhubs")
        span.set_attribute("messaging.destination.name", "orders")
        span.set_attribute("messaging.batch.message_count", i)
        span.set_attribute("duration_seconds", 0.25)
        span.set_attribute("retried", False)
        span.end()
    return (time.perf_counter_ns() - start) / SPANS, (time.thread_time_ns() - cpu) / SPANS


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    on, off = provider(ALWAYS_ON), provider(ALWAYS_OFF)
    tracers = {"exported, 5 attributes": on.get_tracer("bench"), "not sampled, 5 attributes": off.get_tracer("bench"),
               "disabled, 5 attributes": NoOpTracerProvider().get_tracer("bench")}
    found = {name: [] for name in tracers}
    for number in range(-1, rounds):  # the first one only warms up
        for name, tracer in tracers.items():
            ns = set_five(tracer)
            on.force_flush()
            if number >= 0:
                found[name].append(ns)
    on.shutdown()
    off.shutdown()
    for name, ns in found.items():
        wall, cpu = zip(*ns)
        print(json.dumps({"case": name, "min_ns": round(min(wall), 1), "median_ns": round(statistics.median(wall), 1),
                          "min_cpu_ns": round(min(cpu), 1), "median_cpu_ns": round(statistics.median(cpu), 1)}))
    print(json.dumps({"spans": SPANS * (rounds + 1), "exported": NullExporter.exported}))


if __name__ == "__main__":
    main()
