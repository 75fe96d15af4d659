// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

var earliest = azeventhubs.StartPosition{Earliest: pointer(true)}

func TestPropertiesOfHubAndPartitions(t *testing.T) {
	e := start(t, "--hub", "events:3")
	producer := e.producer("events")
	hub, err := producer.GetEventHubProperties(e.ctx, nil)
	must(t, err)
	if hub.Name != "events" || !reflect.DeepEqual(hub.PartitionIDs, []string{"0", "1", "2"}) ||
		hub.GeoReplicationEnabled || time.Since(hub.CreatedOn).Abs() > time.Minute {
		t.Fatalf("%+v", hub)
	}
	empty, err := e.consumer("events").GetPartitionProperties(e.ctx, "1", nil)
	must(t, err)
	if !empty.IsEmpty || empty.LastEnqueuedSequenceNumber != -1 || empty.PartitionID != "1" {
		t.Fatalf("%+v", empty)
	}
	e.send(producer, &azeventhubs.EventDataBatchOptions{PartitionID: pointer("1")}, "a", "b")
	filled, err := producer.GetPartitionProperties(e.ctx, "1", nil)
	must(t, err)
	last := e.receive(e.partition(e.consumer("events"), "1", azeventhubs.PartitionClientOptions{StartPosition: earliest}), 2)[1]
	if filled.IsEmpty || filled.BeginningSequenceNumber != 0 || filled.LastEnqueuedSequenceNumber != 1 ||
		filled.LastEnqueuedOffset != last.Offset || !filled.LastEnqueuedOn.Equal(*last.EnqueuedTime) {
		t.Fatalf("%+v is not %+v", filled, last)
	}
}

func TestEventsArriveAsTheyWereSent(t *testing.T) {
	e := start(t, "--hub", "events:1")
	sent := &azeventhubs.EventData{
		Body: []byte{0, 1, 2, 255}, ContentType: pointer("application/x-test"), CorrelationID: "c-1",
		MessageID: pointer("m-1"),
		Properties: map[string]any{
			"text": "größe", "int": int64(-5), "small": int32(7), "float": 1.5, "bool": true, "bytes": []byte{9},
			"time": time.UnixMilli(1700000000123), "nothing": nil,
		},
	}
	producer := e.producer("events")
	batch, err := producer.NewEventDataBatch(e.ctx, &azeventhubs.EventDataBatchOptions{PartitionKey: pointer("key")})
	must(t, err)
	must(t, batch.AddEventData(sent, nil))
	must(t, batch.AddAMQPAnnotatedMessage(&azeventhubs.AMQPAnnotatedMessage{
		Body: azeventhubs.AMQPAnnotatedMessageBody{Value: map[string]any{"n": int64(1)}}}, nil))
	must(t, batch.AddAMQPAnnotatedMessage(&azeventhubs.AMQPAnnotatedMessage{
		Body: azeventhubs.AMQPAnnotatedMessageBody{Sequence: [][]any{{"a", int64(2)}, {true}}}}, nil))
	must(t, producer.SendEventDataBatch(e.ctx, batch, nil))
	got := e.receive(e.partition(e.consumer("events"), "0", azeventhubs.PartitionClientOptions{StartPosition: earliest}), 3)
	if !bytes.Equal(got[0].Body, sent.Body) || !reflect.DeepEqual(got[0].Properties, sent.Properties) ||
		*got[0].ContentType != *sent.ContentType || got[0].CorrelationID != sent.CorrelationID ||
		*got[0].MessageID != *sent.MessageID {
		t.Fatalf("%#v", got[0].EventData)
	}
	for i, event := range got {
		if event.SequenceNumber != int64(i) || event.PartitionKey == nil || *event.PartitionKey != "key" ||
			time.Since(*event.EnqueuedTime).Abs() > time.Minute {
			t.Fatalf("%d: %+v", i, event)
		}
	}
	if body := got[1].RawAMQPMessage.Body.Value; !reflect.DeepEqual(body, map[string]any{"n": int64(1)}) {
		t.Fatalf("%#v", body)
	}
	if body := got[2].RawAMQPMessage.Body.Sequence; !reflect.DeepEqual(body, [][]any{{"a", int64(2)}, {true}}) {
		t.Fatalf("%#v", body)
	}
}

// More than the client's first credit, which it renews without settling anything.
func TestManyEventsInOrder(t *testing.T) {
	const batches, size = 20, 200
	e := start(t, "--hub", "events:1")
	producer := e.producer("events")
	partition := e.partition(e.consumer("events"), "0", azeventhubs.PartitionClientOptions{StartPosition: earliest})
	for b := range batches {
		bodies := make([]string, size)
		for i := range bodies {
			bodies[i] = fmt.Sprint(b*size + i)
		}
		e.send(producer, nil, bodies...)
	}
	for i, event := range e.receive(partition, batches*size) {
		if string(event.Body) != fmt.Sprint(i) || event.SequenceNumber != int64(i) {
			t.Fatalf("event %d is %s with number %d", i, event.Body, event.SequenceNumber)
		}
	}
}

func TestWithoutPrefetchCreditIsGivenByHand(t *testing.T) {
	e := start(t, "--hub", "events:1")
	e.send(e.producer("events"), nil, "a", "b", "c", "d", "e")
	partition := e.partition(e.consumer("events"), "0",
		azeventhubs.PartitionClientOptions{StartPosition: earliest, Prefetch: -1})
	text := ""
	for _, count := range []int{2, 1, 2} {
		for _, event := range e.receive(partition, count) {
			text += string(event.Body)
		}
	}
	if text != "abcde" {
		t.Fatal(text)
	}
}

func TestOneKeyIsOnePartition(t *testing.T) {
	e := start(t, "--hub", "events:8")
	producer := e.producer("events")
	for _, key := range []string{"red", "green", "blue"} {
		for range 3 {
			e.send(producer, &azeventhubs.EventDataBatchOptions{PartitionKey: &key}, key)
		}
	}
	hub, err := producer.GetEventHubProperties(e.ctx, nil)
	must(t, err)
	total := int64(0)
	for _, id := range hub.PartitionIDs {
		properties, err := producer.GetPartitionProperties(e.ctx, id, nil)
		must(t, err)
		count := properties.LastEnqueuedSequenceNumber + 1
		if count%3 != 0 {
			t.Fatalf("partition %s has %d events", id, count)
		}
		total += count
	}
	if total != 9 {
		t.Fatal(total)
	}
}

func TestEventsUpToTheSizeOfABatch(t *testing.T) {
	e := start(t, "--hub", "events:1")
	producer := e.producer("events")
	batch, err := producer.NewEventDataBatch(e.ctx, nil)
	must(t, err)
	if err := batch.AddEventData(&azeventhubs.EventData{Body: make([]byte, 1<<20)}, nil); !errors.Is(err,
		azeventhubs.ErrEventDataTooLarge) {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("0123456789abcdef"), (1<<20-1024)/16)
	must(t, batch.AddEventData(&azeventhubs.EventData{Body: body}, nil))
	must(t, producer.SendEventDataBatch(e.ctx, batch, nil))
	got := e.receive(e.partition(e.consumer("events"), "0", azeventhubs.PartitionClientOptions{StartPosition: earliest}), 1)
	if !bytes.Equal(got[0].Body, body) {
		t.Fatal(len(got[0].Body))
	}
}

func TestPositions(t *testing.T) {
	e := start(t, "--hub", "events:1")
	producer, consumer := e.producer("events"), e.consumer("events")
	bodies := "abcde"
	for _, body := range bodies {
		e.send(producer, nil, string(body))
		time.Sleep(2 * time.Millisecond) // so that enqueued times differ
	}
	third := e.receive(e.partition(consumer, "0", azeventhubs.PartitionClientOptions{StartPosition: earliest}), len(bodies))[2]
	for name, c := range map[string]struct {
		position azeventhubs.StartPosition
		first    string
	}{
		"offset":                {azeventhubs.StartPosition{Offset: &third.Offset}, "d"},
		"offset, inclusive":     {azeventhubs.StartPosition{Offset: &third.Offset, Inclusive: true}, "c"},
		"sequence":              {azeventhubs.StartPosition{SequenceNumber: &third.SequenceNumber}, "d"},
		"sequence, inclusive":   {azeventhubs.StartPosition{SequenceNumber: &third.SequenceNumber, Inclusive: true}, "c"},
		"time":                  {azeventhubs.StartPosition{EnqueuedTime: third.EnqueuedTime}, "d"},
		"time, inclusive":       {azeventhubs.StartPosition{EnqueuedTime: third.EnqueuedTime, Inclusive: true}, "c"},
		"time before all":       {azeventhubs.StartPosition{EnqueuedTime: pointer(time.Unix(1, 0))}, "a"},
		"sequence before first": {azeventhubs.StartPosition{SequenceNumber: pointer(int64(-1))}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			partition := e.partition(consumer, "0", azeventhubs.PartitionClientOptions{StartPosition: c.position})
			if body := string(e.receive(partition, 1)[0].Body); body != c.first {
				t.Fatal(body)
			}
			must(t, partition.Close(e.ctx)) // at most five receivers read a partition
		})
	}
}
