"""docker compose, what it started, and calls to it."""

import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 60


def check(what, condition, seen=""):
    print(f"  {'ok' if condition else 'FAILED'}: {what}{'' if condition else f' -- saw {seen!r}'}", flush=True)
    if not condition:
        sys.exit(1)


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def compose(*words, mode=None, environment=None):
    settings = ["--env-file", f"compose/modes/{mode}.env"] if mode else []
    return run("docker", "compose", "--progress", "quiet", *settings, *words, env={**os.environ, **(environment or {})})


def until(what, condition, patience=PATIENCE_S):
    """Polls until there is something; gives it, and the seconds that it took."""
    began = time.monotonic()
    while not (seen := condition()):
        if time.monotonic() - began > patience:
            check(what, False, seen)
        time.sleep(0.05)
    return seen, time.monotonic() - began


def inspect(container):
    return json.loads(run("docker", "inspect", container))[0]


def containers(service):
    return compose("ps", "--quiet", service).split()


def address(container, network):
    networks = inspect(container)["NetworkSettings"]["Networks"]
    return next(found["IPAddress"] for name, found in networks.items() if name.endswith(f"_{network}"))


class Gateway:
    """The published port, over one connection that is made again when it is closed."""

    def __init__(self):
        host, port = compose("port", "gateway", "9091").strip().rsplit(":", 1)
        self.host, self.port, self.connection = host, int(port), None

    def call(self, method, path, body=None, token=None):
        """The status and the text of the answer."""
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self.connection = self.connection or http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = None
            return 0, f"{type(error).__name__}: {error}"

    def greet(self):
        """Which replica answered; None and why, when none did."""
        status, text = self.call("POST", "/greet", {"first_name": "Ada", "last_name": "L"})
        found = re.search(r"name\((.*?)\)", text)
        return (found[1], text) if status == 200 and found else (None, f"{status} {text}")

    def replicas(self, calls):
        """How many of the calls each replica answered."""
        counts = {}
        for _ in range(calls):
            name, text = self.greet()
            if name is None:
                check("POST /greet is answered", False, text)
            counts[name] = counts.get(name, 0) + 1
        return counts


class Load:
    """POSTs from four clients, 200 a second in all, until the block ends. What failed is in `failures`, who answered in `last_seen`."""

    def __enter__(self):
        self.calls, self.failures, self.last_seen = 0, [], {}
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.work) for _ in range(4)]
        for thread in self.threads:
            thread.start()
        return self

    def work(self):
        gateway = Gateway()
        while not self.stop.wait(0.02):
            name, text = gateway.greet()
            with self.lock:
                self.calls += 1
                if name is None:
                    self.failures.append(text)
                else:
                    self.last_seen[name] = time.monotonic()

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def within(self, seconds):
        """The replicas that answered during the last seconds."""
        with self.lock:
            return {name for name, seen in self.last_seen.items() if time.monotonic() - seen < seconds}
