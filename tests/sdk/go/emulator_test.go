// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0

// Package sdk tests the emulator with Microsoft's azeventhubs for Go. This file: a running emulator, and sending and
// receiving a known number of events.
package sdk

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

const limit = 30 * time.Second

// A failed test is a failed test: retries are quick.
var retries = azeventhubs.RetryOptions{MaxRetries: 5, RetryDelay: 50 * time.Millisecond, MaxRetryDelay: time.Second}

type emulator struct {
	t                *testing.T
	ctx              context.Context
	stdin            io.Writer
	lines            *bufio.Scanner
	connectionString string
}

func start(t *testing.T, arguments ...string) *emulator {
	t.Helper()
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	process := exec.Command(filepath.Join(os.Getenv("BUILD"), "streamduck"),
		append([]string{"emulator", "--listen", "127.0.0.1:0", "--control"}, arguments...)...)
	stdin, err := process.StdinPipe()
	must(t, err)
	stdout, err := process.StdoutPipe()
	must(t, err)
	process.Stderr = os.Stderr
	must(t, process.Start())
	t.Cleanup(func() {
		cancel()
		stdin.Close()
		if err := process.Wait(); err != nil {
			t.Errorf("the emulator ended with %v", err)
		}
	})
	e := &emulator{t: t, ctx: ctx, stdin: stdin, lines: bufio.NewScanner(stdout)}
	var ready struct {
		ConnectionString string `json:"connection_string"`
	}
	e.line(&ready)
	e.connectionString = ready.ConnectionString
	return e
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (e *emulator) line(value any) {
	e.t.Helper()
	if !e.lines.Scan() {
		e.t.Fatal("the emulator is silent")
	}
	must(e.t, json.Unmarshal(e.lines.Bytes(), value))
}

// control asks for a fault and returns how many things it met.
func (e *emulator) control(command string, arguments ...any) int {
	e.t.Helper()
	fmt.Fprintf(e.stdin, command+"\n", arguments...)
	var answer struct {
		Ok       bool
		Error    string
		Affected int
	}
	e.line(&answer)
	if !answer.Ok {
		e.t.Fatal(answer.Error)
	}
	return answer.Affected
}

func (e *emulator) producer(hub string) *azeventhubs.ProducerClient {
	e.t.Helper()
	client, err := azeventhubs.NewProducerClientFromConnectionString(e.connectionString, hub,
		&azeventhubs.ProducerClientOptions{RetryOptions: retries})
	must(e.t, err)
	e.t.Cleanup(func() { client.Close(context.Background()) })
	return client
}

func (e *emulator) consumer(hub string) *azeventhubs.ConsumerClient {
	e.t.Helper()
	client, err := azeventhubs.NewConsumerClientFromConnectionString(e.connectionString, hub,
		azeventhubs.DefaultConsumerGroup, &azeventhubs.ConsumerClientOptions{RetryOptions: retries})
	must(e.t, err)
	e.t.Cleanup(func() { client.Close(context.Background()) })
	return client
}

func (e *emulator) send(client *azeventhubs.ProducerClient, options *azeventhubs.EventDataBatchOptions,
	bodies ...string) {
	e.t.Helper()
	batch, err := client.NewEventDataBatch(e.ctx, options)
	must(e.t, err)
	for _, body := range bodies {
		must(e.t, batch.AddEventData(&azeventhubs.EventData{Body: []byte(body)}, nil))
	}
	must(e.t, client.SendEventDataBatch(e.ctx, batch, nil))
}

func (e *emulator) partition(client *azeventhubs.ConsumerClient, id string,
	options azeventhubs.PartitionClientOptions) *azeventhubs.PartitionClient {
	e.t.Helper()
	partition, err := client.NewPartitionClient(id, &options)
	must(e.t, err)
	e.t.Cleanup(func() { partition.Close(context.Background()) })
	return partition
}

// receive returns exactly count events, or fails.
func (e *emulator) receive(partition *azeventhubs.PartitionClient, count int) []*azeventhubs.ReceivedEventData {
	e.t.Helper()
	events := []*azeventhubs.ReceivedEventData{}
	for len(events) < count {
		some, err := partition.ReceiveEvents(e.ctx, count-len(events), nil)
		events = append(events, some...)
		if err != nil {
			e.t.Fatalf("%d of %d events came: %v", len(events), count, err)
		}
	}
	return events
}

func pointer[T any](value T) *T { return &value }
