// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
// The emulator, and receiving a known number of events, for Microsoft's @azure/event-hubs.
import { webcrypto } from "node:crypto";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition } from "@azure/event-hubs";

// The SDK wants the global that Node has had since 20; Debian 12 has 18.
globalThis.crypto ??= webcrypto;

const SECONDS = 30;

export class Emulator {
  static async start(t, ...args) {
    const emulator = new Emulator();
    emulator.process = spawn(
      join(process.env.BUILD, "streamduck"),
      ["emulator", "--listen", "127.0.0.1:0", "--control", ...args],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    emulator.lines = createInterface({ input: emulator.process.stdout })[Symbol.asyncIterator]();
    emulator.clients = [];
    // In this order: a client waits for the answer to its close.
    t.after(async () => {
      await Promise.all(emulator.clients.map((client) => client.close()));
      emulator.process.kill("SIGKILL");
    });
    const ready = await emulator.line();
    emulator.connectionString = ready.connection_string;
    return emulator;
  }

  async line() {
    return JSON.parse((await this.lines.next()).value);
  }

  async control(command) {
    this.process.stdin.write(JSON.stringify(command) + "\n");
    const answer = await this.line();
    if (!answer.ok) throw new Error(answer.error);
    return answer;
  }

  async received(hub) {
    return (await this.control({ do: "stats" })).hubs.find((h) => h.name === hub).received;
  }

  producer(hub = "events") {
    return this.opened(new EventHubProducerClient(this.connectionString, hub, { retryOptions: { maxRetries: 0 } }));
  }

  consumer(hub = "events", group = "$Default") {
    return this.opened(
      new EventHubConsumerClient(group, this.connectionString, hub, { retryOptions: { maxRetries: 0 } }));
  }

  opened(client) {
    this.clients.push(client);
    return client;
  }

  async send(events, hub = "events", options = {}) {
    const client = this.producer(hub);
    try {
      const batch = await client.createBatch(options);
      for (const event of events) {
        if (!batch.tryAdd(typeof event === "string" ? { body: event } : event)) throw new Error("batch is full");
      }
      await client.sendBatch(batch);
    } finally {
      await client.close();
    }
  }

  // The next `count` events; rejects with the first error that the client reports.
  async receive(count, { hub = "events", group, partition, position = earliestEventPosition, ...options } = {}) {
    const client = this.consumer(hub, group);
    const events = [];
    let subscription;
    try {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`only ${events.length} of ${count} events came`)), SECONDS * 1000);
        const done = (f, value) => {
          clearTimeout(timer);
          f(value);
        };
        const handlers = {
          processEvents: async (batch) => {
            events.push(...batch);
            if (events.length >= count) done(resolve);
          },
          processError: async (error) => done(reject, error),
        };
        options = { startPosition: position, maxBatchSize: 100, maxWaitTimeInSeconds: 1, ...options };
        subscription = partition === undefined ? client.subscribe(handlers, options)
          : client.subscribe(partition, handlers, options);
      });
      return events.slice(0, count);
    } finally {
      await subscription?.close();
      await client.close();
    }
  }
}
