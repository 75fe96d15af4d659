# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""What the end-to-end, crash and benchmark programs share: an emulator, a pipeline, a query.

The build directory comes from $BUILD (the one that holds the programs `streamduck`, `tests/tools/send_events`,
`tests/tools/query`). Nothing here needs more than Python's standard library.
"""

import json
import os
import pathlib
import queue
import signal
import subprocess
import tempfile
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", SOURCE / "build")).resolve()
STREAMDUCK = BUILD / "streamduck"
SEND_EVENTS = BUILD / "tests" / "tools" / "send_events"
QUERY = BUILD / "tests" / "tools" / "query"

if "STREAMDUCK_LIBDUCKDB" not in os.environ and (BUILD / "lib" / "libduckdb.so").exists():
    os.environ["STREAMDUCK_LIBDUCKDB"] = str(BUILD / "lib" / "libduckdb.so")

READY_SECONDS = 60  # for a program to say that it is ready, on a loaded machine
RUN_SECONDS = 300  # for a pipeline that has an end


class Failed(Exception):
    """A program did not do what the test needs."""


class Emulator:
    """A running `streamduck emulator`; use as a context manager."""

    def __init__(self, *hubs, data=None, groups=(), args=()):
        command = [str(STREAMDUCK), "emulator", "--listen", "127.0.0.1:0", "--control"]
        for hub in hubs:
            command += ["--hub", hub]
        for group in groups:
            command += ["--consumer-group", group]
        if data:
            command += ["--data", str(data)]
        command += [str(a) for a in args]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._lines = queue.Queue()
        self._errors = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()
        self.ready = self._line(READY_SECONDS)
        if self.ready.get("event") != "ready":
            raise Failed(f"the emulator did not get ready: {self.ready}")
        self.connection_string = self.ready["connection_string"]

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self._errors = (self._errors + [line])[-50:]

    def _line(self, seconds):
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            line = None
        if line is None:
            raise Failed("the emulator gave no answer: " + "".join(self._errors))
        return json.loads(line)

    def control(self, **command):
        """Sends one command of the emulator's --control protocol and returns its answer."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._line(READY_SECONDS)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(READY_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def send(connection_string, hub, **options):
    """Sends events as tests/tools/send_events does; returns when the broker has accepted them."""
    subprocess.run(send_command(connection_string, hub, **options), check=True, stdout=subprocess.DEVNULL,
                   timeout=RUN_SECONDS)


def send_command(connection_string, hub, **options):
    command = [str(SEND_EVENTS), connection_string, hub]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    return command


class Mapping:
    """The settings of one mapping; extra keyword arguments become variables with {N} for its number."""

    def __init__(self, hub, database, connection_string, table="events", schema="main", group="$Default", **extra):
        self.hub, self.database, self.connection_string = hub, str(database), connection_string
        self.table, self.schema, self.group, self.extra = table, schema, group, extra

    def lines(self, n):
        yield f"EVENTHUBNAME_{n}={self.hub}"
        yield f"EVENTHUBNAME_{n}_CONSUMER_GROUP='{self.group}'"
        yield f"EVENTHUBNAME_{n}_CONNECTION_STRING='{self.connection_string}'"
        yield f"MOTHERDUCK_{n}_DATABASE={self.database}"
        yield f"MOTHERDUCK_{n}_SCHEMA={self.schema}"
        yield f"MOTHERDUCK_{n}_TABLE={self.table}"
        for name, value in self.extra.items():
            yield f"{name.replace('{N}', str(n))}={value}"


def write_env(path, *mappings, **globals_):
    lines = [f"{k}={v}" for k, v in globals_.items()]
    for n, mapping in enumerate(mappings, 1):
        lines += mapping.lines(n)
    pathlib.Path(path).write_text("\n".join(lines) + "\n")
    return path


def clean_environment(**extra):
    """The environment without variables that streamduck would read."""
    prefixes = ("EVENTHUB", "MOTHERDUCK", "TARGET_", "SMART_RETRY", "LOGFIRE", "OTEL_", "STREAMDUCK_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(prefixes) or k == "STREAMDUCK_LIBDUCKDB"}
    env.update({k: str(v) for k, v in extra.items()})
    return env


def run_command(env_file, state_dir, *args):
    return [str(STREAMDUCK), "run", "--env-file", str(env_file), "--state-dir", str(state_dir), *map(str, args)]


def run(env_file, state_dir, *args, environment=None, timeout=RUN_SECONDS, cwd=None):
    """Runs `streamduck run … ` to its end; returns the finished process with its output as text."""
    return subprocess.run(run_command(env_file, state_dir, *args), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, env=environment or clean_environment(), cwd=cwd)


class Pipeline:
    """A `streamduck run --json` in the background; use as a context manager."""

    def __init__(self, env_file, state_dir, *args, environment=None, **popen):
        self.state_dir = str(state_dir)
        os.makedirs(self.state_dir, mode=0o700, exist_ok=True)
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            run_command(env_file, state_dir, "--json", *args), env=environment or clean_environment(),
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT, text=True, **popen)

    def status(self):
        """The answer of `streamduck status --json`, or None while nobody answers."""
        done = subprocess.run([str(STREAMDUCK), "status", "--json", "--state-dir", self.state_dir], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, env=clean_environment(),
                              cwd=self.state_dir, timeout=READY_SECONDS)
        try:
            instances = json.loads(done.stdout)["instances"] if done.returncode == 0 else []
        except (json.JSONDecodeError, KeyError) as why:
            raise Failed(f"status --json printed {done.stdout!r}") from why
        return instances[0] if instances else None

    def wait_for(self, predicate, what, seconds=RUN_SECONDS):
        """Asks for the status until predicate(status) is true; returns that status."""
        end = time.monotonic() + seconds
        status = None
        while time.monotonic() < end:
            status = self.status()
            if status and status.get("mappings") and predicate(status):
                return status
            if self.process.poll() is not None:
                raise Failed(f"waiting for {what}: the pipeline ended with {self.process.returncode}: {self.text()}")
            time.sleep(0.1)  # the status is asked for, nothing announces it
        raise Failed(f"{what} did not happen within {seconds} s; last status {status}; output {self.text()}")

    def stop(self, how=signal.SIGTERM):
        """Sends the signal and returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(READY_SECONDS)

    def text(self):
        self.output.seek(0)
        return self.output.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()


def query(database, sql):
    """Rows of a query on a DuckDB file, as dictionaries (values as DuckDB writes them to JSON)."""
    done = subprocess.run([str(QUERY), str(database), sql], capture_output=True, text=True, timeout=RUN_SECONDS)
    if done.returncode != 0:
        raise Failed(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def write(database, sql):
    """Runs one statement that changes a DuckDB file, which is made when it is missing."""
    done = subprocess.run([str(QUERY), "--write", str(database), sql], capture_output=True, text=True, timeout=RUN_SECONDS)
    if done.returncode != 0:
        raise Failed(done.stderr)


# The body that send_events gives to event i, as SQL over a column i; `size` as handed to it.
def body_sql(i, size):
    head = f"'{{\"i\":' || {i} || ',\"pad\":\"'"
    return (f"{head} || left(repeat(format('{{:08x}}', ({i}::UBIGINT * 2654435761) % 4294967296), "
            f"{size // 8 + 2}), greatest({size} - length({head}) - 2, 0)) || '\"}}'")


def check_landed(database, table, count, size, binary_every=0):
    """Raises unless events 0 … count-1 stand in the table exactly once, byte for byte."""
    text = count - (count + binary_every - 1) // binary_every if binary_every else count
    rows = query(database, f"""
        WITH e AS (SELECT *, (event_body->>'$.i')::BIGINT AS i FROM {table})
        SELECT count(*) AS n, count(DISTINCT i) AS events, min(i) AS low, max(i) AS high,
               count(DISTINCT (partition_id, sequence_number)) AS places,
               count(*) FILTER (event_body IS DISTINCT FROM {body_sql('i', size)}) AS wrong
        FROM e""")[0]
    found = {k: int(v) if v is not None else None for k, v in rows.items()}
    if found["n"] != text or found["events"] != text or found["places"] != text or found["wrong"] != 0:
        raise Failed(f"{table}: expected {text} events once each and unchanged, found {found}")


def check_control(database, table, schema="main"):
    """Raises unless each partition's checkpoint is its last row (landed or dead)."""
    wrong = query(database, f"""
        WITH landed AS (
          SELECT partition_id, sequence_number FROM {schema}.{table}
          UNION ALL SELECT partition_id, sequence_number FROM {schema}._streamduck_dead_letters
                    WHERE target LIKE '%{table}%'),
        last AS (SELECT partition_id, max(sequence_number) AS s FROM landed GROUP BY ALL)
        SELECT l.partition_id, l.s AS landed, c.sequence_number AS checkpoint
        FROM last l LEFT JOIN (SELECT * FROM {schema}._streamduck_checkpoints WHERE target LIKE '%{table}%') c
        USING (partition_id) WHERE c.sequence_number IS DISTINCT FROM l.s""")
    if wrong:
        raise Failed(f"{table}: checkpoints differ from the rows: {wrong}")


def scratch(name):
    """A new temporary directory, kept when $KEEP is set."""
    return tempfile.TemporaryDirectory(prefix=f"streamduck-{name}-")
