"""Who calls whom, and whether the network policies let exactly those."""

import re

from manifests import labels, matches, name, ports

# How the gateway finds greet in each mode: the Service, whether it is headless, the policy, connections.
MODES = {
    "sticky": ("dns:///greet:50051", False, "pick_first", None),
    "pool": ("dns:///greet:50051", False, "pick_first", "6:10"),
    "mesh": ("dns:///greet:50051", False, "pick_first", None),
    "headless": ("dns:///greet-headless:50051", True, "round_robin", None),
    "lookaside": ("lookaside:///wayside/greet:50051", False, "round_robin", None),
    "observability": ("lookaside:///wayside/greet:50051", False, "round_robin", None),
}


def mode(overlay):
    def check(system, _):
        target, headless, policy, pool = MODES[overlay]
        told = system.environment(system.get("Deployment", "gateway"))
        if told.get("GATEWAY_GREET_TARGET") != target or told.get("GATEWAY_GREET_POOL") != pool:
            yield f"the gateway is told {told}"
        if f'"{policy}"' not in told.get("GATEWAY_GREET_SERVICE_CONFIG", ""):
            yield f"the gateway's policy is not {policy}"
        service = system.get("Service", re.search(r"/([a-z-]+):", target)[1])
        if not service or (service["spec"].get("clusterIP") == "None") != headless:
            yield f"the Service of {target} should {'' if headless else 'not '}be headless"

    return check


def calls(system):
    """Every (caller, Service, port) that a variable of a server speaks of."""
    for workload in system.servers():
        for key, value in system.environment(workload).items():
            found = re.fullmatch(r"(dns|lookaside|redis|postgres|http):///?(?:wayside/)?(?:[a-z]+@)?([a-z-]+)(?::(\d+))?(?:/.*)?", value or "")
            if found:
                default = {"redis": 6379, "postgres": 5432}.get(found[1])
                yield workload, key, found[2], int(found[3] or default)


def permitted(system, caller, callee, port):
    """Whether a connection may go out, and whether it may come in: who is selected by a policy may do what some policy allows."""

    def allowed(workload, direction, peers, other):
        policies = [
            policy["spec"]
            for policy in system.all("NetworkPolicy")
            if direction.capitalize() in policy["spec"]["policyTypes"] and matches(policy["spec"]["podSelector"], labels(workload))
        ]
        if not policies:
            return True
        for rule in [rule for policy in policies for rule in policy.get(direction, [])]:
            to = rule.get(peers)
            meant = to is None or any("namespaceSelector" not in one and matches(one.get("podSelector", {"none": "x"}), labels(other)) for one in to)
            numbers = [ports(callee).get(one["port"], one["port"]) for one in rule.get("ports", [])]
            if meant and (not numbers or port in numbers):
                return True
        return False

    return allowed(caller, "egress", "to", callee), allowed(callee, "ingress", "from", caller)


def paths(system, _):
    wanted = set()
    for caller, key, service_name, port in calls(system):
        service = system.get("Service", service_name)
        if not service or port not in [one["port"] for one in service["spec"]["ports"]]:
            yield f"{name(caller)}: {key} names {service_name}:{port}, which is no Service"
            continue
        for callee in system.behind(service["spec"]["selector"]):
            wanted.add((name(caller), name(callee), port))
            if not all(permitted(system, caller, callee, port)):
                yield f"{name(caller)} may not call {name(callee)} on {port}, as {key} has it do"
    for scraper in [one for one in system.workloads() if name(one) == "Deployment prometheus"]:
        for server in system.servers():
            wanted.add((name(scraper), name(server), ports(server)["admin"]))
            if not all(permitted(system, scraper, server, ports(server)["admin"])):
                yield f"{name(scraper)} may not ask {name(server)}"
    # The mode decides whether the look-aside is called; that it may be is no hole.
    wanted |= {("Deployment gateway", "Deployment lookaside", 50055), ("Deployment gateway", "Deployment greet", 50051)}
    for caller in system.workloads():
        for callee in system.workloads():
            for port in ports(callee).values():
                out, into = permitted(system, caller, callee, port)
                public = (name(callee), port) == ("Deployment gateway", 9091)
                # Each side by itself, so that neither relies on the other.
                if (out or into and not public) and (name(caller), name(callee), port) not in wanted:
                    yield f"{name(caller)} may call {name(callee)} on {port}, and need not"


def names(system, _):
    """Ports in policies that are called by a name have to be ports of somebody."""
    known = {port for workload in system.workloads() for port in ports(workload)}
    for policy in system.all("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []) + policy["spec"].get("egress", []):
            for port in rule.get("ports", []):
                if isinstance(port["port"], str) and port["port"] not in known:
                    yield f"{name(policy)}: nobody has a port {port['port']}"
    if not any(policy["spec"]["podSelector"] == {} and policy["spec"]["policyTypes"] == ["Ingress", "Egress"] for policy in system.all("NetworkPolicy")):
        yield "what is not allowed is not denied"
