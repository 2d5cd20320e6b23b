use std::convert::Infallible;

use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::selector::Selector;

/// What came of a call: whether the handler ran and knew that it was a dry run, the code, and the confirmation.
#[derive(Debug, PartialEq)]
struct Seen {
    ran: Option<bool>,
    code: Code,
    confirmed: bool,
}

async fn call(method: &str, values: &[&'static str], answer: Code) -> Seen {
    let methods = Selector::builder(Support::Refused)
        .on("/test.Service/Write", Support::Supported)
        .on("/test.Service/Read", Support::ReadOnly)
        .build()
        .unwrap();
    let ran = std::sync::Mutex::new(None);
    let inner = service_fn(|request: Request<()>| {
        *ran.lock().unwrap() = Some(request.extensions().get::<DryRun>().is_some());
        async move {
            let response = match answer {
                Code::Ok => Response::builder().header("grpc-status", "0").body(()).unwrap(),
                code => Status::new(code, "").into_http(),
            };
            Ok::<_, Infallible>(response.map(|()| Full::new(bytes::Bytes::new())))
        }
    });
    let mut request = Request::builder()
        .uri(format!("/test.Service/{method}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .body(())
        .unwrap();
    for value in values {
        request.headers_mut().append(DRY_RUN, HeaderValue::from_static(value));
    }
    let response = DryRunLayer::new(methods).layer(inner).oneshot(request).await.unwrap();
    let headers = response.headers().clone();
    response.into_body().collect().await.unwrap();
    let code = Code::from_bytes(headers["grpc-status"].as_bytes());
    Seen {
        ran: *ran.lock().unwrap(),
        code,
        confirmed: headers.get(DRY_RUN).is_some_and(|one| one == "1"),
    }
}

#[tokio::test]
async fn each_kind_of_method_makes_of_a_dry_run_what_it_promises() {
    for (method, values, answer, expected) in [
        // No dry run: nothing is different, whatever the method supports.
        ("Write", &[][..], Code::Ok, Seen { ran: Some(false), code: Code::Ok, confirmed: false }),
        ("Other", &[], Code::Ok, Seen { ran: Some(false), code: Code::Ok, confirmed: false }),
        // A dry run is marked, and confirmed also when a check fails.
        ("Write", &["1"], Code::Ok, Seen { ran: Some(true), code: Code::Ok, confirmed: true }),
        (
            "Write",
            &["1"],
            Code::NotFound,
            Seen { ran: Some(true), code: Code::NotFound, confirmed: true },
        ),
        ("Read", &["1"], Code::Ok, Seen { ran: Some(true), code: Code::Ok, confirmed: true }),
        // Whoever says it among other things means it.
        ("Write", &["0", "1"], Code::Ok, Seen { ran: Some(true), code: Code::Ok, confirmed: true }),
        // A method that nobody has listed does not run.
        (
            "Other",
            &["1"],
            Code::Ok,
            Seen { ran: None, code: Code::FailedPrecondition, confirmed: false },
        ),
    ] {
        assert_eq!(call(method, values, answer).await, expected, "{method} {values:?}");
    }
    for value in ["0", "true", "11", "", " 1 ", "yes"] {
        let expected = Seen { ran: Some(false), code: Code::Ok, confirmed: false };
        assert_eq!(call("Other", &[value], Code::Ok).await, expected, "{value:?} is no dry run");
    }
}

#[tokio::test]
async fn a_caller_that_does_not_speak_grpc_is_refused_in_http() {
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::new())))
    });
    let request = Request::builder().uri("/x").header(DRY_RUN, "1").body(()).unwrap();
    let layer = DryRunLayer::new(Selector::from(Support::Refused));
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(response.status(), http::StatusCode::PRECONDITION_FAILED);
}
