"""The smoke test behind tests/smoke.sh: one run of `wayside up`, looked at from outside with clients that are not ours."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import rpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_LIMIT_S = 1.0
IDLE_LIMIT_MIB = 60.0
GATEWAY = "http://127.0.0.1:9091"


def check(what, condition, seen=""):
    print(f"  {'ok' if condition else 'FAILED'}: {what}{'' if condition else f' -- saw {seen!r}'}", flush=True)
    if not condition:
        sys.exit(1)


def rest(method, path, body=None, token=None):
    """One REST call: the status code and the text of the answer."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(GATEWAY + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def start(wayside, log):
    """Starts the system; gives the process, what it printed, and the seconds until it said that it is up."""
    began = time.monotonic()
    process = subprocess.Popen([wayside], stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
    printed = []
    ready = None
    for line in process.stdout:
        printed.append(line)
        if line.startswith("Wayside is up"):
            ready = time.monotonic() - began
        if line.startswith("Stop with"):
            return process, "".join(printed), ready
    sys.exit(f"wayside ended with {process.wait()} before it was up:\n{''.join(printed)}{open(log.name).read()}")


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


def printed_commands(printed):
    """Types every command that the welcome shows."""
    print("the printed commands")
    environment = dict(os.environ, PATH=f"{ROOT / 'tests/tools'}:{os.environ['PATH']}")
    expected = ["reponse from Greet rpc: Hello, Ada Lovelace", '"height"', "Pulp Fiction", "{}"]
    commands = re.findall(r"^  ((?:curl|grpcurl) .*)$", printed, re.MULTILINE)
    check("four commands are shown", len(commands) == 4, commands)
    for command, part in zip(commands, expected):
        run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, timeout=300)
        if run.returncode == 127 and command.startswith("grpcurl"):
            print("  left out: grpcurl (neither it nor a Go toolchain is here)")
            continue
        check(command.split(" -H")[0][:60], run.returncode == 0 and part in run.stdout, run.stdout + run.stderr)


def rest_calls(token):
    print("REST")
    pods = [re.search(r"name\((.*?)\)", rest("POST", "/greet", {"first_name": "A", "last_name": "B"})[1])[1] for _ in range(6)]
    check("POST /greet reaches the three replicas in turn", sorted(pods) == sorted(["greet-1", "greet-2", "greet-3"] * 2), pods)
    status, text = rest("POST", "/greet", {"first_nam": "A"})
    check("an unknown field is a 400 that names it", status == 400 and "first_nam" in text, (status, text))
    status, text = rest("GET", "/v1/movies/1")
    check("GET a movie", json.loads(text)["movie"]["movieName"] == "The Hateful Eight", text)
    status, text = rest("GET", "/v1/movies/99")
    check("no such movie is a 404 with MovieError", status == 404 and "MOVIE_ERROR_CODE_MOVIE_NOT_FOUND" in text, (status, text))
    status, text = rest("GET", "/v1/movies?query=and")
    check("a server stream is NDJSON", len([json.loads(line) for line in text.splitlines()]) == 3, text)
    status, text = rest("POST", "/v1/medias:download", {"url": "http://169.254.169.254/"})
    check("a link-local URL is refused", status in (400, 403), (status, text))
    status, text = rest("PUT", "/v1/cache/rest", {"val": "Y29u"}, token)
    check("PUT into the cache", status == 200, (status, text))
    status, text = rest("GET", "/v1/cache/rest", token=token)
    check("GET from the cache", json.loads(text) == {"val": "Y29u"}, text)
    check("no token is a 401", rest("GET", "/v1/cache/rest")[0] == 401)
    paths = json.loads(rest("GET", "/openapi.json")[1])["paths"]
    check("openapi.json describes it", {"/greet", "/v1/greet", "/v1/movies/{mid}"} <= set(paths), list(paths))
    check("GET /healthz", rest("GET", "/healthz")[0] == 200)


def python_client(token):
    print("the Python client (original proto)")
    client = ROOT / "clients/python/cache_client.py"
    run = lambda *words: subprocess.run(
        [sys.executable, client, "--token", token, *words], capture_output=True, text=True, timeout=60
    )
    stored = run("store", "gopher", "con")
    check("store", stored.returncode == 0, stored.stderr)
    got = run("get", "gopher")
    check("get prints b'con'", got.stdout.strip() == "b'con'", got.stdout + got.stderr)
    dumped = run("dump")
    check("dump", "Cache Entry: gopher => con" in dumped.stdout, dumped.stdout + dumped.stderr)


def second_start(wayside):
    print("a second start")
    run = subprocess.run([wayside], capture_output=True, text=True, timeout=30)
    lines = [line for line in run.stderr.splitlines() if line.startswith("error:")]
    named = len(lines) == 1 and "50055" in lines[0] and "lookaside" in lines[0]
    check("a taken port is one line with port and service, exit code 1", run.returncode == 1 and named, (run.returncode, run.stderr))


def main():
    wayside = sys.argv[1]
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        process, printed, ready = start(wayside, log)
        try:
            print(printed)
            idle = resident_mib(process.pid)
            token = re.search(r"Demo account token: (\S+)", printed)[1]
            printed_commands(printed)
            rest_calls(token)
            print("gRPC")
            rpc.calls(token, check)
            python_client(token)
            second_start(wayside)
            process.send_signal(signal.SIGTERM)
            check("SIGTERM ends it with exit code 0", process.wait(timeout=30) == 0, process.returncode)
        finally:
            process.kill()
        lines = open(log.name).read()
        check("every log line is JSON", all(json.loads(line) for line in lines.splitlines()))
        check("a line for each call", lines.count('"/cache.v1.CacheService/') > 0 and lines.count("invoke server") > 20)
        check("no token in the log", token not in lines)
    print(f"ready after {ready * 1000:.0f} ms (limit {READY_LIMIT_S * 1000:.0f}), idle memory {idle:.1f} MiB (limit {IDLE_LIMIT_MIB:.0f})")
    check("ready in time", ready < READY_LIMIT_S, ready)
    check("idle memory", idle < IDLE_LIMIT_MIB, idle)


main()
