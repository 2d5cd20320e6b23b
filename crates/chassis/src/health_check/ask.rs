//! The two questions, each over a connection of its own that ends with the answer.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Status;
use tower::service_fn;

use super::HealthCheckError;
use crate::health::pb::HealthCheckRequest;
use crate::health::pb::health_check_response::ServingStatus;
use crate::health::pb::health_client::HealthClient;

/// `grpc.health.v1.Health/Check` of the whole server.
pub(super) async fn grpc<S>(
    address: SocketAddr,
    scheme: &str,
    stream: S,
) -> Result<(), HealthCheckError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |reason| HealthCheckError::Broken { address, reason };
    let (sender, connection) =
        http2::handshake::<_, _, tonic::body::Body>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(broken)?;
    let send = service_fn(move |request| {
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    });
    let origin = http::Uri::builder().scheme(scheme).authority(address.to_string());
    // An address is an authority, so there is always one.
    let origin = origin.path_and_query("/").build().unwrap_or_default();
    let mut client = HealthClient::with_origin(send, origin);
    let closed = || Status::unavailable("the connection was closed");
    let answer = tokio::select! {
        answer = client.check(HealthCheckRequest::default()) => answer,
        // The connection is what makes the answer come, so it is driven beside the call.
        ended = connection => Err(ended.map_or_else(|error| Status::from_error(error.into()), |()| closed())),
    };
    let status = answer
        .map_err(|status| HealthCheckError::Refused { address, status: Box::new(status) })?
        .into_inner()
        .status();
    match status {
        ServingStatus::Serving => Ok(()),
        status => {
            Err(HealthCheckError::NotServing { address, answer: status.as_str_name().to_owned() })
        }
    }
}

/// `GET /readyz`.
pub(super) async fn http<S>(address: SocketAddr, stream: S) -> Result<(), HealthCheckError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |reason| HealthCheckError::Broken { address, reason };
    let (mut sender, connection) =
        http1::handshake::<_, String>(TokioIo::new(stream)).await.map_err(broken)?;
    let request = http::Request::get("/readyz").header(http::header::HOST, address.to_string());
    let request = request.body(String::new()).unwrap_or_default();
    let driving = tokio::spawn(connection);
    let answer: http::Response<Incoming> = sender.send_request(request).await.map_err(broken)?;
    driving.abort();
    match answer.status() {
        http::StatusCode::OK => Ok(()),
        status => Err(HealthCheckError::NotServing { address, answer: status.to_string() }),
    }
}
