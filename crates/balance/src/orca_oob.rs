//! Load reports on a stream of their own, for servers whose calls are too few or too long to tell. Source: gRFC A51, `xds/service/orca/v3/orca.proto`.

use tokio::time::Duration;
use tonic::Status;
use tonic::body::Body;
use tower_service::Service;

use crate::LoadReport;
use crate::side_stream::{Event, keep_open};

const STREAM_CORE_METRICS: &str = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";

/// `xds.service.orca.v3.OrcaLoadReportRequest`, without the names of request costs, which are of no use beside calls.
#[derive(Clone, PartialEq, prost::Message)]
struct OrcaLoadReportRequest {
    #[prost(message, optional, tag = "1")]
    report_interval: Option<ProtoDuration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl From<Duration> for ProtoDuration {
    fn from(duration: Duration) -> Self {
        Self {
            seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            nanos: duration.subsec_nanos().cast_signed(),
        }
    }
}

/// Asks a server for its load every `interval` (the server may take longer) and passes each report on. To stop, drop the future.
///
/// Returns when the server says that it does not implement load reports, which a line of the log repeats; it is not asked again on this connection.
/// When the stream ends in any other way it is opened again.
pub(crate) async fn watch<S>(interval: Duration, connection: S, mut report: impl FnMut(&LoadReport))
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Status>,
{
    let request = OrcaLoadReportRequest { report_interval: Some(interval.into()) };
    let unimplemented = keep_open(connection, STREAM_CORE_METRICS, request, |event| match event {
        Event::Message(load) => report(&load),
        Event::Ended(status) => tracing::debug!(%status, "the stream of load reports has ended"),
    })
    .await;
    tracing::error!(
        answer = unimplemented.message(),
        "the server does not implement load reports on a stream of their own"
    );
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Mutex;

    use tokio::time::timeout;
    use tonic::Code;

    use super::*;
    use crate::side_stream::testing::{ErrorLog, FakeServer, Step};

    /// A report as bytes: field 9, eight bytes.
    fn utilization(value: f64) -> Step {
        Step::Message([&[0x49][..], &value.to_le_bytes()].concat())
    }

    /// The application's utilization of each report within an hour, and whether the watch has ended.
    async fn reports(server: &FakeServer, interval: Duration) -> (Vec<f64>, bool) {
        let reports = Mutex::new(Vec::new());
        let report = |load: &LoadReport| reports.lock().unwrap().push(load.application_utilization);
        let watched: Pin<Box<dyn Future<Output = ()> + Send + '_>> =
            Box::pin(watch(interval, server.clone(), report));
        let ended = timeout(Duration::from_secs(3600), watched).await.is_ok();
        (reports.into_inner().unwrap(), ended)
    }

    #[tokio::test(start_paused = true)]
    async fn each_report_is_passed_on_for_as_long_as_the_stream_lasts() {
        let wait = Step::Wait(Duration::from_secs(10));
        let script =
            vec![utilization(0.5), wait.clone(), utilization(0.75), wait, utilization(1.5)];
        let server = FakeServer::new([script]);
        let (reports, ended) = reports(&server, Duration::from_secs(10)).await;
        assert_eq!(reports, [0.5, 0.75, 1.5]);
        assert!(!ended);
        assert_eq!(server.asked()[0].path, "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics");
    }

    #[tokio::test(start_paused = true)]
    async fn the_interval_is_a_duration_of_protobuf() {
        for (interval, bytes) in [
            (Duration::ZERO, &[0x0a, 0][..]),
            (Duration::from_secs(10), &[0x0a, 2, 0x08, 10]),
            (Duration::from_millis(1500), &[0x0a, 8, 0x08, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]),
        ] {
            let server = FakeServer::default();
            reports(&server, interval).await;
            assert_eq!(server.asked()[0].message[..], *bytes, "{interval:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_without_load_reports_is_not_asked_again_and_the_log_says_so_once() {
        let log = ErrorLog::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        let server = FakeServer::new([vec![Step::End(Code::Unimplemented)]]);
        let (reports, ended) = reports(&server, Duration::from_secs(10)).await;
        assert_eq!(reports, [0.0; 0]);
        assert!(ended);
        assert_eq!(server.asked().len(), 1);
        assert_eq!(log.lines(), 1);
    }

    /// grpc-go: `TestProducerBackoff`.
    #[tokio::test(start_paused = true)]
    async fn a_stream_that_ends_in_any_other_way_is_opened_again() {
        let server = FakeServer::new([
            vec![Step::End(Code::Internal)],
            vec![utilization(0.5), Step::End(Code::Ok)],
            vec![Step::Lose],
            vec![utilization(0.75)],
        ]);
        let (reports, ended) = reports(&server, Duration::from_secs(10)).await;
        assert_eq!(reports, [0.5, 0.75]);
        assert!(!ended);
        assert_eq!(server.asked().len(), 4);
    }
}
