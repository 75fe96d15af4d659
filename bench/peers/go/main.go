// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0

// Nanoseconds that a span with 5 attributes costs the goroutine that records it, with OpenTelemetry's Go SDK.
//
// usage: go run . [rounds]; as bench/trace.c: JSON, one case a line.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sys/unix"
)

const (
	spans = 100_000
	queue = 131_072 // more than a round, so that nothing is dropped
)

var exported atomic.Int64

type nullExporter struct{}

func (nullExporter) ExportSpans(_ context.Context, batch []sdktrace.ReadOnlySpan) error {
	exported.Add(int64(len(batch)))
	return nil
}

func (nullExporter) Shutdown(context.Context) error { return nil }

func provider(sampler sdktrace.Sampler) *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler),
		sdktrace.WithBatcher(nullExporter{}, sdktrace.WithMaxQueueSize(queue)))
}

// CPU time of the calling thread, in nanoseconds. What the garbage collector does on others is not in it.
func threadCPU() int64 {
	var now unix.Timespec
	check(unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now))
	return now.Nano()
}

// Nanoseconds per span: passed, and spent by this thread.
func setFive(tracer trace.Tracer) [2]float64 {
	background := context.Background()
	cpu := threadCPU()
	start := time.Now()
	for i := range spans {
		_, span := tracer.Start(background, "orders.process")
		span.SetAttributes(
			attribute.String("messaging.system", "eventhubs"),
			attribute.String("messaging.destination.name", "orders"),
			attribute.Int("messaging.batch.message_count", i),
			attribute.Float64("duration_seconds", 0.25),
			attribute.Bool("retried", false))
		span.End()
	}
	wall := time.Since(start).Nanoseconds()
	return [2]float64{float64(wall) / spans, float64(threadCPU()-cpu) / spans}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "span-cost:", err)
		os.Exit(1)
	}
}

func main() {
	rounds := 15
	if len(os.Args) > 1 {
		var err error
		rounds, err = strconv.Atoi(os.Args[1])
		check(err)
	}
	runtime.LockOSThread()
	ctx := context.Background()
	on, off := provider(sdktrace.AlwaysSample()), provider(sdktrace.NeverSample())
	names := []string{"exported, 5 attributes", "not sampled, 5 attributes", "disabled, 5 attributes"}
	tracers := []trace.Tracer{on.Tracer("bench"), off.Tracer("bench"), noop.NewTracerProvider().Tracer("bench")}
	found := make([][2][]float64, len(names))
	for round := -1; round < rounds; round++ { // the first one only warms up
		for i, tracer := range tracers {
			ns := setFive(tracer)
			check(on.ForceFlush(ctx))
			if round >= 0 {
				found[i][0], found[i][1] = append(found[i][0], ns[0]), append(found[i][1], ns[1])
			}
		}
	}
	for i, name := range names {
		wall, cpu := found[i][0], found[i][1]
		slices.Sort(wall)
		slices.Sort(cpu)
		fmt.Printf("{\"case\": %q, \"min_ns\": %.1f, \"median_ns\": %.1f, \"min_cpu_ns\": %.1f, \"median_cpu_ns\": %.1f}\n",
			name, wall[0], wall[rounds/2], cpu[0], cpu[rounds/2])
	}
	check(on.Shutdown(ctx))
	check(off.Shutdown(ctx))
	fmt.Printf("{\"spans\": %d, \"exported\": %d}\n", spans*(rounds+1), exported.Load())
}
