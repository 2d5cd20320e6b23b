"""The other services: scenarios A6, A17 and A18."""

import base64
import concurrent.futures
import functools
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

import grpc

from system import ROOT, Gateway, address, check, compose, containers, inspect, run, until

ASSETS = ROOT / "crates/wayside/assets"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def media():
    """A6. The image is served by this program, on the address that the machine has in the network of media."""
    print("media")
    networks = inspect(containers("media")[0])["NetworkSettings"]["Networks"]
    host = next(found["Gateway"] for name, found in networks.items() if name.endswith("_outside"))
    server = http.server.ThreadingHTTPServer((host, 0), functools.partial(Quiet, directory=ASSETS))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    gateway = Gateway()
    download = lambda url: gateway.call("POST", "/v1/medias:download", {"url": url})
    refused = download(f"http://{host}:{port}/wayside.png")
    check("an address of this network is refused", refused[0] == 403, refused)
    compose("up", "--detach", "--no-deps", "--wait", "media", environment={"MEDIA_ALLOW_CIDR": f"{host}/32:{port}"})
    # The gateway finds out for itself that media is elsewhere now.
    (_, text), _ = until("A6: media answers", lambda: (answer := download(f"http://{host}:{port}/wayside.png"))[0] == 200 and answer)
    check("A6: the size of a PNG", json.loads(text) == {"height": 360.0, "width": 640.0}, text)
    server.shutdown()


def admin():
    """A token of an administrator, from the one-shot service of the file."""
    return compose("run", "--rm", "--no-deps", "-T", "token").strip()


def account(gateway, name, keys):
    body = {"name": name, "max_cache_keys": keys}
    check("nobody administers without a token", gateway.call("POST", "/v1/accounts", body)[0] == 401)
    status, text = gateway.call("POST", "/v1/accounts", body, admin())
    check(f"account {name}, at most {keys} keys", status == 200, text)
    return json.loads(text)["token"]


def encrypted():
    """A17, with the original proto and grpcio, at each replica."""
    print("cache over TLS")
    token = account(Gateway(), "compose", 10)
    sys.path.insert(0, str(ROOT / "clients/python"))
    rpc, services = grpc.protos_and_services("rpc.proto")
    metadata = [("authorization", f"Bearer {token}")]
    with tempfile.TemporaryDirectory() as folder:
        run("docker", "cp", f"{containers('cache')[0]}:/keys/ca.pem", f"{folder}/ca.pem")
        words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=other -keyout key.pem -out other.pem"
        subprocess.run(words.split(), cwd=folder, check=True, capture_output=True)
        ca, other = (pathlib.Path(folder, name).read_bytes() for name in ("ca.pem", "other.pem"))

    def cache(container, trusted):
        credentials = grpc.ssl_channel_credentials(trusted)
        options = [("grpc.ssl_target_name_override", "cache")]
        return services.CacheStub(grpc.secure_channel(f"{address(container, 'services')}:5051", credentials, options))

    one, two = containers("cache")
    cache(one, ca).Store(rpc.StoreReq(key="gopher", val=b"con", account_token=token), timeout=10)
    value = cache(two, ca).Get(rpc.GetReq(key="gopher"), metadata=metadata, timeout=10).val
    print(f"  Got cached value {value.decode()}")
    check("A17: stored over TLS at one replica, read at the other", value == b"con", value)
    try:
        cache(one, other).Get(rpc.GetReq(key="gopher"), metadata=metadata, timeout=3)
        code = None
    except grpc.RpcError as error:
        code = error.code()
    check("A17: a client that trusts another CA does not talk to it", code == grpc.StatusCode.UNAVAILABLE, code)


def quota():
    """A18, over both replicas, which share one Redis."""
    print("cache, quota")
    keys = 5
    token = account(Gateway(), "racers", keys)

    def store(key, value="MQ=="):
        return Gateway().call("PUT", f"/v1/cache/{key}", {"val": value}, token)

    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(store, (f"key-{number}" for number in range(64))))
    codes = [status for status, _ in answers]
    check(f"A18: of 64 racing Stores exactly {keys} are kept", codes.count(200) == keys and codes.count(400) == 64 - keys, codes)
    text = next(text for status, text in answers if status == 400)
    check("A18: the others are told why", "exceeds max key limit 5" in text, text)
    status, text = Gateway().call("GET", "/v1/cache", token=token)
    kept = [json.loads(line) for line in text.splitlines()]
    check("A18: the dump has them", status == 200 and len(kept) == keys, text)
    kept = sorted(entry.get("result", entry)["key"] for entry in kept)[0]
    check("A18: an update at the limit", store(kept, base64.b64encode(b"two").decode())[0] == 200)
    status, text = Gateway().call("GET", f"/v1/cache/{kept}", token=token)
    check("A18: is what is read", (status, json.loads(text)) == (200, {"val": "dHdv"}), text)
