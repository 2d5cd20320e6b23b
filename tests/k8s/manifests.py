"""The objects of an overlay, and what the sources say of the servers in them."""

import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
OVERLAYS = sorted(path.parent for path in (ROOT / "k8s/overlays").glob("*/kustomization.yaml"))
# Made beside the manifests, by k8s/minikube.sh or whoever runs the system: what is secret is in no file.
MADE_ELSEWHERE = {("Secret", "passwords"): {"postgres", "redis"}, ("ConfigMap", "jwks"): {"jwks.json"}}
SERVER = "wayside/kind"


def render(directory):
    return subprocess.run([ROOT / "tests/tools/kustomize", directory], check=True, capture_output=True, text=True).stdout


def objects(text):
    return [found for found in yaml.safe_load_all(text) if found]


class System:
    """The objects by kind and name, and the relations that Kubernetes would see between them."""

    def __init__(self, found):
        self.objects = found

    def all(self, *kinds):
        return [found for found in self.objects if found["kind"] in kinds]

    def get(self, kind, name):
        return next((found for found in self.all(kind) if found["metadata"]["name"] == name), None)

    def workloads(self):
        return self.all("Deployment", "StatefulSet")

    def servers(self):
        return [found for found in self.all("Deployment") if found["metadata"].get("labels", {}).get(SERVER) == "server"]

    def behind(self, selector):
        """The workloads whose pods a selector is about."""
        return [found for found in self.workloads() if matches(selector, labels(found))]

    def environment(self, workload):
        """The variables of a workload's container, those of its ConfigMaps included."""
        values = {}
        for source in container(workload).get("envFrom", []):
            found = self.get("ConfigMap", source["configMapRef"]["name"])
            values |= found["data"] if found else {}
        for variable in container(workload).get("env", []):
            values[variable["name"]] = variable.get("value")
        return values


def name(found):
    return f"{found['kind']} {found['metadata']['name']}"


def pod(workload):
    return workload["spec"]["template"]["spec"]


def container(workload):
    return pod(workload)["containers"][0]


def labels(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def ports(workload):
    """The ports of a workload's container by name."""
    return {port["name"]: port["containerPort"] for port in container(workload)["ports"]}


def matches(selector, found):
    """Whether a label selector, or the plain map of a Service, takes these labels. An empty selector takes all."""
    plain = "matchLabels" not in selector and "matchExpressions" not in selector
    wanted = selector if plain else selector.get("matchLabels", {})
    if any(found.get(key) != value for key, value in wanted.items()):
        return False
    expressions = [] if plain else selector.get("matchExpressions", [])
    return all(one["operator"] == "In" and found.get(one["key"]) in one["values"] for one in expressions)


class Sources:
    """What the Rust sources, the Dockerfile and the workspace say."""

    def __init__(self):
        text = lambda path: (ROOT / path).read_text()
        rust = [path.read_text() for path in (ROOT / "crates").glob("*/src/**/*.rs")]
        self.variables = {found for file in rust for found in re.findall(r'env = "([A-Z0-9_]+)"|\.env\("([A-Z0-9_]+)"\)', file)}
        self.variables = {one or other for one, other in self.variables}
        self.version = re.search(r'^version = "(.*)"', text("Cargo.toml"), re.MULTILINE)[1]
        options = text("crates/chassis/src/cli.rs")
        self.defaults = {
            variable: seconds(re.search(rf'env = "{variable}", default_value = "(.*?)"', options)[1])
            for variable in ("DRAIN", "LAME_DUCK")
        }
        stages = re.findall(r"FROM server AS (\S+)\n.*\nENV LISTEN=0\.0\.0\.0:(\d+) ADMIN_LISTEN=0\.0\.0\.0:(\d+)", text("Dockerfile"))
        self.images = {stage: (int(port), int(admin)) for stage, port, admin in stages}
        self.ports = {}
        for stage in self.images:
            app = text(f"crates/{stage}/src/app.rs")
            port = re.search(r"const PORT: u16 = (\d+)", app)[1]
            admin = re.search(r"const ADMIN_PORT: u16 = (\d+)", app)
            self.ports[stage] = (int(port), int(admin[1]) if admin else 9100)


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(ms|s|m|h)", text).groups()
    return float(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]
