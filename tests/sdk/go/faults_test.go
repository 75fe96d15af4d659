// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

func isCode(err error, code azeventhubs.ErrorCode) bool {
	var of *azeventhubs.Error
	return errors.As(err, &of) && of.Code == code
}

func TestAHigherOwnerLevelTakesThePartition(t *testing.T) {
	e := start(t, "--hub", "events:1")
	e.send(e.producer("events"), nil, "a")
	read := func(level int64) *azeventhubs.PartitionClient {
		return e.partition(e.consumer("events"), "0",
			azeventhubs.PartitionClientOptions{StartPosition: earliest, OwnerLevel: &level})
	}
	loser := read(1)
	e.receive(loser, 1)
	lost := make(chan error)
	go func() {
		_, err := loser.ReceiveEvents(e.ctx, 1, nil)
		lost <- err
	}()
	e.receive(read(2), 1)
	if err := <-lost; !isCode(err, azeventhubs.ErrorCodeOwnershipLost) {
		t.Fatalf("the owner that lost was told %v", err)
	}
	_, err := read(1).ReceiveEvents(e.ctx, 1, nil)
	if err == nil || !strings.Contains(err.Error(), "amqp:link:stolen") ||
		!strings.Contains(err.Error(), "with a higher epoch '2' already exists") {
		t.Fatalf("a lower level was told %v", err)
	}
}

func TestLinksAndConnectionsThatEndAreMadeAgain(t *testing.T) {
	e := start(t, "--hub", "events:1")
	producer := e.producer("events")
	partition := e.partition(e.consumer("events"), "0", azeventhubs.PartitionClientOptions{StartPosition: earliest})
	e.send(producer, nil, "0")
	e.receive(partition, 1)
	for i, fault := range []string{
		`{"do":"detach","hub":"events"}`,
		`{"do":"detach","hub":"events","condition":"com.microsoft:server-busy"}`,
		`{"do":"detach","hub":"events","condition":"amqp:internal-error"}`,
		`{"do":"cut"}`,
		`{"do":"expire"}`,
	} {
		if e.control(fault) == 0 && !strings.Contains(fault, "cut") {
			t.Fatalf("%s met nothing", fault)
		}
		e.send(producer, nil, fault)
		event := e.receive(partition, 1)[0]
		if string(event.Body) != fault || event.SequenceNumber != int64(i+1) {
			t.Fatalf("after %s came %s with number %d", fault, event.Body, event.SequenceNumber)
		}
	}
}

func TestThrottledSendsAndAttachesAreRetried(t *testing.T) {
	e := start(t, "--hub", "events:1")
	producer := e.producer("events")
	e.control(`{"do":"throttle","what":"both","count":2}`)
	e.send(producer, nil, "a")
	partition := e.partition(e.consumer("events"), "0", azeventhubs.PartitionClientOptions{StartPosition: earliest})
	if event := e.receive(partition, 1)[0]; event.SequenceNumber != 0 || string(event.Body) != "a" {
		t.Fatalf("%+v", event)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	e := start(t, "--hub", "events:1")
	_, err := e.producer("none").NewEventDataBatch(e.ctx, nil)
	if err == nil || !strings.Contains(err.Error(), "amqp:not-found") {
		t.Error(err)
	}
	_, err = e.producer("none").GetEventHubProperties(e.ctx, nil)
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
	_, err = e.producer("events").GetPartitionProperties(e.ctx, "1", nil)
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
	_, err = e.producer("events").NewEventDataBatch(e.ctx, &azeventhubs.EventDataBatchOptions{PartitionID: pointer("1")})
	if err == nil || !strings.Contains(err.Error(), "com.microsoft:argument-out-of-range") {
		t.Error(err)
	}
	offset := "no offset"
	partition := e.partition(e.consumer("events"), "0",
		azeventhubs.PartitionClientOptions{StartPosition: azeventhubs.StartPosition{Offset: &offset}})
	if _, err = partition.ReceiveEvents(e.ctx, 1, nil); err == nil || !strings.Contains(err.Error(),
		"com.microsoft:argument-error") {
		t.Error(err)
	}
}

func TestAKeyIsVerified(t *testing.T) {
	e := start(t, "--hub", "events:1", "--sas-key", "a2V5")
	e.send(e.producer("events"), nil, "a")
	e.receive(e.partition(e.consumer("events"), "0", azeventhubs.PartitionClientOptions{StartPosition: earliest}), 1)
	e.connectionString = strings.Replace(e.connectionString, "SharedAccessKey=a2V5;", "SharedAccessKey=other;", 1)
	_, err := e.producer("events").NewEventDataBatch(e.ctx, nil)
	if !isCode(err, azeventhubs.ErrorCodeUnauthorizedAccess) {
		t.Error(err)
	}
	_, err = e.partition(e.consumer("events"), "0",
		azeventhubs.PartitionClientOptions{StartPosition: earliest}).ReceiveEvents(e.ctx, 1, nil)
	if !isCode(err, azeventhubs.ErrorCodeUnauthorizedAccess) {
		t.Error(err)
	}
	_, err = e.producer("events").GetEventHubProperties(e.ctx, nil)
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Error(err)
	}
}

// The processor reads every partition, keeps its place, and goes on where a former one stopped.
func TestProcessor(t *testing.T) {
	e := start(t, "--hub", "events:4")
	producer := e.producer("events")
	checkpoints := newStore()
	round := func(text string) {
		t.Helper()
		for _, id := range []string{"0", "1", "2", "3"} {
			e.send(producer, &azeventhubs.EventDataBatchOptions{PartitionID: &id}, text+id)
		}
		processor, err := azeventhubs.NewProcessor(e.consumer("events"), checkpoints, &azeventhubs.ProcessorOptions{
			LoadBalancingStrategy: azeventhubs.ProcessorStrategyGreedy, UpdateInterval: 100 * time.Millisecond,
			StartPositions: azeventhubs.StartPositions{Default: earliest}})
		must(t, err)
		ctx, cancel := context.WithCancel(e.ctx)
		ended := make(chan error)
		go func() { ended <- processor.Run(ctx) }()
		for range 4 {
			partition := processor.NextPartitionClient(ctx)
			if partition == nil {
				t.Fatal(<-ended)
			}
			events, err := partition.ReceiveEvents(ctx, 1, nil)
			must(t, err)
			if body := string(events[0].Body); body != text+partition.PartitionID() {
				t.Errorf("partition %s gave %s", partition.PartitionID(), body)
			}
			must(t, partition.UpdateCheckpoint(ctx, events[0], nil))
			must(t, partition.Close(ctx))
		}
		cancel()
		must(t, <-ended)
	}
	round("first")
	round("second")
}
