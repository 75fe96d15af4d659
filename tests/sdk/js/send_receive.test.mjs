// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
// Sending and receiving with @azure/event-hubs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventHubBufferedProducerClient } from "@azure/event-hubs";
import { Emulator } from "./emulator.mjs";

test("hub and partition properties", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "events:4");
  await emulator.send(["one", "two"], "events", { partitionId: "2" });
  const client = emulator.producer();
  const hub = await client.getEventHubProperties();
  assert.equal(hub.name, "events");
  assert.deepEqual(hub.partitionIds, ["0", "1", "2", "3"]);
  assert.ok(Math.abs(Date.now() - hub.createdOn.getTime()) < 600_000);
  const full = await client.getPartitionProperties("2");
  assert.equal(full.beginningSequenceNumber, 0);
  assert.equal(full.lastEnqueuedSequenceNumber, 1);
  assert.equal(full.isEmpty, false);
  assert.match(full.lastEnqueuedOffset, /^\d{3,}$/);
  assert.ok(Math.abs(Date.now() - full.lastEnqueuedOnUtc.getTime()) < 600_000);
  const empty = await client.getPartitionProperties("0");
  assert.equal(empty.isEmpty, true);
  assert.equal(empty.lastEnqueuedSequenceNumber, -1);
});

test("a batch arrives in order with its annotations", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "events:4");
  const sent = Array.from({ length: 1000 }, (_, i) => `event ${i}`);
  await emulator.send(sent, "events", { partitionId: "1" });
  const events = await emulator.receive(1000, { partition: "1" });
  assert.deepEqual(events.map((e) => e.body), sent);
  assert.deepEqual(events.map((e) => e.sequenceNumber), sent.map((_, i) => i));
  assert.equal(new Set(events.map((e) => e.offset)).size, 1000);
  assert.ok(events.every((e) => e.enqueuedTimeUtc instanceof Date));
  assert.equal(await emulator.received("events"), 1000);
});

test("bodies and properties of all kinds survive", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "single:1");
  const moment = new Date("2026-01-02T03:04:05Z");
  await emulator.send([
    {
      body: { nested: [1, "zwei", null] },
      properties: { text: "Ente 🦆", int: 7, negative: -(2 ** 40), float: 1.5, true: true, none: null, moment },
      contentType: "application/json", correlationId: "corr", messageId: "mid",
    },
    { body: Buffer.from([0, 255, 1]) },
    { body: "" },
    { bodyType: "value", body: { answer: 42 } },
    { bodyType: "sequence", body: [[1, 2], ["three"]] },
  ], "single");
  const [json, binary, empty, value, sequence] = await emulator.receive(5, { hub: "single" });
  assert.deepEqual(json.body, { nested: [1, "zwei", null] });
  assert.equal(json.properties.text, "Ente 🦆");
  assert.equal(json.properties.int, 7);
  assert.equal(json.properties.negative, -(2 ** 40));
  assert.equal(json.properties.float, 1.5);
  assert.equal(json.properties.true, true);
  assert.equal(json.properties.none, null);
  assert.equal(new Date(json.properties.moment).getTime(), moment.getTime());
  assert.equal(json.contentType, "application/json");
  assert.equal(json.correlationId, "corr");
  assert.equal(json.messageId, "mid");
  assert.deepEqual([...binary.body], [0, 255, 1]);
  assert.equal(empty.body, "");
  assert.deepEqual(value.body, { answer: 42 });
  assert.deepEqual(sequence.body, [[1, 2], ["three"]]);
});

test("the same key goes to the same partition", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "events:4");
  for (const key of ["a", "b", "c", "a", "b", "c"]) await emulator.send([key, key], "events", { partitionKey: key });
  const partitions = new Map();
  const { hubs } = await emulator.control({ do: "stats" });
  for (const { id, received } of hubs[0].partitions) {
    for (const event of received ? await emulator.receive(received, { partition: id }) : []) {
      assert.equal(event.partitionKey, event.body);
      partitions.set(event.body, (partitions.get(event.body) ?? new Set()).add(id));
    }
  }
  assert.equal(partitions.size, 3);
  for (const ids of partitions.values()) assert.equal(ids.size, 1);
});

test("a large event passes, one above the limit does not", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "single:1");
  const body = Buffer.alloc(1_000_000, "duck");
  await emulator.send([{ body }], "single");
  const [event] = await emulator.receive(1, { hub: "single" });
  assert.ok(body.equals(event.body));
  await assert.rejects(emulator.send([{ body: Buffer.alloc(1_048_577) }], "single"));
  const client = emulator.producer("single");
  await assert.rejects(client.sendBatch([{ body: Buffer.alloc(1_100_000) }]), { code: "MessageTooLargeError" });
  assert.equal(await emulator.received("single"), 1);
});

test("the buffered producer delivers everything", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "events:4");
  const failed = [];
  const client = new EventHubBufferedProducerClient(emulator.connectionString, "events", {
    onSendEventsErrorHandler: async (context) => failed.push(context.error),
  });
  for (let i = 0; i < 2000; i++) await client.enqueueEvent({ body: i }, { partitionKey: String(i % 10) });
  await client.close({ flush: true });
  assert.deepEqual(failed, []);
  const events = await emulator.receive(2000);
  assert.deepEqual(events.map((e) => e.body).sort((a, b) => a - b), Array.from({ length: 2000 }, (_, i) => i));
});
