"""The checks behind tests/compose.sh, on a system that runs."""

import json
import os
import subprocess

from greet import balancing, changes_under_load
from rules import CORE, SERVERS, rules
from services import encrypted, media, quota
from system import check, compose, run

IMAGE_LIMIT_MIB = 20
ONCE = ["certificates", "signing-key", "passwords"]


def sizes():
    """The limit is for what is built for production, of which other profiles are twice as large; `wayside` is all servers in one."""
    profile = os.environ.get("PROFILE", "release")
    print(f"images, profile {profile}")
    for name in [*SERVERS, "wayside"]:
        (image,) = json.loads(run("docker", "image", "inspect", f"wayside/{name}:0.1.0"))
        mib = image["Size"] / 2**20
        print(f"  {name:<10} {mib:5.1f} MiB")
        check("is not root", image["Config"]["User"].startswith("65532"), image["Config"]["User"])
        if profile == "release" and name != "wayside":
            check(f"is below {IMAGE_LIMIT_MIB} MiB", mib < IMAGE_LIMIT_MIB, mib)


def memory(when):
    print(f"memory {when}")
    lines = run("docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *compose("ps", "--quiet", *CORE).split())
    units = {"KiB": 1 / 1024, "MiB": 1, "GiB": 1024}
    total = 0
    for line in sorted(lines.splitlines()):
        name, used, _, limit = line.split()
        total += float(used[:-3]) * units[used[-3:]]
        print(f"  {name:<28} {used:>9} of {limit}")
    print(f"  {'together':<28} {total:6.1f}MiB")


def unharmed():
    states = compose("ps", "--all", "--format", "{{.Name}} {{.State}} {{.ExitCode}}", *CORE, *ONCE).splitlines()
    bad = [line for line in states if not (line.endswith(" running 0") or line.endswith(" exited 0"))]
    check("nothing has ended in an error", not bad, bad)


def main():
    rules()
    sizes()
    # Its calls would be in every count.
    compose("stop", "load")
    memory("at rest")
    balancing()
    changes_under_load()
    media()
    encrypted()
    quota()
    memory("afterwards")
    unharmed()


try:
    main()
except SystemExit:
    print(subprocess.run(["docker", "compose", "logs", "--no-color", "--tail", "5"], capture_output=True, text=True).stdout)
    raise
