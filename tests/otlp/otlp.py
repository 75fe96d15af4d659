# Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0
"""OTLP requests as plain Python values, read with opentelemetry-proto, from protobuf and from JSON.

Values that look alike in Python (1, 1.0, True; NaN) are told apart by comparing their repr.
"""

import base64
import json

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS = {"traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest,
            "logs": ExportLogsServiceRequest}
IDS = {"traceId", "spanId", "parentSpanId"}
INT64 = {FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64,
         FieldDescriptor.TYPE_SFIXED64}


def from_protobuf(signal, data):
    request = REQUESTS[signal]()
    request.ParseFromString(data)
    unknown = [name for name, message in walk(request, signal) if len(UnknownFieldSet(message))]
    assert not unknown, f"unknown fields in {unknown}"
    return request


def walk(message, name):
    """The message and all below it."""
    yield name, message
    for field, value in message.ListFields():
        if field.message_type:
            for each in value if field.is_repeated else [value]:
                yield from walk(each, f"{name}.{field.name}")


def signal_of(line):
    return {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}[next(iter(line))]


def with_base64_ids(value):
    """OTLP's JSON has ids in hex, protobuf's has all bytes in base64."""
    if isinstance(value, dict):
        return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in IDS else with_base64_ids(v)
                for k, v in value.items()}
    return [with_base64_ids(v) for v in value] if isinstance(value, list) else value


def from_json(text):
    """(signal, request) of a line. Fails at anything that the schema does not know. Go writes -0 for negative zero."""
    line = json.loads(text, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))
    signal = signal_of(line)
    return signal, json_format.ParseDict(with_base64_ids(line), REQUESTS[signal]())


def check_json_style(text):
    """Every rule of OTLP's JSON that protobuf's own reader would not insist on. Returns how many values were seen."""
    line = json.loads(text)
    return check_message(line, REQUESTS[signal_of(line)].DESCRIPTOR)


def check_message(value, descriptor):
    assert isinstance(value, dict), (descriptor.name, value)
    names = {field.json_name: field for field in descriptor.fields}
    seen = 0
    for key, content in value.items():
        assert key in names, f"{descriptor.name} has no {key}"
        field = names[key]
        for each in content if field.is_repeated else [content]:
            seen += check_value(key, each, field)
    return seen


def check_value(key, value, field):
    if field.message_type:
        return check_message(value, field.message_type)
    if field.type in INT64:
        assert isinstance(value, str) and str(int(value)) == value, (key, value)
    elif field.enum_type or field.type in (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_SINT32,
                                           FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_FIXED32):
        assert type(value) is int, (key, value)
    elif field.type == FieldDescriptor.TYPE_DOUBLE:
        assert type(value) in (int, float) or value in ("NaN", "Infinity", "-Infinity"), (key, value)
    elif field.type == FieldDescriptor.TYPE_BYTES and key in IDS:
        assert value == value.lower() and len(value) in (16, 32) and bytes.fromhex(value), (key, value)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        assert base64.b64encode(base64.b64decode(value, validate=True)).decode() == value, (key, value)
    elif field.type == FieldDescriptor.TYPE_BOOL:
        assert type(value) is bool, (key, value)
    else:
        assert isinstance(value, str), (key, value)
    return 1


def plain(value):
    """An AnyValue."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return getattr(value, kind)


def attributes(pairs):
    """Fails on a key that comes twice."""
    found = {}
    for pair in pairs:
        assert pair.key not in found, f"{pair.key} comes twice"
        found[pair.key] = plain(pair.value)
    return found


def resources(requests):
    return [attributes(r.resource.attributes) for request in requests
            for r in (getattr(request, request.DESCRIPTOR.fields[0].name))]


def scopes(requests):
    """(name, version, Scope… message) of each."""
    for request in requests:
        for resource in getattr(request, request.DESCRIPTOR.fields[0].name):
            for scope in getattr(resource, resource.DESCRIPTOR.fields_by_number[2].name):
                yield scope.scope.name, scope.scope.version, scope


def span(item, version):
    return {
        "version": version, "trace": item.trace_id.hex(), "id": item.span_id.hex(), "parent": item.parent_span_id.hex(),
        "state": item.trace_state, "flags": item.flags, "kind": item.kind, "start": item.start_time_unix_nano,
        "end": item.end_time_unix_nano, "attributes": attributes(item.attributes),
        "dropped": (item.dropped_attributes_count, item.dropped_events_count, item.dropped_links_count),
        "events": [{"time": e.time_unix_nano, "name": e.name, "attributes": attributes(e.attributes),
                    "dropped": e.dropped_attributes_count} for e in item.events],
        "links": [{"trace": k.trace_id.hex(), "id": k.span_id.hex(), "state": k.trace_state, "flags": k.flags,
                   "attributes": attributes(k.attributes), "dropped": k.dropped_attributes_count} for k in item.links],
        "status": (item.status.code, item.status.message),
    }


def spans(requests):
    """(scope, name) → span. Fails when a name comes twice."""
    found = {}
    for scope, version, message in scopes(requests):
        for item in message.spans:
            assert (scope, item.name) not in found, f"{item.name} comes twice"
            found[scope, item.name] = span(item, version)
    return found


def log_records(requests):
    return [{"scope": (scope, version), "time": r.time_unix_nano, "observed": r.observed_time_unix_nano,
             "severity": (r.severity_number, r.severity_text), "body": plain(r.body),
             "attributes": attributes(r.attributes), "dropped": r.dropped_attributes_count, "flags": r.flags,
             "trace": r.trace_id.hex(), "id": r.span_id.hex(), "event": r.event_name}
            for scope, version, message in scopes(requests) for r in message.log_records]


def number(point):
    return getattr(point, point.WhichOneof("value"))


def buckets(side):
    """Exponential buckets as {index: count}, without empty ones."""
    return {side.offset + i: count for i, count in enumerate(side.bucket_counts) if count}


def point(kind, item):
    common = {"attributes": attributes(item.attributes), "start": item.start_time_unix_nano,
              "time": item.time_unix_nano, "flags": item.flags}
    if kind in ("sum", "gauge"):
        return common | {"value": number(item)}
    common |= {"count": item.count, "sum": item.sum, "min": item.min if item.HasField("min") else None,
               "max": item.max if item.HasField("max") else None}
    if kind == "histogram":
        return common | {"counts": list(item.bucket_counts), "bounds": list(item.explicit_bounds)}
    return common | {"scale": item.scale, "zero": item.zero_count, "positive": buckets(item.positive),
                     "negative": buckets(item.negative), "threshold": item.zero_threshold}


def metrics(requests, scope_names):
    """Per request a dict: (scope, name) → metric with its points. Requests without a metric of these scopes are left out."""
    found = []
    for request in requests:
        collection = {}
        for scope, version, message in scopes([request]):
            for metric in message.metrics if scope in scope_names else []:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                assert (scope, metric.name) not in collection, f"{metric.name} comes twice"
                collection[scope, metric.name] = {
                    "version": version, "unit": metric.unit, "description": metric.description, "kind": kind,
                    "temporality": getattr(data, "aggregation_temporality", None),
                    "monotonic": getattr(data, "is_monotonic", None), "points": [point(kind, p) for p in data.data_points]}
        if collection:
            found.append(collection)
    return found
