"""A greet server that fails: the first calls of each name end UNAVAILABLE, and it tells what metadata every call came with."""

from concurrent import futures

import grpc

FAILURES = 2


class Greet(grpc.GenericRpcHandler):
    def __init__(self):
        self.metadata = []

    def service(self, details):
        if details.method != "/greet.v1.GreetService/Greet":
            return None
        return grpc.unary_unary_rpc_method_handler(self.greet)

    def greet(self, request, context):
        self.metadata.append(dict(context.invocation_metadata()))
        if len(self.metadata) <= FAILURES:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
        return b"\x0a\x02hi"


def serve():
    """Starts it; gives the server, what handles its calls, and its port."""
    server, handler = grpc.server(futures.ThreadPoolExecutor(4)), Greet()
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, handler, port
