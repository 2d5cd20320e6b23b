"""Calls every service with grpcio, and knows their messages from server reflection alone."""

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PORTS = {"greet": 50051, "media": 50053, "movies": 20001, "accounts": 5052, "cache": 5051}


class Service:
    """A service that is called by the names of its methods: `Service(port, name)("Greet", field=value)`."""

    def __init__(self, port, name):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        self.service = pool.FindServiceByName(name)

    def __call__(self, method, requests=None, metadata=(), lazy=False, **fields):
        found = self.service.FindMethodByName(method)
        request_type, reply_type = (message_factory.GetMessageClass(t) for t in (found.input_type, found.output_type))
        kind = f"{'stream' if found.client_streaming else 'unary'}_{'stream' if found.server_streaming else 'unary'}"
        call = getattr(self.channel, kind)(
            f"/{self.service.full_name}/{method}", request_type.SerializeToString, reply_type.FromString
        )
        argument = request_type(**fields) if requests is None else iter([request_type(**fields) for fields in requests])
        reply = call(argument, timeout=10, metadata=list(metadata))
        return reply if lazy else list(reply) if found.server_streaming else reply


def code(call):
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def healthy(check):
    for name, port in PORTS.items():
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        check(f"{name} is SERVING", reply.status == health_pb2.HealthCheckResponse.SERVING, reply)


def calls(token, check):
    healthy(check)
    ada = {"first_name": "Ada", "last_name": "L"}
    greet = Service(PORTS["greet"], "greet.v1.GreetService")
    expected = "Hello, Ada L, after 0s, from pod: name(greet-1), ip(127.0.0.1)."
    check("Greet", greet("Greet", greeting=ada).greeting == expected)
    check("GreetManyTimes", len(greet("GreetManyTimes", greeting=ada, count=3)) == 3)
    check("LongGreet", greet("LongGreet", requests=[{"greeting": ada}] * 2).greeting == f"{expected}\n{expected}")
    check("GreetEveryone", [reply.greeting for reply in greet("GreetEveryone", requests=[{"greeting": ada}] * 2)] == [expected] * 2)

    media = Service(PORTS["media"], "media.v1.MediaService")
    size = media("Download", url="http://127.0.0.1:9092/wayside.webp")
    check("Download", (size.width, size.height) == (512, 288), size)
    refused = code(lambda: media("Download", url="http://127.0.0.1:9091/healthz"))
    check("Download of this machine's own ports is refused", refused == grpc.StatusCode.PERMISSION_DENIED, refused)

    movies = Service(PORTS["movies"], "movies.v1.MoviesService")
    check("GetMovie", movies("GetMovie", mid=3).movie.movie_name == "Pulp Fiction")
    check("QueryMovies", len(movies("QueryMovies", query="WESTERN")) >= 1)

    accounts = Service(PORTS["accounts"], "accounts.v1.AccountsService")
    check("GetByToken", accounts("GetByToken", token=token).account.name == "demo")
    tenant = accounts("CreateAccount", name="smoke", max_cache_keys=2)
    bearer = [("authorization", f"Bearer {tenant.token}")]

    cache = Service(PORTS["cache"], "cache.v1.CacheService")
    for key in ("a", "b"):
        cache("Store", key=key, val=b"1", metadata=bearer)
    full = code(lambda: cache("Store", key="c", val=b"1", metadata=bearer))
    check("the key limit holds", full == grpc.StatusCode.FAILED_PRECONDITION, full)
    cache("Store", key="a", val=b"2", account_token=tenant.token)
    check("an update at the limit works", cache("Get", key="a", metadata=bearer).val == b"2")
    entries = cache("Dump", metadata=bearer)
    check("Dump sees this account's keys only", [entry.key for entry in entries] == ["a", "b"], entries)
    cache("Delete", key="a", metadata=bearer)
    restored = cache("Restore", requests=[{"key": entry.key, "val": entry.val} for entry in entries], metadata=bearer)
    check("Restore", restored.stored == 2, restored)
    check("no token is UNAUTHENTICATED", code(lambda: cache("Get", key="a")) == grpc.StatusCode.UNAUTHENTICATED)
