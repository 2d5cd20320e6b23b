"""Jaeger on free ports, and what it has seen, through its query API."""

import json
import pathlib
import socket
import subprocess
import time
import urllib.error
import urllib.request

TOOL = pathlib.Path(__file__).resolve().parents[1] / "tools/jaeger"
# Every port that the all-in-one listens on; those of old protocols cannot be switched off.
PORTS = [
    "collector.otlp.grpc.host-port",
    "query.http-server.host-port",
    "query.grpc-server.host-port",
    "admin.http.host-port",
    "collector.otlp.http.host-port",
    "collector.grpc-server.host-port",
    "collector.http-server.host-port",
    "http-server.host-port",
    "processor.jaeger-binary.server-host-port",
    "processor.jaeger-compact.server-host-port",
    "processor.zipkin-compact.server-host-port",
]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Span:
    """A span as the query API gives it, with its attributes by name."""

    def __init__(self, span, processes):
        self.id = span["spanID"]
        self.name = span["operationName"]
        self.service = processes[span["processID"]]["serviceName"]
        self.start_us, self.duration_us = span["startTime"], span["duration"]
        parents = [reference["spanID"] for reference in span["references"] if reference["refType"] == "CHILD_OF"]
        self.parent = parents[0] if parents else None
        self.tags = {tag["key"]: tag["value"] for tag in span["tags"]}
        fields = [{field["key"]: field["value"] for field in log["fields"]} for log in span["logs"]]
        self.events = [each["event"] for each in fields]

    def __repr__(self):
        return f"{self.service} {self.name} {self.id} within {self.parent} {self.tags} {self.events}"


class Jaeger:
    def __init__(self, log):
        ports = free_ports(len(PORTS))
        options = [f"--{name}=127.0.0.1:{port}" for name, port in zip(PORTS, ports)]
        self.otlp, self.query = (f"http://127.0.0.1:{port}" for port in ports[:2])
        # What is asked for is read at once.
        self.process = subprocess.Popen([TOOL, *options, "--log-level=warn"], stdout=log, stderr=log)

    def get(self, path):
        with urllib.request.urlopen(self.query + path, timeout=10) as answer:
            return json.load(answer)

    def ready(self, patience_s=60):
        until = time.monotonic() + patience_s
        while True:
            try:
                return self.get("/api/services")
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def trace(self, trace_id, complete, patience_s=20):
        """The spans of a trace, once they are what is waited for, or as they are when nobody waits any longer."""
        until = time.monotonic() + patience_s
        while True:
            spans = []
            try:
                for trace in self.get(f"/api/traces/{trace_id}")["data"] or []:
                    spans = [Span(span, trace["processes"]) for span in trace["spans"]]
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise
            if complete(spans) or time.monotonic() > until:
                return sorted(spans, key=lambda span: span.start_us)
            time.sleep(0.2)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)
