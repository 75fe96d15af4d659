// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
//! Nanoseconds that a span with 5 attributes costs the thread that records it, with OpenTelemetry's Rust SDK.
//!
//! usage: span-cost [rounds]; as bench/trace.c: JSON, one case a line.

use opentelemetry::trace::{noop::NoopTracerProvider, Span, Tracer, TracerProvider};
use opentelemetry::KeyValue;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const SPANS: i64 = 100_000;
const QUEUE: usize = 131_072; // more than a round, so that nothing is dropped

static EXPORTED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct NullExporter;

impl SpanExporter for NullExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        EXPORTED.fetch_add(batch.len(), Ordering::Relaxed);
        Ok(())
    }
}

fn provider(sampler: Sampler) -> SdkTracerProvider {
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .build();
    let processor = BatchSpanProcessor::builder(NullExporter)
        .with_batch_config(batches)
        .build();
    SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_span_processor(processor)
        .build()
}

/// CPU time of the calling thread, in nanoseconds.
fn thread_cpu() -> f64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a timespec that the call fills.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// Nanoseconds per span: passed, and spent by this thread.
fn set_five<T: Tracer>(tracer: &T) -> [f64; 2] {
    let start = Instant::now();
    let cpu = thread_cpu();
    for i in 0..SPANS {
        let mut span = tracer.start("orders.process");
        span.set_attribute(KeyValue::new("messaging.system", "eventhubs"));
        span.set_attribute(KeyValue::new("messaging.destination.name", "orders"));
        span.set_attribute(KeyValue::new("messaging.batch.message_count", i));
        span.set_attribute(KeyValue::new("duration_seconds", 0.25));
        span.set_attribute(KeyValue::new("retried", false));
        span.end();
    }
    let cpu = thread_cpu() - cpu;
    [start.elapsed().as_nanos() as f64, cpu].map(|ns| ns / SPANS as f64)
}

fn main() {
    let rounds: i32 = std::env::args()
        .nth(1)
        .map_or(15, |text| text.parse().expect("rounds"));
    let on = provider(Sampler::AlwaysOn);
    let off = provider(Sampler::AlwaysOff);
    let sampled = on.tracer("bench");
    let dropped = off.tracer("bench");
    let noop = NoopTracerProvider::new().tracer("bench");
    let names = [
        "exported, 5 attributes",
        "not sampled, 5 attributes",
        "disabled, 5 attributes",
    ];
    let mut found: [[Vec<f64>; 2]; 3] = Default::default();
    for round in -1..rounds {
        // the first one only warms up
        let ns = [set_five(&sampled), set_five(&dropped), set_five(&noop)];
        on.force_flush().expect("flush");
        if round >= 0 {
            (0..3).for_each(|i| (0..2).for_each(|j| found[i][j].push(ns[i][j])));
        }
    }
    for (name, mut ns) in names.iter().zip(found) {
        ns.iter_mut().for_each(|list| list.sort_by(f64::total_cmp));
        let [wall, cpu] = ns;
        let middle = wall.len() / 2;
        println!(
            "{{\"case\": \"{name}\", \"min_ns\": {:.1}, \"median_ns\": {:.1}, \
             \"min_cpu_ns\": {:.1}, \"median_cpu_ns\": {:.1}}}",
            wall[0], wall[middle], cpu[0], cpu[middle]
        );
    }
    on.shutdown().expect("shutdown");
    off.shutdown().expect("shutdown");
    let spans = SPANS as usize * (rounds + 1) as usize;
    println!(
        "{{\"spans\": {spans}, \"exported\": {}}}",
        EXPORTED.load(Ordering::Relaxed)
    );
}
