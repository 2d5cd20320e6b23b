//! The whole way on real sockets: an API server on a port, kube's own client, a channel to `k8s:///shop/greet:grpc`, and servers that come and go.

use std::io::Write;
use std::sync::{Arc, Mutex};

use lookaside::kubernetes::Kubernetes;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};
use wayside_balance::{Channel, Registry, ResolveNow};

use super::greeters::{Calls, Greeters, PORT_OF_NOBODY};
use crate::fake_api::{FakeApi, endpoint, many, of_pod, on_port, slice, terminating};

fn channel(kubernetes: &Kubernetes) -> Channel {
    let kubernetes = kubernetes.clone();
    let mut resolvers = Registry::default();
    resolvers.register("k8s", move |target, options| kubernetes.build(target, options));
    Channel::builder(&"k8s:///shop/greet:grpc".parse().unwrap())
        .resolvers(resolvers)
        .service_config_json(r#"{"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{"name": [{}], "waitForReady": true, "timeout": "5s"}]}"#)
        .unwrap()
        .build()
        .unwrap()
}

/// A slice for each server, since all have the same address and differ in their ports.
fn published(api: &FakeApi, greeters: &Greeters) {
    let slices = greeters.ports().into_iter().map(one).collect();
    api.put_all(slices);
}

fn one(port: u16) -> Value {
    on_port(slice(&format!("greet-{port}"), "greet", vec![pod(port)]), port)
}

fn pod(port: u16) -> Value {
    of_pod("127.0.0.1", &port.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_whatever_the_api_server_does() {
    let api = FakeApi::new();
    let mut port = Some(api.listen().await);
    let address = port.as_ref().unwrap().address;
    let mut greeters = Greeters::start(3).await;
    published(&api, &greeters);
    let kubernetes = Kubernetes::with_config(port.as_ref().unwrap().config());
    let calls = Calls::start(channel(&kubernetes));
    calls.reach(&greeters.ports()).await;

    for fault in FAULTS {
        (fault.begin)(&api);
        let is_outage = fault.name == "the API server is down";
        if is_outage {
            port = None;
        }
        calls.go_on(Duration::from_millis(if is_outage { 1500 } else { 300 })).await;
        // A rollout at the same time: one server more, and the oldest one goes when it gets no calls any more.
        let new = greeters.add().await;
        let old = greeters.ports()[0];
        api.put(one(new));
        api.put(on_port(
            slice(&format!("greet-{old}"), "greet", vec![terminating(pod(old), true)]),
            old,
        ));
        (fault.end)(&api);
        if port.is_none() {
            port = Some(api.listen_on(address).await);
        }
        let recovered = Instant::now();
        calls.reach(&[new]).await;
        let took = recovered.elapsed();
        assert!(took < Duration::from_millis(1500), "{}: {took:?}", fault.name);
        calls.left(&greeters, old).await;
        greeters.stop(old).await;
        api.delete(&format!("greet-{old}"));
    }
    let (made, failed) = calls.end().await;
    assert_eq!(failed, Vec::<String>::new(), "of {made} calls");
    assert!(made > 1000, "{made} calls");
}

struct Fault {
    name: &'static str,
    begin: fn(&FakeApi),
    end: fn(&FakeApi),
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "410 Gone",
        begin: |api| {
            api.forget();
            api.cut();
        },
        end: FakeApi::forget,
    },
    Fault { name: "a dropped watch", begin: FakeApi::cut, end: FakeApi::cut },
    Fault {
        name: "a bookmark",
        begin: |api| {
            api.bookmark();
        },
        end: |_| {},
    },
    Fault {
        name: "slices with the same endpoints",
        begin: |api| api.put(same("greet-same")),
        end: |api| api.delete("greet-same"),
    },
    Fault {
        name: "conditions that say nothing",
        begin: |api| api.put(nobody("greet-nil", json!({"ready": null}))),
        end: |api| api.delete("greet-nil"),
    },
    Fault {
        name: "endpoints that terminate",
        begin: |api| {
            api.put(nobody(
                "greet-going",
                json!({"ready": false, "serving": true, "terminating": true}),
            ))
        },
        end: |api| api.delete("greet-going"),
    },
    Fault {
        name: "10,000 endpoints that are not ready",
        begin: |api| api.put_all(unready()),
        end: |api| (0..100).for_each(|n| api.delete(&format!("greet-{n:03}"))),
    },
    Fault {
        name: "dual stack",
        begin: |api| api.put(ipv6("greet-6")),
        end: |api| api.delete("greet-6"),
    },
    Fault {
        name: "an empty list",
        begin: |api| {
            api.behave(|b| b.list = Some(EMPTY));
            api.forget();
            api.cut();
        },
        end: |api| {
            api.behave(|b| b.list = None);
            api.forget();
            api.cut();
        },
    },
    Fault { name: "the API server is down", begin: |_| {}, end: |_| {} },
    Fault {
        name: "a slow API server",
        begin: |api| {
            api.behave(|b| b.slow = Duration::from_millis(400));
            api.cut();
        },
        end: |api| api.behave(|b| b.slow = Duration::ZERO),
    },
    Fault {
        name: "malformed JSON",
        begin: |api| {
            api.behave(|b| b.list = Some("{\"kind\": "));
            api.send("{\"type\": \"ADDED\", \"object\": ");
        },
        end: |api| api.behave(|b| b.list = None),
    },
];

const EMPTY: &str = r#"{"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": {"resourceVersion": "1"}, "items": []}"#;

/// A slice with an endpoint that another slice has as well, without a server: a copy that is not ready takes nothing away.
fn same(name: &str) -> Value {
    nobody(name, json!({"ready": false}))
}

fn nobody(name: &str, conditions: Value) -> Value {
    let mut endpoint = pod(PORT_OF_NOBODY);
    endpoint["conditions"] = conditions;
    on_port(slice(name, "greet", vec![endpoint]), PORT_OF_NOBODY)
}

fn ipv6(name: &str) -> Value {
    on_port(slice(name, "greet", vec![endpoint("::1")]), PORT_OF_NOBODY)
}

fn unready() -> Vec<Value> {
    let mut slices = many(100);
    for slice in &mut slices {
        for endpoint in slice["endpoints"].as_array_mut().unwrap() {
            endpoint["conditions"]["ready"] = false.into();
        }
    }
    slices
}

#[tokio::test]
async fn the_token_is_sent_and_never_logged() {
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.the-token-of-the-pod";
    let log = Log::default();
    let written = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || written.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOKEN).unwrap();
    let api = FakeApi::new();
    api.put(one(1));
    let port = api.listen().await;
    let mut config = port.config();
    config.auth_info.token_file = Some(file.path().to_str().unwrap().to_owned());
    for (expected, is_accepted) in [(TOKEN, true), ("another", false)] {
        api.behave(|behaviour| behaviour.token = Some(expected.to_owned()));
        let kubernetes = Kubernetes::with_config(config.clone());
        let mut resolver = kubernetes.resolver("shop/greet:grpc".parse().unwrap());
        let answer = resolver.endpoints(&ResolveNow::default()).await;
        assert_eq!(answer.is_ok(), is_accepted, "{answer:?}");
        tracing::info!(?answer, ?resolver, ?kubernetes, "what the test knows");
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("401"), "the log is taken down: {log}");
    assert!(!log.contains("the-token-of-the-pod"), "{log}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
