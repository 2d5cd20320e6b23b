"""The test behind tests/traces.sh: `wayside up` with its traces going to Jaeger, which is asked what it has seen."""

import contextlib
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "smoke"))

import failing
import rpc
from jaeger import Jaeger

SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{"service": "greet.v1.GreetService"}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.01s",
                "maxBackoff": "0.05s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def check(what, condition, seen=""):
    print(f"  {'ok' if condition else 'FAILED'}: {what}{'' if condition else f' -- saw {seen!r}'}", flush=True)
    if not condition:
        sys.exit(1)


class Trace:
    """The context of a caller that has a span of its own."""

    def __init__(self):
        self.id = f"{random.getrandbits(128) or 1:032x}"
        self.span = f"{random.getrandbits(64) or 1:016x}"
        self.headers = {
            "traceparent": f"00-{self.id}-{self.span}-01",
            "tracestate": "other=vendor",
            "baggage": "tenant=blue",
        }


class System:
    """`wayside up` on ports of its own."""

    def __init__(self, wayside, jaeger, log, *options):
        # The ports of a system reach from 5051 to 50071; this many numbers further up they are free, as a rule.
        self.offset = random.randrange(1000, 3000)
        command = [wayside, "up", "--port-offset", str(self.offset), "--admin-listen", "off"]
        command += ["--traces", "otlp", "--otel-exporter-otlp-endpoint", jaeger.otlp, "--otel-bsp-schedule-delay", "100"]
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        self.printed = ""
        for line in self.process.stdout:
            self.printed += line
            if line.startswith("Stop with"):
                return
        sys.exit(f"wayside ended with {self.process.wait()}:\n{self.printed}{pathlib.Path(log.name).read_text()}")

    def port(self, name):
        return {**rpc.PORTS, "gateway": 9091}[name] + self.offset

    def rest(self, method, path, body, headers):
        url = f"http://127.0.0.1:{self.port('gateway')}{path}"
        headers = {"content-type": "application/json", **headers}
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def token(self):
        return re.search(r"Demo account token: (\S+)", self.printed)[1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        check("the system stops", self.process.wait(timeout=60) == 0)


def chain(spans, *expected):
    """Whether the spans are exactly these, each within the one before; gives them."""
    seen = []
    for service, name in expected:
        seen += [span for span in spans if (span.service, span.name) == (service, name)]
    check(f"{len(expected)} spans", len(seen) == len(expected) == len(spans), spans)
    for outer, inner in zip(seen, seen[1:]):
        check(f"{inner.name} of {inner.service} is within {outer.name} of {outer.service}", inner.parent == outer.id, spans)
    return seen


def greet(system, jaeger):
    print("POST /greet is one trace")
    trace = Trace()
    system.rest("POST", "/greet", {"first_name": "Ada"}, trace.headers)
    method = "greet.v1.GreetService.Greet"
    spans = chain(
        jaeger.trace(trace.id, lambda spans: len(spans) >= 4),
        ("gateway", "POST /greet"),
        ("gateway", f"Sent.{method}"),
        ("gateway", f"Attempt.{method}"),
        ("greet", f"Recv.{method}"),
    )
    check("it is within the span of the caller", spans[0].parent == trace.span, spans[0])
    check("the server says which it was", spans[3].tags["service.instance.id"].startswith("greet-"), spans[3])
    check("the attempt says where it went", spans[2].tags["network.peer.address"].startswith("127.0.0.1:"), spans[2])
    check("messages are events", spans[3].events == ["Inbound message", "Outbound message"], spans[3])


def store(system, jaeger):
    print("Cache.Store is one trace from the gateway over the cache to accounts")
    trace = Trace()
    headers = {**trace.headers, "authorization": f"Bearer {system.token()}"}
    system.rest("PUT", "/v1/cache/traced", {"val": "Y29u"}, headers)
    chain(
        jaeger.trace(trace.id, lambda spans: len(spans) >= 7),
        ("gateway", "PUT /v1/cache/{key=**}"),
        ("gateway", "Sent.cache.v1.CacheService.Store"),
        ("gateway", "Attempt.cache.v1.CacheService.Store"),
        ("cache", "Recv.cache.v1.CacheService.Store"),
        ("cache", "Sent.accounts.v1.AccountsService.GetByToken"),
        ("cache", "Attempt.accounts.v1.AccountsService.GetByToken"),
        ("accounts", "Recv.accounts.v1.AccountsService.GetByToken"),
    )


def dump(system, jaeger):
    print("a streamed Dump is one span, as long as the stream")
    trace, pause_s = Trace(), 1.5
    metadata = [("authorization", f"Bearer {system.token()}"), *trace.headers.items()]
    cache = rpc.Service(system.port("cache"), "cache.v1.CacheService")
    # More than a client takes without being asked for it, and of a kind that compression does not make smaller.
    for number in range(64):
        cache("Store", metadata=metadata[:1], key=f"large-{number}", val=random.randbytes(256 * 1024))
    began = time.monotonic()
    reader = cache("Dump", metadata=metadata, lazy=True)
    next(reader)
    time.sleep(pause_s)
    count = 1 + sum(1 for _ in reader)
    took_s = time.monotonic() - began
    spans = jaeger.trace(trace.id, lambda spans: any(span.name.endswith(".Dump") for span in spans))
    dumps = [span for span in spans if span.name == "Recv.cache.v1.CacheService.Dump"]
    check("one span", len(dumps) == 1, spans)
    seconds = dumps[0].duration_us / 1e6
    check(f"{seconds:.2f} s of {took_s:.2f} s", pause_s <= seconds <= took_s + 0.1, dumps[0])
    sent = dumps[0].events.count("Outbound message")
    check(f"{sent} of its {count} messages are events", sent == min(count, 127), dumps[0])


def retried(wayside, jaeger, log):
    print("the attempts of a call are siblings, and what is handed on reaches them all")
    server, handler, port = failing.serve()
    options = ["--gateway-greet-target", f"127.0.0.1:{port}", "--gateway-greet-service-config", json.dumps(SERVICE_CONFIG)]
    system, trace = System(wayside, jaeger, log, *options), Trace()
    try:
        system.rest("POST", "/greet", {"first_name": "Ada"}, trace.headers)
        spans = jaeger.trace(trace.id, lambda spans: len(spans) >= 5)
    finally:
        system.stop()
        server.stop(0)
    sent = [span for span in spans if span.name.startswith("Sent.")]
    attempts = [span for span in spans if span.name.startswith("Attempt.")]
    check("a call with three attempts", (len(sent), len(attempts)) == (1, 3), spans)
    check("all are within the call", all(attempt.parent == sent[0].id for attempt in attempts), spans)
    previous = [attempt.tags["previous-rpc-attempts"] for attempt in attempts]
    codes = [attempt.tags["rpc.grpc.status_code"] for attempt in attempts]
    check("each says how many came before", (previous, codes) == ([0, 1, 2], [14, 14, 0]), attempts)
    check("the call says that it was retried", sent[0].events.count("Retry") == 2, sent[0])
    for attempt, metadata in zip(attempts, handler.metadata, strict=True):
        expected = {**trace.headers, "traceparent": f"00-{trace.id}-{attempt.id}-01"}
        check("baggage and tracestate pass through", {name: metadata.get(name) for name in expected} == expected, metadata)


def main(wayside):
    with tempfile.NamedTemporaryFile("w+", prefix="wayside-traces-") as log, contextlib.ExitStack() as ending:
        jaeger = Jaeger(log)
        ending.callback(jaeger.stop)
        jaeger.ready()
        system = System(wayside, jaeger, log)
        ending.callback(system.process.kill)
        greet(system, jaeger)
        store(system, jaeger)
        dump(system, jaeger)
        system.stop()
        text = pathlib.Path(log.name).read_text()
        check("every span was exported", "every span is exported" in text and "spans were lost" not in text, text[-2000:])
        retried(wayside, jaeger, log)
    print("traces: everything is as it should be")


if __name__ == "__main__":
    main(sys.argv[1])
