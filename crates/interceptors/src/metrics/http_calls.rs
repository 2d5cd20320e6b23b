use std::sync::Arc;

use http::{Method, StatusCode};
use tokio::time::Duration;

use super::{HTTP_LATENCY, Histogram, Labels, Learned, Metric, Source, Within};

static DURATION: Metric = Metric::histogram(
    "http_server_request_duration_seconds",
    "From the head of the request to the end of the response",
);

/// How many routes are told apart, and how many combinations of method and status on each.
const MAX_ROUTES: usize = 256;
const MAX_KINDS: usize = 64;

/// Counts the calls of a server of plain HTTP. Source: OpenTelemetry, "Semantic conventions for HTTP metrics".
///
/// A clone counts for the same server.
#[derive(Clone, Debug)]
pub struct HttpCalls {
    routes: Arc<Learned<Box<str>, Route>>,
}

#[derive(Debug)]
struct Route(Learned<Kind, Durations>);

impl Default for Route {
    fn default() -> Self {
        Self(Learned::up_to(MAX_KINDS))
    }
}

/// The place of the method among those that are known, and the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind(u8, u16);

impl From<&Self> for Kind {
    fn from(kind: &Self) -> Self {
        *kind
    }
}

#[derive(Debug)]
struct Durations(Histogram);

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::new(&HTTP_LATENCY))
    }
}

/// Whatever else a caller has made up is `_OTHER`, as the conventions ask for.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "_OTHER"];

/// What has become of a call.
#[derive(Clone, Copy, Debug)]
pub struct HttpCall<'a> {
    /// The method of the request.
    pub method: &'a Method,
    /// The route, as a template; `None` when there is none for the path.
    pub route: Option<&'a str>,
    /// The status; `None` when whoever called has gone before there was one.
    pub status: Option<StatusCode>,
    /// From the head of the request to the end of the response.
    pub duration: Duration,
    /// The id of the trace, if the call was sampled.
    pub trace_id: Option<u128>,
}

impl Default for HttpCalls {
    fn default() -> Self {
        Self { routes: Arc::new(Learned::up_to(MAX_ROUTES)) }
    }
}

impl HttpCalls {
    /// Counts a call that is over.
    pub fn record(&self, call: &HttpCall<'_>) {
        let other = METHODS.len() - 1;
        let method = METHODS.iter().position(|name| *name == call.method.as_str());
        let kind = Kind(method.unwrap_or(other) as u8, call.status.map_or(0, |it| it.as_u16()));
        let durations = self.routes.get(call.route.unwrap_or_default()).0.get(&kind);
        durations.0.record_time(call.duration, call.trace_id);
    }
}

impl Source for HttpCalls {
    fn collect(&self, samples: &mut Within<'_>) {
        self.routes.each(|path, route| {
            // A path that is on no route has no such label.
            let labels = match path {
                Some(path) if !path.is_empty() => Labels::from([("http_route", &**path)]),
                _ => Labels::default(),
            };
            let mut samples = samples.within(labels);
            route.0.each(|kind, durations| {
                let Some(Kind(method, status)) = kind else { return };
                let method = ("http_request_method", METHODS[usize::from(*method)].to_owned());
                let status = ("http_response_status_code", status.to_string());
                // The conventions leave the status out when none was sent.
                let labels = match status.1.as_str() {
                    "0" => Labels::from([method]),
                    _ => Labels::from([method, status]),
                };
                samples.add(&DURATION, labels, &durations.0);
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Format, Samples};

    fn told(calls: &HttpCalls) -> String {
        let mut samples = Samples::default();
        calls.collect(&mut samples.within(Labels::default()));
        samples.text(Format::Plain)
    }

    #[test]
    fn a_request_is_counted_by_route_method_and_status() {
        let calls = HttpCalls::default();
        let call = HttpCall {
            method: &Method::GET,
            route: Some("/v1/movies/{id}"),
            status: Some(StatusCode::NOT_FOUND),
            duration: Duration::from_millis(7),
            trace_id: None,
        };
        calls.record(&call);
        calls.record(&HttpCall { status: None, ..call });
        let text = told(&calls);
        for labels in [
            r#"http_route="/v1/movies/{id}",http_request_method="GET",http_response_status_code="404",le="0.01""#,
            r#"http_route="/v1/movies/{id}",http_request_method="GET",le="0.01""#,
        ] {
            let line = format!("http_server_request_duration_seconds_bucket{{{labels}}} 1");
            assert!(text.lines().any(|it| it == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn methods_that_callers_make_up_are_one_and_statuses_have_a_bound() {
        let calls = HttpCalls::default();
        for number in 0..1000 {
            let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
            let (status, duration) = (StatusCode::from_u16(100 + number % 900), Duration::ZERO);
            let call = HttpCall {
                method: &method,
                route: None,
                status: status.ok(),
                duration,
                trace_id: None,
            };
            calls.record(&call);
        }
        let text = told(&calls);
        let series = text.lines().filter(|line| line.contains("_count")).count();
        assert_eq!(series, MAX_KINDS);
        assert!(text.contains("_OTHER") && !text.contains("M1"), "{text}");
    }
}
