"""What docker-compose.yml promises of every container, read from the file as Compose understands it."""

import json

from system import check, compose

# What is started by `docker compose up` and stays.
CORE = ["greet", "media", "movies", "accounts", "cache", "lookaside", "gateway", "postgres", "redis", "jaeger"]
SERVERS = ["greet", "media", "movies", "accounts", "cache", "lookaside", "gateway"]
PUBLISHED = {"gateway": 9091, "jaeger": 16686, "prometheus": 9090, "grafana": 3000}
CORE_LIMIT_MIB = 512


def broken(file):
    """Every promise that the file breaks."""
    for name, service in file["services"].items():
        if not service.get("read_only"):
            yield f"{name} can write its root"
        if service.get("cap_drop") != ["ALL"] or service.get("cap_add") or service.get("privileged"):
            yield f"{name} has capabilities"
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name} may gain privileges"
        if not int(service.get("mem_limit", 0)):
            yield f"{name} has no limit of memory"
        if str(service.get("user", "")).startswith(("0", "root")):
            yield f"{name} is root"
        ports = service.get("ports", [])
        for port in ports:
            if port.get("host_ip") != "127.0.0.1" or port["target"] != PUBLISHED.get(name):
                yield f"{name} publishes {port}"
        # Only what is outside can be published or reach anything.
        if set(service.get("networks") or {}) - {"services", "data"} and name not in PUBLISHED and name != "media":
            yield f"{name} is outside"
    for name in SERVERS:
        service = file["services"][name]
        if service["healthcheck"]["test"] != ["CMD", "/server", "--health-check"]:
            yield f"{name} is not asked by gRPC health"
        if service["environment"].get("TLS_CA") != "/keys/ca.pem":
            yield f"{name} calls others without TLS"
        if name != "gateway" and service["environment"].get("TLS_CERT") != f"/keys/{name}.pem":
            yield f"{name} is called without TLS"
        if service["environment"].get("TLS_KEY", f"/keys/{name}-key.pem") != f"/keys/{name}-key.pem":
            yield f"{name} has another's key"
    for name in ["services", "data"]:
        if not file["networks"][name].get("internal"):
            yield f"the network {name} is open"
    if limit(file) >= CORE_LIMIT_MIB:
        yield f"the core may use {limit(file):.0f} MiB"


def limit(file):
    services = [file["services"][name] for name in CORE]
    return sum(int(service["mem_limit"]) * (service.get("deploy", {}).get("replicas") or 1) for service in services) / 2**20


def mutants(text):
    """Files with one promise broken each."""
    changes = [
        (["greet", "read_only"], False),
        (["redis", "cap_drop"], []),
        (["grafana", "security_opt"], []),
        (["media", "mem_limit"], "0"),
        (["postgres", "user"], "0:0"),
        (["gateway", "ports"], [{"target": 9091, "published": "9091"}]),
        (["cache", "ports"], [{"target": 5051, "published": "5051", "host_ip": "127.0.0.1"}]),
        (["accounts", "networks"], {"outside": None}),
        (["movies", "healthcheck", "test"], ["NONE"]),
        (["cache", "environment", "TLS_CA"], None),
        (["lookaside", "environment", "TLS_KEY"], "/keys/greet-key.pem"),
        (["jaeger", "mem_limit"], str(512 * 2**20)),
    ]
    for path, value in changes:
        file = json.loads(text)
        place = file["services"]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        yield ".".join(path), file
    file = json.loads(text)
    file["networks"]["data"]["internal"] = False
    yield "networks.data", file


def rules():
    print("docker-compose.yml")
    text = compose("-f", "docker-compose.yml", "--profile", "*", "config", "--format", "json")
    file = json.loads(text)
    found = list(broken(file))
    check("every container is as small and as closed as promised", not found, found)
    unseen = [name for name, mutant in mutants(text) if not list(broken(mutant))]
    check("a file with any of 13 mistakes is told from it", not unseen, unseen)
    print(f"  limits of memory of the core: {limit(file):.0f} MiB together (below {CORE_LIMIT_MIB})")
