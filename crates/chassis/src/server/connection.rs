//! The life of one connection, from its first byte to its last.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::conn::auto::Connection;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::ServerOptions;
use super::state::ConnectionState;

/// How long calls that were cut may take to write their status. gRFC A9 closes hard, so it is not long.
const LAST_WORDS: Duration = Duration::from_millis(30);
/// How long a client that broke a rule may take to read why.
const GOODBYE: Duration = Duration::from_millis(500);

/// A connection of hyper's that can be told to go.
pub(super) trait Serving: Future {
    /// Sends GOAWAY for every stream with a PING, then, when that is answered, GOAWAY for the last one.
    fn go_away(self: Pin<&mut Self>);
}

impl<I, S, E> Serving for Connection<'_, I, S, E>
where
    S: hyper::service::HttpService<hyper::body::Incoming>,
    Self: Future,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::ResBody: 'static,
    <S::ResBody as hyper::body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: hyper_util::server::conn::auto::HttpServerConnExec<S::Future, S::ResBody>,
{
    fn go_away(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Drives a connection to its end. `drain`: the server stops; `cut`: its drain time is over.
pub(super) async fn drive<C: Serving>(
    connection: C,
    state: Arc<ConnectionState>,
    options: &ServerOptions,
    drain: &CancellationToken,
    cut: &CancellationToken,
) {
    let mut connection = std::pin::pin!(connection);
    let until = tokio::select! {
        _ = &mut connection => return,
        () = never_established(&state, options.handshake_timeout) => return,
        () = state.violation() => {
            let _ = timeout(GOODBYE, connection).await;
            return;
        }
        () = aged(options.max_connection_age) => options.max_connection_age_grace.map(|grace| Instant::now() + grace),
        () = idle(&state, options.max_connection_idle) => None,
        () = drain.cancelled() => None,
    };
    connection.as_mut().go_away();
    tokio::select! {
        _ = &mut connection => return,
        () = state.violation() => {}
        () = at(until) => {}
        () = cut.cancelled() => {}
    }
    state.cut.cancel();
    let _ = timeout(LAST_WORDS, connection).await;
}

/// Completes when the time for the preface is over and the client has not spoken.
async fn never_established(state: &ConnectionState, limit: Duration) {
    sleep(limit).await;
    if state.is_established() {
        pending::<()>().await;
    }
}

/// Completes at the maximum age, give or take 10 %, so that connections made together do not come back together.
async fn aged(age: Option<Duration>) {
    match age {
        Some(age) => sleep(age.mul_f64(jitter())).await,
        None => pending().await,
    }
}

/// A random factor from 0.9 to 1.1.
fn jitter() -> f64 {
    fastrand::f64().mul_add(0.2, 0.9)
}

/// Completes when the connection has had no call for the given time.
async fn idle(state: &ConnectionState, limit: Option<Duration>) {
    let Some(limit) = limit else { return pending().await };
    loop {
        match state.idle_since() {
            Some(since) if since + limit <= Instant::now() => return,
            Some(since) => sleep_until(since + limit).await,
            None => sleep(limit).await,
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_of_200_connections_spread_by_at_least_15_percent_and_at_most_20() {
        let factors: Vec<_> = (0..200).map(|_| jitter()).collect();
        let (least, most) =
            factors.iter().fold((f64::MAX, f64::MIN), |(a, b), f| (a.min(*f), b.max(*f)));
        assert!(least >= 0.9 && most <= 1.1 && most - least >= 0.15, "{least} to {most}");
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_counts_from_the_end_of_the_last_call() {
        let state = Arc::new(ConnectionState::new());
        let start = Instant::now();
        state.call_begins();
        let busy = state.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs(25)).await;
            busy.call_ends();
        });
        idle(&state, Some(Duration::from_secs(10))).await;
        assert_eq!(start.elapsed(), Duration::from_secs(35));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_silent_client_is_cut_by_the_preface_limit() {
        let state = ConnectionState::new();
        let limit = Duration::from_secs(10);
        let start = Instant::now();
        never_established(&state, limit).await;
        assert_eq!(start.elapsed(), limit);
        state.establish();
        assert!(timeout(Duration::from_secs(100), never_established(&state, limit)).await.is_err());
    }
}
