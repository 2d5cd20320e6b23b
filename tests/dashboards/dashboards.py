"""The test behind tests/dashboards.sh: what the servers export, read by programs that are not ours."""

import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOARDS = sorted((ROOT / "observability/grafana/dashboards").glob("*.json"))
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
PATIENCE_S = 60
# The first ports of the servers; high enough offsets stay below the range that clients get theirs from.
FIRST_PORTS = [50051, 50061, 50071, 50053, 5051, 5052, 20001, 9091, 9100]
# What a healthy system never counts: the names are looked up in the sources instead, and a query may find nothing. Why, in a word each.
NEVER_COUNTED = {
    "grpc_lb_outlier_detection_ejections_enforced_total": "no outliers",
    "grpc_subchannel_disconnections_total": "no connection ends",
    "grpc_client_call_retries_sum": "no retries",
    "grpc_client_call_hedges_sum": "no retries",
    "grpc_client_call_retry_delay_seconds_bucket": "no retries",
    "wayside_retry_throttle_tokens": "no throttling",
    "wayside_retry_throttle_max_tokens": "no throttling",
}
# Labels that Prometheus itself adds, and the one of histograms.
ADDED_LABELS = {"job", "instance", "le"}
# Words of the query language that stand where a metric could.
WORDS = {"sum", "by", "rate", "on", "group_left", "histogram_quantile", "max", "min", "or", "and", "without", "inf", "nan"}


def check(what, condition, seen=""):
    print(f"  {'ok' if condition else 'FAILED'}: {what}{'' if condition else f' -- saw {seen!r}'}", flush=True)
    if not condition:
        sys.exit(1)


def wait_for(what, holds):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if result := holds():
            return result
        time.sleep(0.1)
    sys.exit(f"FAILED: {what} within {PATIENCE_S} s")


def fetch(url, accept=None):
    request = urllib.request.Request(url, headers={"accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["content-type"], answer.read().decode()


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_offset():
    """A number that leads from the usual ports to free ones."""
    for offset in range(1, 400):
        if all(is_free(port + offset * 10) for port in FIRST_PORTS):
            return offset * 10
    sys.exit("FAILED: no free ports")


class System:
    """`wayside up`, with calls that go on in the background."""

    def __init__(self, wayside, log):
        offset = free_offset()
        self.gateway, self.admin = (f"http://127.0.0.1:{port + offset}" for port in (9091, 9100))
        command = [wayside, "up", "--port-offset", str(offset)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        printed = ""
        for line in self.process.stdout:
            printed += line
            if line.startswith("Stop with"):
                break
        else:
            sys.exit(f"wayside ended with {self.process.wait()} before it was up:\n{printed}{open(log.name).read()}")
        self.token = re.search(r"Demo account token: (\S+)", printed)[1]
        self.ended = threading.Event()
        self.caller = threading.Thread(target=self.keep_calling, daemon=True)
        self.caller.start()

    def rest(self, method, path, body=None):
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(self.gateway + path, data=data, headers=headers, method=method)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def keep_calling(self):
        number = 0
        while not self.ended.wait(0.02):
            number += 1
            self.rest("POST", "/greet", {"first_name": "Ada", "last_name": "Lovelace"})
            self.rest("GET", f"/v1/movies/{number % 7}")
            self.rest("PUT", f"/v1/cache/{number % 50}", {"val": "Y29u"})
            self.rest("GET", f"/v1/cache/{number % 60}")
            self.rest("POST", "/v1/medias:download", {"url": "http://169.254.169.254/"})

    def stop(self):
        self.ended.set()
        self.caller.join()
        self.process.send_signal(signal.SIGTERM)
        check("wayside ends with exit code 0", self.process.wait(timeout=30) == 0, self.process.returncode)


class Prometheus:
    """A Prometheus that scrapes the system every second."""

    def __init__(self, system, folder, log):
        target = system.admin.removeprefix("http://")
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 1s}}\nscrape_configs:\n"
            f"  - {{job_name: wayside, static_configs: [{{targets: ['{target}']}}]}}\n"
        )
        port = next(port for port in range(9500, 9900) if is_free(port))
        self.url = f"http://127.0.0.1:{port}"
        command = [ROOT / "tests/tools/prometheus", "prometheus", f"--config.file={folder}/prometheus.yml"]
        command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
        command += ["--enable-feature=exemplar-storage"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def ask(self, path, **parameters):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            return json.loads(fetch(url)[1])
        except urllib.error.HTTPError as error:
            return json.loads(error.read())
        except (urllib.error.URLError, ConnectionError):
            return None

    def query(self, expression):
        return self.ask("query", query=expression)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def both_formats(admin):
    """What /metrics says, to a strict reader; gives the labels of each series name."""
    print("/metrics")
    kind, text = fetch(f"{admin}/metrics", OPEN_METRICS)
    check("OpenMetrics is what was asked for", kind.startswith("application/openmetrics-text"), kind)
    families = list(open_metrics(text))
    check("a strict reader of OpenMetrics takes it", len(families) > 20, len(families))
    kind, text = fetch(f"{admin}/metrics")
    check("the plain form is what everybody else gets", kind.startswith("text/plain; version=0.0.4"), kind)
    check("a reader of the plain form takes it", len(list(plain(text))) == len(families))
    lint = [ROOT / "tests/tools/prometheus", "promtool", "check", "metrics"]
    run = subprocess.run(lint, input=text, capture_output=True, text=True)
    check("promtool finds nothing wrong with it", run.returncode == 0, run.stdout + run.stderr)
    labels = {}
    for family in families:
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def debug_page(admin):
    """The page that is on in `wayside up`."""
    print("/debug/channels")
    page = json.loads(fetch(f"{admin}/debug/channels?format=json")[1])
    ready = [one for server in page["servers"] for channel in server["channels"] for one in channel["subchannels"] if one["state"] == "READY"]
    check("seven endpoints are READY and picked", len([one for one in ready if one["picks"]]) == 7, ready)
    check("the last 200 calls are there", len(page["calls"]) == 200, len(page["calls"]))
    greetings = [call for call in page["calls"] if call["method"].endswith("/Greet")]
    endpoints = {attempt["endpoint"] for call in greetings for attempt in call["attempts"]}
    check("their attempts say where they went", len(endpoints) == 3 and None not in endpoints, endpoints)
    kind, html = fetch(f"{admin}/debug/channels")
    check("it is a page too", kind.startswith("text/html") and "greet.v1.GreetService/Greet" in html and "<script" not in html, kind)


def with_variables(expression):
    return expression.replace("$__rate_interval", "30s").replace("$server", ".*")


def metrics_in(expression):
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|on|without|group_left)\s*\([^)]*\)', " ", expression)
    return {word for word in re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare) if word not in WORDS}


def labels_in(expression):
    matchers = re.findall(r"([a-zA-Z_]\w*)\s*(?:=~|!=|!~|=)\s*\"", expression)
    groups = re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", expression)
    return set(matchers) | {label.strip() for group in groups for label in group.split(",")}


def in_sources(metric):
    """Whether a source file declares a metric of this name, less what a format puts behind it."""
    name = re.sub(r"_(total|sum|count|bucket)$", "", metric)
    sources = (ROOT / "crates").glob("*/src/**/*.rs")
    return any(f'"{name}"' in source.read_text() for source in sources)


def check_query(where, expression, exported, prometheus, may_be_empty=False):
    names, known = metrics_in(expression), set(ADDED_LABELS)
    for name in names - {"up"}:
        if name not in exported:
            check(f"{where}: {name} is exported, or declared and never counted here", name in NEVER_COUNTED and in_sources(name), name)
            return check_answer(where, expression, prometheus, may_be_empty=True)
        known |= exported[name]
    check(f"{where}: its labels are those of its metrics", labels_in(expression) <= known, labels_in(expression) - known)
    return check_answer(where, expression, prometheus, may_be_empty)


def check_answer(where, expression, prometheus, may_be_empty):
    answer = prometheus.query(with_variables(expression))
    check(f"{where}: Prometheus understands it", answer["status"] == "success", answer)
    if not may_be_empty:
        found = [series for series in answer["data"]["result"] if series["value"][1] != "NaN"]
        check(f"{where}: it finds something", found, expression)


def check_boards(exported, prometheus):
    seen = set()
    for path in BOARDS:
        board = json.loads(path.read_text())
        print(f"dashboard {board['title']}")
        check("its uid is its own", board["uid"] not in seen, board["uid"])
        seen.add(board["uid"])
        for variable in board["templating"]["list"]:
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
            check(f"the variable {variable['name']} has values", label in exported.get(metric, ()), variable["query"])
        for panel in board["panels"]:
            for number, target in enumerate(panel.get("targets", [])):
                check_query(f"{panel['title']} {number + 1}", target["expr"], exported, prometheus)
                legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                grouped = labels_in(target["expr"]) | {"instance", "server"}
                check(f"{panel['title']} {number + 1}: its legend has what the query leaves", legend <= grouped, legend - grouped)


def check_alerts(exported, prometheus):
    print("alerts")
    text = (ROOT / "observability/alerts.yml").read_text()
    for name, expression in re.findall(r"- alert: (\w+)\n\s+expr: (?:\|\n)?((?:.|\n)*?)\n\s+(?:for|annotations):", text):
        # That nothing is found is what one hopes for.
        check_query(name, " ".join(expression.split()), exported, prometheus, may_be_empty=True)


def main():
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "w") as log:
        system = System(sys.argv[1], log)
        try:
            prometheus = Prometheus(system, pathlib.Path(folder), log)
            try:
                up = lambda: (prometheus.query('count_over_time(up{job="wayside"}[1m]) >= 6') or {}).get("data", {}).get("result")
                wait_for("Prometheus has scraped the system six times", up)
                check("every scrape was good", prometheus.query("min_over_time(up[1m])")["data"]["result"][0]["value"][1] == "1")
                exported = both_formats(system.admin)
                debug_page(system.admin)
                check_boards(exported, prometheus)
                check_alerts(exported, prometheus)
            finally:
                prometheus.stop()
        finally:
            system.stop()
    print("every query of every dashboard and alert holds")


main()
