"""What no schema sees: whether the objects of an overlay mean the same system. Each check gives what is wrong."""

import manifests
from manifests import MADE_ELSEWHERE, container, labels, matches, name, pod, ports, seconds

# The part of the grace period that is nobody's.
SPARE_S = 5
ROLE = [{"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}]


def selectors(system, _):
    for workload in system.workloads():
        if not matches(workload["spec"]["selector"], labels(workload)):
            yield f"{name(workload)} does not select its own pods"
        if len(system.behind(workload["spec"]["selector"])) != 1:
            yield f"{name(workload)} selects pods of others"
        if manifests.SERVER in labels(workload) and workload not in system.servers():
            yield f"{name(workload)}: its pods say that they are a server's, and it does not"
    for budget in system.all("PodDisruptionBudget"):
        if len(system.behind(budget["spec"]["selector"])) != 1:
            yield f"{name(budget)} is not about one workload"


def services(system, _):
    for service in system.all("Service"):
        behind = system.behind(service["spec"]["selector"])
        if not behind:
            yield f"{name(service)} has no pods"
        for port in service["spec"]["ports"]:
            for workload in behind:
                if port["targetPort"] not in ports(workload):
                    yield f"{name(service)}: {name(workload)} has no port {port['targetPort']}"
                elif port["name"] != "admin" and ports(workload)[port["targetPort"]] != port["port"]:
                    yield f"{name(service)}: the port {port['port']} is another one behind it"
    for ingress in system.all("Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = system.get("Service", backend["name"])
                if not service or backend["port"]["name"] not in [port["name"] for port in service["spec"]["ports"]]:
                    yield f"{name(ingress)} leads nowhere"


def references(system, sources):
    def keys(kind, wanted):
        found = system.get(kind, wanted)
        return MADE_ELSEWHERE.get((kind, wanted), set()) | set(found["data"] if found else ())

    for workload in system.workloads():
        wanted = [("ConfigMap", source["configMapRef"]["name"], None) for source in container(workload).get("envFrom", [])]
        for volume in pod(workload).get("volumes", []):
            if "configMap" in volume:
                wanted.append(("ConfigMap", volume["configMap"]["name"], volume["configMap"].get("items")))
            if "secret" in volume:
                wanted.append(("Secret", volume["secret"]["secretName"], volume["secret"].get("items")))
        for kind, one, items in wanted:
            there = keys(kind, one)
            if not there or any(item["key"] not in there for item in items or []):
                yield f"{name(workload)} refers to {kind} {one}, or a key of it, that does not exist"
        known = {volume["name"] for volume in pod(workload).get("volumes", [])}
        known |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        mounted = {mount["name"] for mount in container(workload).get("volumeMounts", [])}
        if mounted != known:
            yield f"{name(workload)} mounts {mounted} and has {known}"
        if workload in system.servers():
            for key in system.environment(workload).keys() - sources.variables:
                yield f"{name(workload)}: no server knows the variable {key}"
        for key, value in system.environment(workload).items():
            places = [mount["mountPath"] for mount in container(workload).get("volumeMounts", [])]
            if (key.endswith("_FILE") or key == "JWT_KEYS") and not any(value.startswith(f"{place}/") for place in places):
                yield f"{name(workload)}: {key} is in no volume"


def probes(system, sources):
    for workload in system.servers():
        one, kinds = container(workload), ("startupProbe", "readinessProbe", "livenessProbe")
        if any(kind not in one for kind in kinds):
            yield f"{name(workload)} lacks a probe"
        for kind in kinds:
            probe = one.get(kind, {})
            if "grpc" in ports(workload) and probe.get("grpc", {}).get("port") != ports(workload)["grpc"]:
                yield f"{name(workload)}: its {kind} does not ask gRPC health on its port"
            if "http" in ports(workload) and probe.get("httpGet", {}).get("port") != "admin":
                yield f"{name(workload)}: its {kind} does not ask its admin port"
            # The program's own limit is 3 s.
            if probe.get("timeoutSeconds", 1) > probe.get("periodSeconds", 10) and kind != "startupProbe":
                yield f"{name(workload)}: its {kind} overlaps itself"
    for workload in system.servers():
        server = workload["metadata"]["name"]
        own = tuple(ports(workload).values())
        if not sources.ports.get(server) == sources.images.get(server) == own:
            yield f"{name(workload)} has the ports {own}, its image {sources.images.get(server)}, the program {sources.ports.get(server)}"
        if container(workload)["image"] != f"wayside/{server}:{sources.version}":
            yield f"{name(workload)} is of the image {container(workload)['image']}"


def grace(system, sources):
    for workload in system.servers():
        variables = system.environment(workload)
        told = {key: seconds(variables[key]) if variables.get(key) else default for key, default in sources.defaults.items()}
        stop = container(workload).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        need = stop + sum(told.values()) + SPARE_S
        given = pod(workload).get("terminationGracePeriodSeconds", 30)
        if given < need:
            yield f"{name(workload)} has {given} s to end, and needs {need:.0f}"
        if not stop:
            yield f"{name(workload)} ends before its endpoints are withdrawn"


def availability(system, _):
    for workload in system.servers():
        spec = workload["spec"]
        update = spec.get("strategy", {}).get("rollingUpdate", {})
        if update.get("maxUnavailable") != 0 or not update.get("maxSurge") or not spec.get("minReadySeconds"):
            yield f"{name(workload)}: a rollout takes replicas away"
        if not pod(workload).get("topologySpreadConstraints"):
            yield f"{name(workload)} may have all replicas on one node"
        budgets = [one for one in system.all("PodDisruptionBudget") if matches(one["spec"]["selector"], labels(workload))]
        if len(budgets) != 1:
            yield f"{name(workload)} has {len(budgets)} disruption budgets"
        for budget in budgets:
            may_go = budget["spec"].get("maxUnavailable", spec["replicas"] - budget["spec"].get("minAvailable", 0))
            if not 0 < may_go < spec["replicas"]:
                yield f"{name(budget)}: {may_go} of {spec['replicas']} may go"
    for scaler in system.all("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        workload = system.get(target["kind"], target["name"])
        if not workload:
            yield f"{name(scaler)} scales nothing"
        elif workload["spec"]["replicas"] != scaler["spec"]["minReplicas"] or "cpu" not in container(workload)["resources"]["requests"]:
            yield f"{name(scaler)} and {name(workload)} do not agree"


def rights(system, _):
    if system.all("ClusterRole", "ClusterRoleBinding"):
        yield "somebody has rights in the whole cluster"
    for role in system.all("Role"):
        if role["rules"] != ROLE:
            yield f"{name(role)} has the rights {role['rules']}"
    for binding in system.all("RoleBinding"):
        if not system.get("Role", binding["roleRef"]["name"]):
            yield f"{name(binding)} gives no role"
        for subject in binding["subjects"]:
            if not system.get(subject["kind"], subject["name"]) or subject["namespace"] != "wayside":
                yield f"{name(binding)} is for nobody"
    for workload in system.workloads():
        asks = system.environment(workload).get("LOOKASIDE_SOURCE") == "kubernetes"
        account = pod(workload).get("serviceAccountName")
        if pod(workload).get("automountServiceAccountToken") != asks:
            yield f"{name(workload)}: whoever asks Kubernetes has a token, and nobody else"
        if asks != bool(account and system.get("ServiceAccount", account)):
            yield f"{name(workload)} has the service account {account}"
        context, own = pod(workload).get("securityContext", {}), container(workload).get("securityContext", {})
        restricted = (
            context.get("runAsNonRoot") is True
            and context.get("seccompProfile") == {"type": "RuntimeDefault"}
            and own.get("allowPrivilegeEscalation") is False
            and own.get("readOnlyRootFilesystem") is True
            and own.get("capabilities") == {"drop": ["ALL"]}
        )
        if not restricted:
            yield f"{name(workload)} is not as the namespace asks"


def namespaces(system, _):
    for found in system.objects:
        if found["kind"] != "Namespace" and found["metadata"].get("namespace") != "wayside":
            yield f"{name(found)} is in the namespace {found['metadata'].get('namespace')}"
