//! Asks a server for its health, and keeps listening. Source: gRFC A17, `grpc/health/v1/health.proto`.

use std::convert::Infallible;
use std::sync::Arc;

use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use crate::side_stream::{Event, keep_open};

const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// Whether calls should be sent to a server that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Healthy,
    /// With the reason.
    Unhealthy(Arc<str>),
}

/// `grpc.health.v1.HealthCheckRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    /// A `ServingStatus`.
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Watches the health of a service on one connection; the empty name is the server as a whole. To stop, drop the future.
///
/// `report` is told of each change, and first when the server has answered: until then nothing is known, and the subchannel stays CONNECTING. A server
/// that has no health service is healthy for good, and a line of the log says so. When the stream ends in any other way the server is unhealthy, and
/// the stream is opened again. A17 has the subchannel go back to CONNECTING meanwhile; here it stays as it is, since policies keep TRANSIENT_FAILURE
/// until READY anyway.
pub(crate) async fn watch<S>(
    service_name: &str,
    connection: S,
    mut report: impl FnMut(Health),
) -> Infallible
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Status>,
{
    let mut last = None;
    let mut report = |health: Health| {
        if last.as_ref() != Some(&health) {
            last = Some(health.clone());
            report(health);
        }
    };
    let request = HealthCheckRequest { service: service_name.to_owned() };
    let unimplemented = keep_open(connection, WATCH, request, |event| {
        report(match event {
            Event::Message(response) => reported(&response),
            Event::Ended(status) => Health::Unhealthy(ended(&status)),
        });
    })
    .await;
    tracing::error!(
        service = service_name,
        answer = unimplemented.message(),
        "the server does not implement health checks: it is taken for healthy"
    );
    report(Health::Healthy);
    std::future::pending().await
}

fn reported(response: &HealthCheckResponse) -> Health {
    let status = match response.status {
        0 => "UNKNOWN",
        1 => return Health::Healthy,
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "one that is not known here",
    };
    Health::Unhealthy(format!("the server says that its health is {status}").into())
}

fn ended(status: &Status) -> Arc<str> {
    format!("the health check has ended: {:?}: {}", status.code(), status.message()).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::{Duration, Instant};
    use tonic::Code;

    use super::*;
    use crate::side_stream::testing::{ErrorLog, FakeServer, Step, run_for};

    /// What the server says of its health, as bytes: field 1, a varint.
    fn says(status: u8) -> Step {
        Step::Message(if status == 0 { Vec::new() } else { vec![0x08, status] })
    }

    const SERVING: u8 = 1;

    fn wait(seconds: u64) -> Step {
        Step::Wait(Duration::from_secs(seconds))
    }

    /// What is reported within an hour, and after how many seconds.
    async fn reports(server: &FakeServer) -> Vec<(u64, String)> {
        let (reports, began) = (Mutex::new(Vec::new()), Instant::now());
        let report = |health| {
            let health = match health {
                Health::Healthy => "healthy".to_owned(),
                Health::Unhealthy(why) => why.to_string(),
            };
            reports.lock().unwrap().push((began.elapsed().as_secs(), health));
        };
        run_for(Duration::from_secs(3600), watch("foo", server.clone(), report)).await;
        reports.into_inner().unwrap()
    }

    /// grpc-go: `TestHealthCheckWatchStateChange`.
    #[tokio::test(start_paused = true)]
    async fn each_change_of_health_is_reported() {
        let script = [wait(60), says(2), wait(1), says(SERVING), wait(1), says(3), wait(1)];
        let script = [&script[..], &[says(SERVING), says(SERVING), wait(1), says(0)]].concat();
        let server = FakeServer::new([[&script[..], &[wait(1), says(7)]].concat()]);
        let expected = [
            (60, "the server says that its health is NOT_SERVING"),
            (61, "healthy"),
            (62, "the server says that its health is SERVICE_UNKNOWN"),
            (63, "healthy"),
            (64, "the server says that its health is UNKNOWN"),
            (65, "the server says that its health is one that is not known here"),
        ];
        assert_eq!(reports(&server).await, expected.map(|(at, health)| (at, health.to_owned())));
        let asked = server.asked();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].path, "/grpc.health.v1.Health/Watch");
        assert_eq!(asked[0].message[..], *b"\x0a\x03foo");
    }

    /// grpc-go: `TestHealthCheckHealthServerNotRegistered`.
    #[tokio::test(start_paused = true)]
    async fn a_server_without_health_checks_is_healthy_for_good_and_the_log_says_so_once() {
        let log = ErrorLog::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        let server = FakeServer::new([vec![Step::End(Code::Unimplemented)]]);
        assert_eq!(reports(&server).await, [(0, "healthy".to_owned())]);
        assert_eq!(server.asked().len(), 1, "it is not asked again");
        assert_eq!(log.lines(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_ends_in_any_other_way_is_unhealthy_and_opened_again() {
        let log = ErrorLog::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        for (end, why) in [
            (Step::End(Code::Ok), "Ok: the server has ended the stream"),
            (Step::End(Code::Internal), "Internal: "),
            (Step::End(Code::NotFound), "NotFound: "),
            (Step::End(Code::Cancelled), "Cancelled: "),
            (Step::Lose, "Unavailable: connection lost"),
        ] {
            let server = FakeServer::new([vec![end], vec![says(SERVING)]]);
            let reports = reports(&server).await;
            assert_eq!(reports[0], (0, format!("the health check has ended: {why}")));
            assert_eq!(reports[1].1, "healthy");
            assert_eq!(server.asked().len(), 2);
        }
        assert_eq!(log.lines(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_healthy_server_that_stops_answering_is_unhealthy_until_it_answers_again() {
        let broken = vec![says(SERVING), wait(10), Step::Lose];
        let server = FakeServer::new([broken, vec![wait(5), says(SERVING)]]);
        let reports = reports(&server).await;
        let times: Vec<_> = reports.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [0, 10, 15], "{reports:?}");
        assert_eq!(reports[2].1, "healthy");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_reported_before_the_server_answers() {
        assert_eq!(reports(&FakeServer::default()).await, []);
    }
}
