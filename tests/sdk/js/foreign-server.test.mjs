// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
// Our own client against a broker of others: streamduck run and a sender of ours, on rhea's encoder and on encodings
// that neither rhea nor our emulator writes.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import rhea from "rhea";
import { encode, section, smallestList, smallestMap, wide } from "./foreign-encoding.mjs";
import { ForeignServer, cut } from "./foreign-server.mjs";

const { types } = rhea;
const program = (name) => join(process.env.BUILD, name);
const PARTITIONS = 3;
const EVENTS = 700; // of a partition
const LARGE_EVERY = 97; // one of so many events takes several frames
const LARGE_BYTES = 300_000;
const SECONDS = 60;
const skip = process.env.STREAMDUCK_LIBDUCKDB ? false : "STREAMDUCK_LIBDUCKDB is not set";
const ID = "00112233-4455-6677-8899-aabbccddeeff";
const WHEN = new Date("2026-01-02T03:04:05.678Z");

const offsetOf = (partition, i) => `${partition}'${i}-opaque`;
const pairs = (map) => Object.entries(map).flatMap(([key, value]) => [types.Str8(key), value]);
const uuid = () => types.Uuid(Buffer.from(ID.replaceAll("-", ""), "hex"));

// A value of every type that AMQP has, and the JSON that it becomes.
const VALUES = {
  null: [() => types.Null(), null],
  true: [() => types.True(), true],
  false: [() => types.Boolean(0), false],
  ubyte: [() => types.Ubyte(200), 200],
  ushort: [() => types.Ushort(60000), 60000],
  uint: [() => types.Uint(4_000_000_000), 4_000_000_000],
  uint0: [() => types.Uint0(), 0],
  smalluint: [() => types.SmallUint(7), 7],
  ulong: [() => types.Ulong(2 ** 50), 2 ** 50],
  ulong0: [() => types.Ulong0(), 0],
  byte: [() => types.Byte(-7), -7],
  short: [() => types.Short(-30000), -30000],
  int: [() => types.Int(-2_000_000_000), -2_000_000_000],
  smallint: [() => types.SmallInt(-7), -7],
  long: [() => types.Long(-(2 ** 50)), -(2 ** 50)],
  float: [() => types.Float(0.5), 0.5],
  double: [() => types.Double(-1e300), -1e300],
  decimal32: [() => types.Decimal32(Buffer.from("01020304", "hex")), "0x01020304"],
  char: [() => types.CharUTF32(0x1f986), "\u{1f986}"],
  timestamp: [() => types.Timestamp(WHEN.getTime()), "2026-01-02T03:04:05.678000Z"],
  uuid: [uuid, ID],
  binary: [() => types.Vbin32(Buffer.from([255, 0])), "/wA="],
  string: [() => types.Str32("Ente \u{1f986}"), "Ente \u{1f986}"],
  symbol: [() => types.Sym32("a-symbol"), "a-symbol"],
  list: [() => types.List8([types.True(), types.List0()]), [true, []]],
  map: [() => types.Map8([types.Sym8("k"), types.SmallInt(1)]), { k: 1 }],
  array: [() => types.Array8(["a", "b"], types.Str8.typecode), ["a", "b"]],
};
const values = () => Object.fromEntries(Object.entries(VALUES).map(([name, [make]]) => [name, make()]));
const json = () => Object.fromEntries(Object.entries(VALUES).map(([name, [, value]]) => [name, value]));

// The body's sections and what lands; kind goes round.
const BODIES = [
  (text, turn) => [[section("data", types.wrap_binary(Buffer.from(text)), turn)], text],
  (text, turn) => [[section("data", types.Vbin32(Buffer.from(text)), turn)], text],
  (text, turn) => [["", text, " ", "end"].map((part) => section("data", types.wrap_binary(Buffer.from(part)), turn)),
    `${text} end`],
  (text, turn) => [[section("value", types.Str32(text), turn)], text],
  (text, turn) => [[section("value", types.wrap_binary(Buffer.from(text)), turn)], text],
  (text, turn) => [[section("value", smallestMap(pairs({ text: types.wrap_string(text), ...values() })), turn)],
    { text, ...json() }],
  (text, turn) => [[section("sequence", types.List32([types.wrap_string(text), types.SmallInt(1)]), turn)], [text, 1]],
  (text, turn) => [[section("sequence", smallestList([types.wrap_string(text)]), turn), section("sequence", types.List0(), turn),
    section("sequence", types.List8([types.Null()]), turn)], [[text], [], [null]]],
];

const SEQUENCES = [types.Long, types.Ulong, (n) => types.wrap_long(n), (n) => types.wrap_int(n), (n) => types.wrap_ulong(n)];

// An event with everything that a message may have around its body, each in several ways.
function event(partition, i) {
  const turn = i % 3;
  const text = `${partition}:${i}` + (i % LARGE_EVERY === 5 ? ":" + "x".repeat(LARGE_BYTES) : "");
  const [body, landed] = BODIES[i % BODIES.length](text, turn);
  const annotations = [
    types.Sym8("x-opt-sequence-number"), SEQUENCES[i % SEQUENCES.length](i),
    types.Sym8("x-opt-offset"), i % 2 ? types.Str32(offsetOf(partition, i)) : types.Str8(offsetOf(partition, i)),
    types.Sym32("x-opt-enqueued-time"), types.Timestamp(WHEN.getTime() + i),
  ];
  if (i % 4 === 1) annotations.unshift(...pairs(values()), types.Ulong(9), types.Str8("numeric key"));
  const sections = [section("messageAnnotations", i % 2 ? smallestMap(annotations) : types.Map32(annotations), turn)];
  const properties = {};
  if (i % 5 < 3) sections.unshift(section("header", i % 5 ? types.List8([types.True()]) : types.List0(), turn));
  if (i % 7 === 3) {
    sections.splice(-1, 0, section("deliveryAnnotations", smallestMap(pairs(values())), turn));
  }
  if (i % 3) {
    const id = [types.Str8("an id"), types.Ulong(7), uuid()][i % 9 % 3];
    const fields = i % 2 ? [wide(id), types.Null(), types.Null(), types.Str32("a subject")] : [];
    sections.push(section("properties", smallestList(fields), turn));
  }
  if (i % 4 > 1) {
    const map = i % 8 < 4 ? pairs(values()) : pairs({ n: types.SmallUint(5) });
    Object.assign(properties, i % 8 < 4 ? json() : { n: 5 });
    sections.push(section("applicationProperties", i % 16 < 8 ? smallestMap(map) : types.Map32(map), turn));
  }
  sections.push(...body);
  if (i % 6 === 2) sections.push(section("footer", smallestMap(pairs({ crc: types.Uint(1) })), turn));
  return { bytes: encode(...sections), landed, properties };
}

async function run(folder, server) {
  await writeFile(join(folder, ".env"), [
    "EVENTHUBNAME_1=events", "EVENTHUBNAME_1_CONSUMER_GROUP='$Default'",
    `EVENTHUBNAME_1_CONNECTION_STRING='${server.connectionString}'`,
    `MOTHERDUCK_1_DATABASE=${join(folder, "events.duckdb")}`, "MOTHERDUCK_1_SCHEMA=main", "MOTHERDUCK_1_TABLE=events",
  ].join("\n") + "\n");
  const streamduck = spawn(program("streamduck"),
    ["run", "--until-caught-up", "--env-file", join(folder, ".env"), "--state-dir", join(folder, "state")],
    { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [streamduck.stdout, streamduck.stderr]) stream.on("data", (text) => (output += text));
  const timer = setTimeout(() => streamduck.kill("SIGKILL"), SECONDS * 1000);
  const code = await new Promise((resolve) => streamduck.on("close", resolve));
  clearTimeout(timer);
  return { code, output };
}

async function query(folder, sql) {
  const { stdout } = await promisify(execFile)(program("tests/tools/query"), [join(folder, "events.duckdb"), sql],
    { maxBuffer: 256 * 1024 * 1024 });
  return stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

async function scratch(t) {
  const folder = await mkdtemp(join(tmpdir(), "streamduck-foreign-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test("every event of a foreign broker lands once, whatever its encoding and whatever ends on the way", { skip },
  async (t) => {
    const events = Array.from({ length: PARTITIONS }, (_, p) => Array.from({ length: EVENTS }, (_, i) => event(p, i)));
    const faults = {
      // From the middle of a stream, each on a later connection or link than the one before.
      300: (link) => link.connection.close({ condition: "amqp:connection:forced", description: "an upgrade" }),
      900: (link) => link.close({ condition: "amqp:link:detach-forced", description: "idle" }),
      1200: (link) => link.session.close({ condition: "amqp:session:window-violation", description: "by mistake" }),
      1500: (link) => cut(link.connection),
    };
    const done = new Set();
    const on = {
      sent: (_, link, count) => {
        const next = Object.keys(faults).find((at) => !done.has(at) && count >= at);
        if (!next) return false;
        done.add(next);
        // What was handed over goes out first, as far as the windows allow.
        setImmediate(() => faults[next](link));
        return true;
      },
    };
    const server = await ForeignServer.start(t, { partitions: events.map((p) => p.map((e) => e.bytes)), offsetOf, on });
    const folder = await scratch(t);
    const { code, output } = await run(folder, server);
    assert.deepEqual(server.faults, []);
    assert.equal(code, 0, output);
    assert.equal(done.size, Object.keys(faults).length);
    assert.equal(server.connections, 3, output);
    assert.equal(server.refused, 0);
    assert.ok(server.epochs.length >= PARTITIONS && server.epochs.every((epoch) => epoch > 0));
    assert.ok(server.tokens >= 3);
    const rows = await query(folder, "SELECT partition_id AS p, sequence_number AS s, event_body AS b, " +
      "properties::VARCHAR AS props FROM events ORDER BY 1, 2");
    assert.equal(rows.length, PARTITIONS * EVENTS);
    for (const [n, row] of rows.entries()) {
      const [p, i] = [Math.floor(n / EVENTS), n % EVENTS];
      const { landed, properties } = events[p][i];
      assert.deepEqual([row.p, Number(row.s)], [String(p), i]);
      if (typeof landed === "string") assert.equal(row.b, landed);
      else assert.deepEqual(JSON.parse(row.b), landed, row.b);
      assert.deepEqual(JSON.parse(row.props ?? "{}"), properties, row.props);
    }
  });

test("a foreign broker with a short idle time-out gets its heartbeats", { skip }, async (t) => {
  const idleTimeOut = 500;
  const events = Array.from({ length: 10 }, (_, i) => event(0, i));
  const on = {
    // The last event keeps everybody waiting for longer than the broker bears silence, which is twice its time-out.
    sent: (server, link, count) => {
      if (count !== events.length - 1) return false;
      setTimeout(() => {
        link.feed.over = false;
        server.pump(link);
      }, 5 * idleTimeOut);
      return true;
    },
  };
  const server = await ForeignServer.start(t, { partitions: [events.map((e) => e.bytes)], offsetOf, on, idleTimeOut });
  const folder = await scratch(t);
  const { code, output } = await run(folder, server);
  assert.deepEqual(server.faults, []);
  assert.equal(code, 0, output);
  assert.equal(server.connections, 1, output);
  assert.equal((await query(folder, "SELECT sequence_number FROM events")).length, events.length);
});

test("our sender publishes to a foreign broker", async (t) => {
  const server = await ForeignServer.start(t, { partitions: [[], []], offsetOf: () => "-1" });
  const send = (...options) => promisify(execFile)(program("tests/tools/send_events"),
    [server.connectionString, "events", ...options], { timeout: SECONDS * 1000 });
  await send("--count", "500", "--size", "100", "--batch", "50", "--keys", "3");
  await send("--first", "500", "--count", "3", "--size", "200000", "--batch", "3", "--partition", "1");
  assert.deepEqual(server.faults, []);
  assert.deepEqual(server.received.map((body) => JSON.parse(body).i), Array.from({ length: 503 }, (_, i) => i));
  assert.ok(server.received.slice(500).every((body) => body.length === 200_000));
});
