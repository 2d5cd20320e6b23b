"""Mistakes that look right, one at a time. The checks have to see each of them."""

import copy


def change(kind, name, path, value):
    """Puts a value, or takes what is there away where the value is None."""

    def apply(objects):
        (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"].startswith(name)]
        for key in path[:-1]:
            found = found[key]
        if value is None:
            del found[path[-1]]
        else:
            found[path[-1]] = value

    return f"{kind} {name} {'.'.join(map(str, path))} = {value}", apply


def remove(kind, name):
    def apply(objects):
        objects[:] = [one for one in objects if (one["kind"], one["metadata"]["name"]) != (kind, name)]

    return f"no {kind} {name}", apply


POD = ["spec", "template", "spec"]
SERVER = [*POD, "containers", 0]
MISTAKES = [
    change("Service", "greet-headless", ["spec", "selector"], {"app.kubernetes.io/name": "gret"}),
    change("Service", "media", ["spec", "ports", 0, "targetPort"], "http"),
    change("Service", "cache", ["spec", "ports", 0, "port"], 5052),
    change("Service", "greet-headless", ["metadata", "namespace"], "default"),
    change("Deployment", "movies", ["spec", "selector", "matchLabels"], {"app.kubernetes.io/name": "movie"}),
    change("Deployment", "movies", ["spec", "selector", "matchLabels"], {"app.kubernetes.io/part-of": "wayside"}),
    change("Deployment", "greet", [*SERVER, "readinessProbe", "grpc", "port"], 9100),
    change("Deployment", "accounts", [*SERVER, "startupProbe"], None),
    change("Deployment", "gateway", [*SERVER, "livenessProbe", "httpGet", "port"], "http"),
    change("Deployment", "cache", [*SERVER, "ports", 0, "containerPort"], 5151),
    change("Deployment", "greet", [*SERVER, "image"], "wayside/greet:latest"),
    change("Deployment", "greet", [*POD, "terminationGracePeriodSeconds"], 35),
    change("Deployment", "cache", [*SERVER, "lifecycle"], None),
    change("Deployment", "media", ["spec", "strategy", "rollingUpdate", "maxUnavailable"], 1),
    change("Deployment", "media", ["spec", "minReadySeconds"], None),
    change("Deployment", "media", [*POD, "topologySpreadConstraints"], None),
    change("PodDisruptionBudget", "greet", ["spec", "maxUnavailable"], 3),
    change("PodDisruptionBudget", "cache", ["spec", "maxUnavailable"], 0),
    change("PodDisruptionBudget", "media", ["spec", "selector", "matchLabels"], {"app.kubernetes.io/name": "medias"}),
    remove("PodDisruptionBudget", "movies"),
    change("HorizontalPodAutoscaler", "greet", ["spec", "minReplicas"], 1),
    change("HorizontalPodAutoscaler", "greet", ["spec", "scaleTargetRef", "name"], "greeter"),
    change("Deployment", "accounts", [*SERVER, "envFrom", 0, "configMapRef", "name"], "comon"),
    change("Deployment", "accounts", [*POD, "volumes", 0, "secret", "items", 0, "key"], "postgresql"),
    change("Deployment", "accounts", [*POD, "volumes", 1], None),
    change("Deployment", "cache", [*SERVER, "env", 0, "name"], "CACHE_ACCOUNT_TARGET"),
    change("Deployment", "cache", [*SERVER, "env", 2, "value"], "/secrets/redis"),
    change("Deployment", "cache", [*SERVER, "env", 0, "value"], "dns:///accounts:5053"),
    change("ConfigMap", "gateway-", ["data", "GATEWAY_GREET_TARGET"], "dns:///greeter:50051"),
    change("Deployment", "greet", [*POD, "automountServiceAccountToken"], True),
    change("Deployment", "lookaside", [*POD, "automountServiceAccountToken"], False),
    change("Deployment", "lookaside", [*POD, "serviceAccountName"], "default"),
    change("Role", "lookaside", ["rules", 0, "verbs"], ["*"]),
    change("Role", "lookaside", ["rules", 0, "resources"], ["endpointslices", "secrets"]),
    change("RoleBinding", "lookaside", ["subjects", 0, "name"], "lookasides"),
    change("StatefulSet", "redis", [*POD, "securityContext", "runAsNonRoot"], False),
    change("Deployment", "media", [*SERVER, "securityContext", "capabilities"], {"add": ["NET_RAW"]}),
    change("Ingress", "gateway", ["spec", "rules", 0, "http", "paths", 0, "backend", "service", "port", "name"], "restgateway"),
    remove("NetworkPolicy", "default-deny"),
    remove("NetworkPolicy", "greet"),
    change("NetworkPolicy", "cache", ["spec", "egress", 1, "ports", 0, "port"], "postgres"),
    change("NetworkPolicy", "postgres", ["spec", "ingress", 0, "from", 0, "podSelector"], {}),
    change("NetworkPolicy", "movies", ["spec", "ingress", 0, "ports", 0, "port"], "grcp"),
    change("NetworkPolicy", "accounts", ["spec", "ingress", 0, "from", 0, "podSelector", "matchExpressions", 0, "values"], ["gateway"]),
]


def mutants(objects):
    for what, apply in MISTAKES:
        mutant = copy.deepcopy(objects)
        apply(mutant)
        yield what, mutant
