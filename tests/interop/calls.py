"""One call after the other, each looked at from the side of the C core."""

import concurrent.futures
import pathlib
import subprocess
import sys
import tempfile
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from servers import Messages, Server, check, failed

BIN = pathlib.Path(sys.argv[1])
ADA = {"first_name": "Ada", "last_name": "L"}
SAID = "Hello, Ada L, after 0s, from pod: name(n), ip(i)."


def four_kinds(greet):
    print("the four kinds of call")
    call, request = greet.method("Greet")
    check("unary", call(request(greeting=ADA), timeout=5).greeting == SAID)
    call, request = greet.method("GreetManyTimes")
    check("server stream", len(list(call(request(greeting=ADA, count=100), timeout=5))) == 100)
    call, request = greet.method("LongGreet")
    reply = call(iter([request(greeting=ADA)] * 3), timeout=5)
    check("client stream", reply.greeting == "\n".join([SAID] * 3), reply)
    call, request = greet.method("GreetEveryone")
    replies = [reply.greeting for reply in call(iter([request(greeting=ADA)] * 3), timeout=5)]
    check("bidirectional stream", replies == [SAID] * 3, replies)
    check("empty stream", list(call(iter([]), timeout=5)) == [])


def time_and_cancellation(greet):
    print("deadlines and cancellation")
    call, request = greet.method("Greet")
    start = time.monotonic()
    error = failed(lambda: call(request(greeting=ADA, delay=30), timeout=0.5))
    check("a deadline is DEADLINE_EXCEEDED in time", error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and time.monotonic() - start < 2)
    many, request_many = greet.method("GreetManyTimes")
    stream = many(request_many(greeting=ADA, delay=1, count=1000), timeout=2.5)
    error = failed(lambda: list(stream))
    check("a stream ends at its deadline", error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error)
    stream = many(request_many(greeting=ADA, delay=1, count=1000), timeout=60)
    next(stream)
    stream.cancel()
    error = failed(lambda: list(stream))
    check("a cancelled stream is CANCELLED", error.code() == grpc.StatusCode.CANCELLED, error)
    check("the connection lives on", call(request(greeting=ADA), timeout=5).greeting == SAID)


def statuses(greet, channel):
    print("statuses")
    call, request = greet.method("Greet")
    error = failed(lambda: call(request(greeting={"first_name": "x" * (5 << 20)}), timeout=5))
    check("5 MiB are RESOURCE_EXHAUSTED", error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error)
    for path in ("/greet.v1.GreetService/Nothing", "/nobody.v1.Nobody/Nothing"):
        error = failed(lambda: channel.unary_unary(path)(b"", timeout=5))
        check(f"{path} is UNIMPLEMENTED", error.code() == grpc.StatusCode.UNIMPLEMENTED, error)
    error = failed(lambda: call(request(greeting=ADA, delay=31), timeout=5))
    details = rpc_status.from_call(error)
    check("a bad field has details", details is not None and details.details[0].type_url.endswith("google.rpc.BadRequest"), details)


def compression(greet):
    print("compression")
    for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        call, request = greet.method("Greet")
        long_name = {"first_name": "a" * 100_000, "last_name": ""}
        try:
            reply, outcome = call.with_call(request(greeting=long_name), timeout=5, compression=algorithm)
            check(f"{algorithm.name} is understood", algorithm == grpc.Compression.Gzip and "a" * 100_000 in reply.greeting)
        except grpc.RpcError as error:
            unimplemented = error.code() == grpc.StatusCode.UNIMPLEMENTED
            check(f"{algorithm.name} is refused as UNIMPLEMENTED", unimplemented and algorithm == grpc.Compression.Deflate, error)
    # 100 MiB of zeros are 100 KiB on the wire.
    bomb = request(greeting={"first_name": "\0" * (100 << 20)})
    error = failed(lambda: call(bomb, timeout=20, compression=grpc.Compression.Gzip))
    check("a decompression bomb is RESOURCE_EXHAUSTED", error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error)


def health(channel):
    print("health")
    stub = health_pb2_grpc.HealthStub(channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="nobody"), timeout=5)
    check("Watch of an unknown service is SERVICE_UNKNOWN", next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
    ahead = concurrent.futures.ThreadPoolExecutor().submit(lambda: next(watch, "ended"))
    check("and stays open", not concurrent.futures.wait([ahead], timeout=1).done)
    watch.cancel()


def typed_errors():
    print("typed errors")
    with Server(BIN / "movies") as server:
        server.wait_ready()
        movies = Messages(grpc.insecure_channel(server.address), "movies.v1.MoviesService")
        call, request = movies.method("GetMovie")
        error = failed(lambda: call(request(mid=99), timeout=5))
        kinds = {detail.type_url.rsplit("/")[-1] for detail in rpc_status.from_call(error).details}
        check("NOT_FOUND has MovieError and ErrorInfo", kinds == {"movies.v1.MovieError", "google.rpc.ErrorInfo"}, kinds)


def credentials(directory, name=None, ca="ca"):
    read = lambda file: (directory / f"{file}.pem").read_bytes()
    return grpc.ssl_channel_credentials(read(ca), *((read(f"{name}-key"), read(name)) if name else ()))


def encrypted():
    print("TLS")
    with tempfile.TemporaryDirectory() as parent:
        own, other = pathlib.Path(parent, "own"), pathlib.Path(parent, "other")
        for directory in (own, other):
            subprocess.run([BIN / "wayside", "certs", "--certs-dir", directory], check=True, stdout=subprocess.DEVNULL)
        files = ["--tls-cert", own / "greet.pem", "--tls-key", own / "greet-key.pem"]
        with Server(BIN / "greet", *files) as server:
            server.wait_ready(grpc.secure_channel(server.address, credentials(own)))
            check("a client that trusts the CA is served", True)
            stub = health_pb2_grpc.HealthStub(grpc.secure_channel(server.address, credentials(other)))
            error = failed(lambda: stub.Check(health_pb2.HealthCheckRequest(), timeout=3))
            check("another CA is refused", error.code() == grpc.StatusCode.UNAVAILABLE, error)
        with Server(BIN / "greet", *files, "--tls-client-ca", own / "ca.pem") as server:
            server.wait_ready(grpc.secure_channel(server.address, credentials(own, "client")))
            check("mutual TLS: a client of the CA is served", True)
            for what, creds in (("no certificate", credentials(own)), ("a certificate of another CA", mixed(own, other))):
                stub = health_pb2_grpc.HealthStub(grpc.secure_channel(server.address, creds))
                error = failed(lambda: stub.Check(health_pb2.HealthCheckRequest(), timeout=3))
                check(f"mutual TLS: {what} is refused", error.code() == grpc.StatusCode.UNAVAILABLE, error)


def mixed(own, other):
    return grpc.ssl_channel_credentials(
        (own / "ca.pem").read_bytes(), (other / "client-key.pem").read_bytes(), (other / "client.pem").read_bytes()
    )


def main():
    with Server(BIN / "greet", "--greet-pod-name", "n", "--greet-pod-ip", "i") as server:
        server.wait_ready()
        options = [("grpc.max_receive_message_length", -1)]
        channel = grpc.insecure_channel(server.address, options)
        greet = Messages(channel, "greet.v1.GreetService")
        four_kinds(greet)
        time_and_cancellation(greet)
        statuses(greet, channel)
        compression(greet)
        health(channel)
        check("SIGTERM ends the server with exit code 0", server.stop() == 0)
    typed_errors()
    encrypted()


main()
