#!/usr/bin/env python3
"""A client of the cache as there were before Wayside: grpcio against the original proto, rpc.proto.

The stubs are generated from rpc.proto when the program starts, so that no generated code is kept.
"""

import argparse
import os
import sys

import grpc

# grpcio looks for the file along sys.path, of which the directory of this program is the first.
rpc, services = grpc.protos_and_services("rpc.proto")


def store(cache, args):
    # As ever: the token is a field of the request.
    cache.Store(rpc.StoreReq(key=args.key, val=args.value, account_token=args.token), timeout=args.timeout)


def get(cache, args):
    # Here and in dump is the one deliberate break with the original, whose reads needed no token, so that anyone could
    # read everything. A request for Get or Dump has no field for a token, so it goes where it belongs anyhow: in metadata.
    response = cache.Get(rpc.GetReq(key=args.key), metadata=authorization(args), timeout=args.timeout)
    print(response.val)


def dump(cache, args):
    for item in cache.Dump(rpc.DumpReq(), metadata=authorization(args), timeout=args.timeout):
        print(f"Cache Entry: {item.key} => {item.val.decode(errors='backslashreplace')}")


def authorization(args):
    return [("authorization", f"Bearer {args.token}")]


def main():
    args = arguments()
    # Without TLS, so for a cache on this machine.
    with grpc.insecure_channel(args.server) as channel:
        try:
            args.run(services.CacheStub(channel), args)
        except grpc.RpcError as error:
            print(f"failed: {error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    return 0


def arguments():
    parser = argparse.ArgumentParser(description="Stores in and reads from the cache.")
    parser.add_argument("--server", default="localhost:5051", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument(
        "--token",
        default=os.environ.get("WAYSIDE_TOKEN", ""),
        help="the account's token; better in WAYSIDE_TOKEN, because a list of processes shows their arguments",
    )
    parser.add_argument(
        "--timeout", type=seconds, default=10.0, metavar="SECONDS", help="how long a call may take; default: %(default)s"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for run, about, fields in [
        (store, "store a value", {"key": key, "value": os.fsencode}),
        (get, "print a value", {"key": key}),
        (dump, "print every entry of the account", {}),
    ]:
        command = commands.add_parser(run.__name__, help=about, description=about)
        command.set_defaults(run=run)
        for name, kind in fields.items():
            command.add_argument(name, type=kind, metavar=name.upper())
    args = parser.parse_args()
    if not args.token:
        parser.error("no token: set WAYSIDE_TOKEN or give --token")
    # grpcio would refuse it too, with an error that shows the token.
    if not (args.token.isascii() and args.token.isprintable()):
        parser.error("the token has characters that a header cannot have")
    return args


def key(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("a key is UTF-8") from None
    return text


def seconds(text):
    number = float(text)
    # Written so that NaN fails as well.
    if not 0 < number <= 3600:
        raise argparse.ArgumentTypeError("a time is more than 0 and at most 3600 seconds")
    return number


if __name__ == "__main__":
    sys.exit(main())
