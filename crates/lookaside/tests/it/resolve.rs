//! One address for one question.

use std::collections::BTreeMap;

use tonic::Code;
use tonic_types::StatusExt;
use wayside_proto::lookaside::v1::{ResolveRequest, Router};

use crate::support::{File, Running, question};

#[tokio::test]
async fn round_robin_goes_round_and_random_reaches_all() {
    let file = File::of(&["10.0.0.1:1", "10.0.0.2:1", "[2001:db8::1]:1"]);
    let server = Running::over(&file).await;
    let mut client = server.client();
    for (router, exact) in [(Router::RoundRobin, true), (Router::Random, false)] {
        let mut counts = BTreeMap::new();
        for _ in 0..300 {
            let address = client.resolve(question(router)).await.unwrap().into_inner().address;
            *counts.entry(address).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 3, "{counts:?}");
        assert!(counts.contains_key("[2001:db8::1]:1"), "IPv6 has brackets: {counts:?}");
        assert!(!exact || counts.values().all(|count| *count == 100), "{counts:?}");
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_by_its_field() {
    let server = Running::over(&File::of(&["10.0.0.1:1"])).await;
    let good = question(Router::RoundRobin);
    for (request, field) in [
        (ResolveRequest { router: 0, ..good.clone() }, "router"),
        (ResolveRequest { router: 3, ..good.clone() }, "router"),
        (ResolveRequest { router: -1, ..good.clone() }, "router"),
        (ResolveRequest { service: String::new(), ..good.clone() }, "service"),
        (ResolveRequest { service: "evil.example.com".into(), ..good.clone() }, "service"),
        (ResolveRequest { namespace: "../etc".into(), ..good.clone() }, "namespace"),
        (ResolveRequest { port: "0".into(), ..good.clone() }, "port"),
    ] {
        let status = server.client().resolve(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{request:?}");
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, field, "{request:?}");
        assert!(status.message().contains(field), "{status:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_unknown_is_not_found_and_one_without_endpoints_unavailable() {
    let server = Running::over(&File::of(&[])).await;
    let empty = server.client().resolve(question(Router::Random)).await.unwrap_err();
    assert_eq!(empty.code(), Code::Unavailable);
    assert!(empty.message().contains("empty"), "{empty:?}");
    let other = ResolveRequest { service: "nobody".into(), ..question(Router::Random) };
    let unknown = server.client().resolve(other).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let other = ResolveRequest { namespace: "other".into(), ..question(Router::Random) };
    let unknown = server.client().resolve(other).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound, "a namespace is no other one");
}

#[tokio::test]
async fn the_port_is_the_balancers_where_none_is_named() {
    let server = Running::over(&File::of(&["10.0.0.1:1"])).await;
    let request = ResolveRequest { port: String::new(), ..question(Router::RoundRobin) };
    let answer = server.client().resolve(request).await.unwrap().into_inner();
    assert_eq!(answer.address, "10.0.0.1:1");
}
