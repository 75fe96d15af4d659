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

fn set_five<T: Tracer>(tracer: &T) -> f64 {
    let start = Instant::now();
    for i in 0..SPANS {
        let mut span = tracer.start("orders.process");
        span.set_attribute(KeyValue::new("messaging.system", "eventhubs"));
        span.set_attribute(KeyValue::new("messaging.destination.name", "orders"));
        span.set_attribute(KeyValue::new("messaging.batch.message_count", i));
        span.set_attribute(KeyValue::new("duration_seconds", 0.25));
        span.set_attribute(KeyValue::new("retried", false));
        span.end();
    }
    start.elapsed().as_nanos() as f64 / SPANS as f64
}

fn main() {
    let rounds: i32 = std::env::args().nth(1).map_or(15, |text| text.parse().expect("rounds"));
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
    let mut found: [Vec<f64>; 3] = Default::default();
    for round in -1..rounds {
        // the first one only warms up
        let ns = [set_five(&sampled), set_five(&dropped), set_five(&noop)];
        on.force_flush().expect("flush");
        if round >= 0 {
            (0..3).for_each(|i| found[i].push(ns[i]));
        }
    }
    for (name, mut ns) in names.iter().zip(found) {
        ns.sort_by(f64::total_cmp);
        println!(
            "{{\"case\": \"{name}\", \"min_ns\": {:.1}, \"median_ns\": {:.1}}}",
            ns[0],
            ns[ns.len() / 2]
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
