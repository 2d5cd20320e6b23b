"""Our servers as processes, each on a free port."""

import re
import signal
import socket
import subprocess
import sys
import threading

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """One process, restartable on its port."""

    def __init__(self, program, *options, port=None):
        self.command = [program, *options]
        self.port = port or free_port()
        self.process = None

    @property
    def address(self):
        return f"localhost:{self.port}"

    def start(self):
        command = [*self.command, "--listen", f"127.0.0.1:{self.port}", "--admin-listen", "off", "--log", "warn"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        return self

    def wait_ready(self, channel=None):
        channel = channel or grpc.insecure_channel(self.address)
        stub = health_pb2_grpc.HealthStub(channel)
        stub.Check(health_pb2.HealthCheckRequest(), timeout=20, wait_for_ready=True)
        return self

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(timeout=60)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Messages:
    """The messages and methods of a service, known from reflection."""

    def __init__(self, channel, service):
        self.channel = channel
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self.service = self.pool.FindServiceByName(service)

    def message(self, name, **fields):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))(**fields)

    def method(self, name):
        found = self.service.FindMethodByName(name)
        request, reply = (message_factory.GetMessageClass(kind) for kind in (found.input_type, found.output_type))
        kind = f"{'stream' if found.client_streaming else 'unary'}_{'stream' if found.server_streaming else 'unary'}"
        call = getattr(self.channel, kind)(f"/{self.service.full_name}/{name}", request.SerializeToString, reply.FromString)
        return call, request


def check(what, condition, seen=""):
    print(f"  {'ok' if condition else 'FAILED'}: {what}{'' if condition else f' -- saw {seen!r}'}", flush=True)
    if not condition:
        sys.exit(1)


def failed(call):
    """The error of a call that has to fail."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    sys.exit("FAILED: the call succeeded")
