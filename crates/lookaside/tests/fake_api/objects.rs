//! EndpointSlices as JSON.

use serde_json::{Value, json};

/// A slice of a service with the port 50051, called `grpc`, as the controller of Kubernetes makes it.
pub(crate) fn slice(name: &str, service: &str, endpoints: Vec<Value>) -> Value {
    let is_ipv6 = endpoints.iter().any(|one| one["addresses"][0].as_str().unwrap().contains(':'));
    json!({
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
        },
        "addressType": if is_ipv6 { "IPv6" } else { "IPv4" },
        "endpoints": endpoints,
        "ports": [{"name": "grpc", "protocol": "TCP", "port": 50051}],
    })
}

/// The slice with another number for its port.
pub(crate) fn on_port(mut slice: Value, number: u16) -> Value {
    slice["ports"][0]["port"] = number.into();
    slice
}

/// An endpoint that is ready, of a pod called as its address.
pub(crate) fn endpoint(address: &str) -> Value {
    of_pod(address, address)
}

pub(crate) fn of_pod(address: &str, uid: &str) -> Value {
    json!({
        "addresses": [address],
        "conditions": {"ready": true, "serving": true, "terminating": false},
        "targetRef": {"kind": "Pod", "namespace": "shop", "name": "greet", "uid": uid},
        "nodeName": "node-1",
        "zone": "a",
    })
}

pub(crate) fn not_ready(mut endpoint: Value) -> Value {
    endpoint["conditions"] = json!({"ready": false, "serving": false, "terminating": false});
    endpoint
}

/// An endpoint that is going, and still serves or not.
pub(crate) fn terminating(mut endpoint: Value, serving: bool) -> Value {
    endpoint["conditions"] = json!({"ready": false, "serving": serving, "terminating": true});
    endpoint
}

/// Endpoints `10.0.0.N` that are ready.
pub(crate) fn pods(numbers: impl IntoIterator<Item = u8>) -> Vec<Value> {
    numbers.into_iter().map(|n| endpoint(&format!("10.0.0.{n}"))).collect()
}

/// As many slices of `greet` with 100 endpoints each.
pub(crate) fn many(slices: u8) -> Vec<Value> {
    let one = |n: u8| {
        let endpoints = (0..100).map(|i| endpoint(&format!("10.1.{n}.{i}"))).collect();
        slice(&format!("greet-{n:03}"), "greet", endpoints)
    };
    (0..slices).map(one).collect()
}
