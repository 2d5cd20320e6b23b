"""How greet is balanced: scenarios A1, A2, A4 and A5, each with the gateway started anew in its mode."""

import os
import pathlib
import signal
import time

from system import Gateway, Load, check, compose, containers, inspect, run, until

REBALANCED_WITHIN_S = 5


def mode(name):
    print(f"greet, mode {name}")
    compose("up", "--detach", "--wait", "--no-deps", "gateway", mode=name)
    return Gateway()


def everybody(gateway, replicas):
    """Until each of the replicas has answered: connections are made when the first call comes."""
    until(f"{replicas} replicas answer", lambda: len(gateway.replicas(2 * replicas)) == replicas)


def connections():
    """The gateway's connections to greet, by the numbers of their own ports, as the kernel lists them."""
    pid = inspect(containers("gateway")[0])["State"]["Pid"]
    rows = [line.split() for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == "01" and row[2].endswith(f":{50051:04X}")}


def balancing():
    gateway = mode("sticky")
    counts = gateway.replicas(30)
    check("A1: 30 POSTs, one pod", list(counts.values()) == [30], counts)

    gateway = mode("dns")
    everybody(gateway, 3)
    counts = gateway.replicas(30)
    check("A2: round robin over DNS, 10/10/10", sorted(counts.values()) == [10, 10, 10], counts)

    gateway = mode("lookaside-random")
    everybody(gateway, 3)
    counts = gateway.replicas(60)
    check("A4: look-aside, random: all three, unevenly", len(counts) == 3 and set(counts.values()) != {20}, counts)

    gateway = mode("lookaside")
    everybody(gateway, 3)
    counts = gateway.replicas(30)
    check("A4: look-aside, round robin: 10/10/10", sorted(counts.values()) == [10, 10, 10], counts)
    before = connections()
    gateway.replicas(1000)
    check("A4: 1,000 calls over the same three connections", len(before) == 3 and connections() == before, (before, connections()))


def changes_under_load():
    """A5. The gateway is in mode lookaside."""
    print("greet, changes under load")
    with Load() as load:
        until("the load runs", lambda: len(load.within(1)) == 3)
        began = time.monotonic()
        compose("up", "--detach", "--no-deps", "--no-recreate", "--wait", "--scale", "greet=5", "greet")
        healthy = time.monotonic() - began
        _, took = until("A5: 3 -> 5, all five answer", lambda: len(load.within(1)) == 5, REBALANCED_WITHIN_S)
        check(f"A5: 3 -> 5, all five answer {took:.1f} s after the new ones are healthy ({healthy:.1f} s)", True)

        second = compose("ps", "--format", "{{.Name}}", "greet").split()[1]
        name = inspect(second)["Config"]["Hostname"]
        run("docker", "stop", second)
        until("A5: a replica that was stopped gets nothing", lambda: name not in load.within(1))
        check("A5: a replica is stopped, and gets nothing any more", len(load.within(1)) == 4, load.within(1))
        code = inspect(second)["State"]["ExitCode"]
        check("A5: it ended by itself, exit code 0", code == 0, code)

        victim = containers("greet")[0]
        # `docker kill` would turn the restart policy off.
        os.kill(inspect(victim)["State"]["Pid"], signal.SIGKILL)
        until("A5: a replica that was killed is back", lambda: inspect(victim)["RestartCount"] == 1)
        until("A5: a replica that was killed answers again", lambda: len(load.within(1)) == 4)
        check("A5: a replica is killed, comes back and answers", True)
    check(f"A5: 0 of {load.calls} POSTs failed", load.calls > 500 and not load.failures, load.failures[:5])
    compose("up", "--detach", "--no-deps", "--wait", "greet")
