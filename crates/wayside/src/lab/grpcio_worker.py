"""A client of `wayside lab` on gRPC's C core: the orders and answers of protocol.rs, a JSON value each line."""

import json
import os
import re
import sys
import threading
import time

METHOD = "/greet.v1.GreetService/Greet"
EMPTY_REQUEST = b""
POD = re.compile(rb"name\(lab-(\d+)\)")


def answer(value):
    print(json.dumps(value, separators=(",", ":")), flush=True)


def options(spec):
    options = [
        ("grpc.service_config", spec["stack"]["grpcio"]["service_config"]),
        # The C core would send the whole list as :authority, which no HTTP/2 server may take.
        ("grpc.default_authority", "localhost"),
        ("grpc.enable_http_proxy", 0),
    ]
    if spec["keepalive_ms"] is not None:
        options += [
            ("grpc.keepalive_time_ms", spec["keepalive_ms"]),
            ("grpc.keepalive_timeout_ms", spec["keepalive_ms"]),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            # While a ping that measures bandwidth is under way the C core sends none for keepalive, and it would wait a minute for that one.
            ("grpc.http2.ping_timeout_ms", spec["keepalive_ms"]),
        ]
    return options


class Load:
    def __init__(self, grpc, spec):
        self.grpc = grpc
        self.spec = spec
        self.stop = threading.Event()
        target = "ipv4:" + ",".join(spec["addresses"])
        channel = grpc.insecure_channel(target, options(spec))
        # Without serialisers a message is its bytes: an empty request is one, and the reply is searched for the name of the pod.
        self.greet = channel.unary_unary(METHOD)
        self.calls = [[] for _ in range(spec["workers"])]
        self.threads = [threading.Thread(target=self.work, args=(index,)) for index in range(spec["workers"])]

    def work(self, index):
        pace, timeout = self.spec["pace_ms"] / 1000, self.spec["timeout_ms"] / 1000
        # Workers that all begin at once would go on in step.
        self.stop.wait(pace * index / self.spec["workers"])
        while not self.stop.is_set():
            began, start_us = time.monotonic(), time.time_ns() // 1000
            server, code = None, 0
            try:
                pod = POD.search(self.greet(EMPTY_REQUEST, timeout=timeout))
                server = int(pod[1]) if pod else None
            except self.grpc.RpcError as error:
                code = error.code().value[0]
            took = time.monotonic() - began
            self.calls[index].append([start_us, int(took * 1e6), server, code])
            if took < pace:
                self.stop.wait(pace - took)

    def finish(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return [call for calls in self.calls for call in calls]


def main():
    spec = json.loads(sys.stdin.readline())
    try:
        import grpc
    except ImportError:
        answer({"unable": f"{sys.executable} has no grpcio: pip install grpcio, or --python tests/tools/python, which installs it"})
        return
    if spec["list_changes"]:
        answer({"unable": "the list of an ipv4: target cannot change"})
        return
    load = Load(grpc, spec)
    answer("ready")
    for line in sys.stdin:
        order = json.loads(line)
        if order == "go":
            for thread in load.threads:
                thread.start()
        elif order == "stop":
            answer({"calls": load.finish()})
            return
    # The end of the input: the lab is gone.
    os._exit(1)


main()
