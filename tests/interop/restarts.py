"""Six SIGTERM restarts of three servers under load: no call is lost, without any retry policy."""

import json
import pathlib
import sys
import threading
import time

import grpc
from servers import Messages, Server, check

BIN = pathlib.Path(sys.argv[1])
WORKERS = 20
RESTARTS = 6
ROUND_ROBIN = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})


def main():
    print(f"{RESTARTS} restarts of 3 servers, {WORKERS} workers")
    servers = [Server(BIN / "greet").start() for _ in range(3)]
    try:
        for server in servers:
            server.wait_ready()
        # The C core would send the whole list as :authority, which no HTTP/2 server may take.
        target = "ipv4:" + ",".join(f"127.0.0.1:{server.port}" for server in servers)
        options = [("grpc.service_config", ROUND_ROBIN), ("grpc.default_authority", "localhost")]
        options += [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
        greet = Messages(grpc.insecure_channel(target, options), "greet.v1.GreetService")
        call, request = greet.method("Greet")
        stop, answered, lost = threading.Event(), [0] * WORKERS, []

        def work(index):
            while not stop.is_set():
                try:
                    call(request(), timeout=10)
                    answered[index] += 1
                except grpc.RpcError as error:
                    lost.append(f"{error.code().name}: {error.details()}")

        threads = [threading.Thread(target=work, args=(index,)) for index in range(WORKERS)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        for round_ in range(RESTARTS):
            server = servers[round_ % 3]
            check(f"restart {round_ + 1}: exit code 0", server.stop() == 0)
            server.start().wait_ready()
        stop.set()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
        print(f"{sum(answered)} calls answered in {seconds:.1f} s, {len(lost)} lost")
        check("0 calls lost", not lost and sum(answered) > 500, lost[:5])
    finally:
        for server in servers:
            server.__exit__()


main()
