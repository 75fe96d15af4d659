// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
// Where receivers begin, who may read, what is refused; with @azure/event-hubs.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { earliestEventPosition, latestEventPosition } from "@azure/event-hubs";
import { Emulator } from "./emulator.mjs";

const bodies = (events) => events.map((e) => e.body);
const partition = "0";
const hub = "single";

test("every kind of position", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "single:1");
  await emulator.send(["0", "1", "2"], hub);
  await sleep(20);
  const middle = new Date();
  await sleep(20);
  await emulator.send(["3", "4"], hub);
  const all = await emulator.receive(5, { hub, partition });
  assert.deepEqual(bodies(all), ["0", "1", "2", "3", "4"]);
  const read = async (position, count) => bodies(await emulator.receive(count, { hub, partition, position }));
  assert.deepEqual(await read({ offset: all[1].offset }, 3), ["2", "3", "4"]);
  assert.deepEqual(await read({ offset: all[1].offset, isInclusive: true }, 4), ["1", "2", "3", "4"]);
  assert.deepEqual(await read({ sequenceNumber: 2 }, 2), ["3", "4"]);
  assert.deepEqual(await read({ sequenceNumber: 2, isInclusive: true }, 3), ["2", "3", "4"]);
  assert.deepEqual(await read({ enqueuedOn: middle }, 2), ["3", "4"]);
});

test("latest begins behind what is there", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "single:1");
  await emulator.send(["old"], hub);
  let done = false;
  const waiting = emulator.receive(1, { hub, partition, position: latestEventPosition }).finally(() => (done = true));
  while (!done) {
    await emulator.send(["new"], hub);
    await sleep(100);
  }
  assert.deepEqual(bodies(await waiting), ["new"]);
});

test("invalid offsets, unknown hubs, groups and partitions are refused", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "single:1");
  await emulator.send(["x"], hub);
  await assert.rejects(emulator.receive(1, { hub, partition, position: { offset: "999999999999999999" } }),
    /The supplied offset '999999999999999999' is invalid. The last offset in the system is '\d+'/);
  await assert.rejects(emulator.receive(1, { hub, partition: "7" }), /The specified partition is invalid/);
  await assert.rejects(emulator.receive(1, { hub, partition, group: "nogroup" }), /could not be found/);
  await assert.rejects(emulator.receive(1, { hub: "missing", partition }), { code: "MessagingEntityNotFoundError" });
  await assert.rejects(emulator.send(["x"], "missing"), { code: "MessagingEntityNotFoundError" });
});

test("a higher owner level steals, a lower one is refused", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "single:1");
  await emulator.send(["x"], hub);
  const client = emulator.consumer(hub);
  let lost;
  const stolen = new Promise((resolve) => (lost = resolve));
  await new Promise((resolve) => {
    client.subscribe(partition, {
      processEvents: async () => resolve(),
      processError: async (error) => lost(error),
    }, { startPosition: earliestEventPosition, ownerLevel: 2, maxWaitTimeInSeconds: 1 });
  });
  await assert.rejects(emulator.receive(1, { hub, partition, ownerLevel: 1 }), /higher epoch '2'/);
  await assert.rejects(emulator.receive(1, { hub, partition }), /non-epoch receiver is not allowed/);
  assert.deepEqual(bodies(await emulator.receive(1, { hub, partition, ownerLevel: 3 })), ["x"]);
  const error = await stolen;
  assert.equal(error.code, "ReceiverDisconnectedError");
  assert.match(error.message, /with higher epoch of '3' is created hence current receiver/);
});

test("last enqueued properties are tracked", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "single:1");
  await emulator.send(["a", "b"], hub);
  const client = emulator.consumer(hub);
  const last = await new Promise((resolve, reject) => {
    client.subscribe(partition, {
      processEvents: async (events, context) => events.length && resolve(context.lastEnqueuedEventProperties),
      processError: async (error) => reject(error),
    }, { startPosition: earliestEventPosition, trackLastEnqueuedEventProperties: true, maxWaitTimeInSeconds: 1 });
  });
  assert.equal(last.sequenceNumber, 1);
  assert.ok(last.offset && last.enqueuedOn instanceof Date && last.retrievedOn instanceof Date);
});

test("the key is verified when one is given", async (t) => {
  const emulator = await Emulator.start(t, "--hub", "single:1", "--sas-key", "the right key 12345=");
  await emulator.send(["x"], hub);
  assert.deepEqual(bodies(await emulator.receive(1, { hub, partition })), ["x"]);
  emulator.connectionString = emulator.connectionString.replace("right", "wrong");
  await assert.rejects(emulator.send(["y"], hub), { code: "UnauthorizedError" });
  assert.equal(await emulator.received(hub), 1);
});

test("a cut connection, a detached link and a kill lose nothing", async (t) => {
  const data = await mkdtemp(join(tmpdir(), "streamduck-sdk-"));
  t.after(() => rm(data, { recursive: true }));
  let emulator = await Emulator.start(t, "--hub", "single:1", "--data", data);
  await emulator.send(Array.from({ length: 100 }, (_, i) => String(i)), hub);
  await emulator.control({ do: "cut", hub, after: 10 });
  const client = emulator.consumer(hub);
  const seen = new Set();
  const subscription = client.subscribe(partition, {
    processEvents: async (events) => {
      if (events.length && seen.size === 0) await emulator.control({ do: "detach", hub });
      for (const event of events) seen.add(event.sequenceNumber);
    },
    processError: async () => {},
  }, { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1, maxBatchSize: 5 });
  for (let i = 0; i < 200 && seen.size < 100; i++) await sleep(100);
  await subscription.close();
  await client.close();
  assert.equal(seen.size, 100);
  emulator.process.kill("SIGKILL");
  emulator = await Emulator.start(t, "--hub", "single:1", "--data", data);
  assert.equal(await emulator.received(hub), 100);
  assert.equal((await emulator.receive(100, { hub, partition })).length, 100);
});
