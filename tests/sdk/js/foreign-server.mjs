// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
// A broker on rhea that plays Event Hubs as far as a consumer and a sender need it: SASL, $cbs, $management, partition
// receivers with selectors and owner levels, publications. Nothing in it comes from streamduck.
import { once } from "node:events";
import rhea from "rhea";
import { varyPerformatives } from "./foreign-encoding.mjs";

const { types, message } = rhea;
const SELECTOR = /^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time) (>=?) ?'(.*)'$/;
const BATCH_FORMAT = 0x80013700;

export class ForeignServer {
  // partitions: an array of arrays of encoded messages; their sequence numbers are their places, their offsets what
  // offsetOf says. on.sent(server, link, count) is called after each event that was handed to rhea; answering true
  // means that the link or its connection has ended.
  static async start(t, { partitions, offsetOf, idleTimeOut, on = {} }) {
    const server = new ForeignServer();
    Object.assign(server, { partitions, offsetOf, on, created: new Date("2026-03-04T05:06:07Z"),
      connections: 0, tokens: 0, epochs: [], refused: 0, sent: 0, received: [], faults: [] });
    const open = new Set();
    const container = rhea.create_container({ id: "foreign", require_sasl: true, idle_time_out: idleTimeOut,
      receiver_options: { autoaccept: false, credit_window: 50 } });
    container.sasl_server_mechanisms.enable_anonymous();
    container.on("connection_open", ({ connection }) => {
      server.connections++;
      connection.nodes = new Map();
      open.add(connection);
    });
    container.on("sender_open", (context) => server.senderOpen(context));
    container.on("receiver_open", (context) => server.receiverOpen(context));
    container.on("sender_flow", (context) => server.pump(context.sender));
    container.on("sendable", (context) => server.pump(context.sender));
    container.on("message", (context) => server.message(context));
    container.on("disconnected", () => {}); // or rhea prints it
    for (const what of ["error", "protocol_error"]) container.on(what, (error) => server.faults.push(String(error)));
    t.after(styled(container.create_connection().constructor.prototype));
    const listener = container.listen({ port: 0, host: "127.0.0.1" });
    await once(listener, "listening");
    t.after(() => {
      for (const connection of open) cut(connection);
      listener.close();
    });
    server.connectionString = `Endpoint=sb://127.0.0.1:${listener.address().port};SharedAccessKeyName=rule;` +
      "SharedAccessKey=the key;UseDevelopmentEmulator=true";
    return server;
  }

  senderOpen({ sender, connection }) {
    const address = sender.source.address;
    sender.set_source({ address });
    sender.set_target({ address: sender.target.address });
    if (address === "$cbs" || address.endsWith("$management")) {
      connection.nodes.set(address, sender);
      return;
    }
    const [, partition] = /ConsumerGroups\/\$Default\/Partitions\/(\d+)$/.exec(address) ?? [];
    const filter = sender.source.filter?.["apache.org:selector-filter:string"];
    const [, field, operator, quoted] = SELECTOR.exec(String(filter?.value ?? filter)) ?? [];
    const position = quoted?.replaceAll("''", "'");
    if (partition === undefined || !this.partitions[partition] || !field) {
      this.refused++;
      sender.close({ condition: "amqp:not-found", description: `no ${address} with ${filter}` });
      return;
    }
    this.epochs.push(sender.properties?.["com.microsoft:epoch"]);
    const at = position === "-1" ? -1 : field === "offset"
      ? this.partitions[partition].findIndex((_, i) => this.offsetOf(partition, i) === position) : Number(position);
    if (field === "enqueued-time" || (position !== "-1" && at < 0)) throw new Error(`unexpected selector ${filter}`);
    sender.feed = { partition, next: operator === ">" ? at + 1 : Math.max(at, 0), handed: 0 };
  }

  receiverOpen({ receiver, connection }) {
    receiver.set_source({ address: receiver.source?.address });
    receiver.set_target({ address: receiver.target.address });
    connection.nodes.set(receiver, receiver.target.address);
  }

  // Hands rhea no more than there is credit for: it would keep the rest at the head of the session's queue.
  pump(sender) {
    const { feed } = sender;
    if (!feed || feed.over) return;
    const events = this.partitions[feed.partition];
    while (feed.next < events.length && sender.credit > feed.handed - sender.delivery_count &&
        sender.session.outgoing.available() > 0) {
      sender.send(events[feed.next], undefined, 0);
      feed.next++;
      feed.handed++;
      this.sent++;
      if (this.on.sent?.(this, sender, this.sent)) {
        feed.over = true;
        return;
      }
    }
  }

  message(context) {
    const { receiver, connection, delivery } = context;
    const node = connection.nodes.get(receiver);
    if (node === "$cbs") this.reply(context, node, 202, "Accepted", null, () => this.tokens++);
    else if (node.endsWith("$management")) this.manage(context, node);
    else {
      this.received.push(...publication(context));
      delivery.accept();
    }
  }

  reply({ message: request, delivery, connection }, node, status, text, body, then) {
    delivery.accept();
    connection.nodes.get(node).send({
      correlation_id: request.message_id,
      application_properties: { "status-code": types.wrap_int(status), "status-description": text },
      body,
    });
    then?.();
  }

  manage(context, node) {
    const { name, type, partition } = context.message.application_properties;
    const common = { name, type };
    if (type === "com.microsoft:eventhub") {
      const ids = this.partitions.map((_, i) => String(i));
      this.reply(context, node, 200, "OK", { ...common, created_at: this.created,
        partition_count: types.wrap_int(ids.length), partition_ids: types.wrap_array(ids, types.Str8.typecode) });
      return;
    }
    const last = this.partitions[partition].length - 1;
    this.reply(context, node, 200, "OK", { ...common, partition,
      begin_sequence_number: types.wrap_long(0), last_enqueued_sequence_number: types.wrap_long(last),
      last_enqueued_offset: this.offsetOf(partition, last), last_enqueued_time_utc: this.created,
      is_partition_empty: last < 0 });
  }
}

// Ends a connection without a word, and rhea's timers with it.
export function cut(connection) {
  connection.socket.destroy();
  connection.eof();
}

// rhea's connections of a listener are made where nothing can be changed before they write.
function styled(prototype) {
  const { accept } = prototype;
  prototype.accept = function (socket) {
    varyPerformatives(this);
    return accept.call(this, socket);
  };
  return () => (prototype.accept = accept);
}

// The bodies of what was published.
function publication({ message: sent, format }) {
  if (format === undefined) return [sent.body.content.toString()];
  if (format !== BATCH_FORMAT) throw new Error(`unexpected message format ${format}`);
  const { body } = message.decode(sent);
  const inner = body.multiple ? body.content : [body.content];
  return inner.map((bytes) => message.decode(bytes).body.content.toString());
}
