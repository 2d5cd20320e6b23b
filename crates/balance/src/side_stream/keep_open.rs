//! A stream from the server that is opened again whenever it ends.

use http::uri::PathAndQuery;
use prost::Message;
use tokio::time::sleep;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

use crate::backoff::Backoff;

/// What happens to a stream.
#[derive(Debug)]
pub(crate) enum Event<M> {
    Message(M),
    /// It has ended, with OK as well as with a failure, and will be opened again.
    Ended(Status),
}

/// Keeps a stream from a server open, until the server says that it does not know the method, which it returns.
///
/// A stream that has ended is opened again: at once if it has brought a message, otherwise after a [`Backoff`], which begins anew with each message.
/// The requests have a path only, as those of generated clients. To close the stream, drop the future.
///
/// Source: gRFC A17 and A51, which ask for the same.
pub(crate) async fn keep_open<S, Q, M>(
    connection: S,
    path: &'static str,
    request: Q,
    mut tell: impl FnMut(Event<M>),
) -> Status
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Status>,
    Q: Message + Clone + 'static,
    M: Message + Default + 'static,
{
    let mut client = Grpc::new(connection);
    let path = PathAndQuery::from_static(path);
    let mut backoff = Backoff::new();
    loop {
        let mut any = false;
        let end = open(&mut client, path.clone(), request.clone(), |message| {
            any = true;
            tell(Event::Message(message));
        })
        .await;
        if end.code() == Code::Unimplemented {
            return end;
        }
        tell(Event::Ended(end));
        if any {
            backoff = Backoff::new();
        } else {
            sleep(backoff.delay()).await;
        }
    }
}

/// Opens the stream once. Returns how it has ended.
async fn open<S, Q, M>(
    client: &mut Grpc<S>,
    path: PathAndQuery,
    request: Q,
    mut tell: impl FnMut(M),
) -> Status
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Status>,
    Q: Message + 'static,
    M: Message + Default + 'static,
{
    let opened = async {
        client.ready().await?;
        client.server_streaming(Request::new(request), path, ProstCodec::default()).await
    };
    let mut stream = match opened.await {
        Ok(response) => response.into_inner(),
        Err(status) => return status,
    };
    loop {
        match stream.message().await {
            Ok(Some(message)) => tell(message),
            Ok(None) => return Status::ok("the server has ended the stream"),
            Err(status) => return status,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::super::testing::{FakeServer, Step};
    use super::*;

    /// Any message: an empty one.
    async fn run(server: &FakeServer, time: Duration) -> Option<Status> {
        let opened = keep_open::<_, (), ()>(server.clone(), "/a.B/C", (), |_| ());
        timeout(time, opened).await.ok()
    }

    fn assert_about(pauses: &[f64], expected: &[f64]) {
        assert_eq!(pauses.len(), expected.len(), "{pauses:?}");
        for (pause, expected) in pauses.iter().zip(expected) {
            let off = (pause - expected).abs();
            // 20 % of jitter, and the clock's granularity.
            assert!(off <= expected * 0.2 + 0.002, "{pauses:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn streams_without_a_message_are_opened_again_after_growing_delays() {
        let fail = || vec![Step::End(Code::Unavailable)];
        let server = FakeServer::new([fail(), fail(), vec![Step::Lose], fail(), fail()]);
        assert!(run(&server, Duration::from_secs(3600)).await.is_none());
        assert_about(&server.pauses(), &[1.0, 1.6, 2.56, 4.096, 6.5536]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_message_the_next_attempt_is_at_once_and_the_delays_begin_anew() {
        let fail = || vec![Step::End(Code::Unavailable)];
        let good = || vec![Step::Message(Vec::new()), Step::End(Code::Ok)];
        let server = FakeServer::new([fail(), fail(), good(), good(), fail(), fail()]);
        assert!(run(&server, Duration::from_secs(3600)).await.is_none());
        assert_about(&server.pauses(), &[1.0, 1.6, 0.0, 0.0, 1.0, 1.6]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_method_that_is_not_implemented_ends_it_even_after_messages() {
        let server =
            FakeServer::new([vec![Step::Message(Vec::new()), Step::End(Code::Unimplemented)]]);
        let end = run(&server, Duration::from_secs(3600)).await.unwrap();
        assert_eq!(end.code(), Code::Unimplemented);
        assert_eq!(server.asked().len(), 1);
    }

    /// grpc-go: `TestHealthCheckWithClientConnClose`, `TestHealthCheckWithGoAway` and others.
    #[tokio::test(start_paused = true)]
    async fn a_stream_is_closed_when_the_future_is_dropped() {
        let server = FakeServer::new([vec![Step::Message(Vec::new())]]);
        let mut opened = Box::pin(keep_open::<_, (), ()>(server.clone(), "/a.B/C", (), |_| ()));
        assert!(timeout(Duration::from_secs(60), &mut opened).await.is_err());
        assert_eq!(server.open(), 1 + 1, "the stream, and the service itself");
        drop(opened);
        assert_eq!(server.open(), 0);
    }
}
