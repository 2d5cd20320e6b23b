//! Makes a call. It is cancelled when its future, or the stream that it gave, is dropped.

use futures_util::stream;
use http::HeaderMap;
use prost_reflect::DynamicMessage;
use tokio::time::{Duration, Instant, timeout_at};
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status, Streaming};
use wayside_chassis::{Context, TraceContext};

use crate::bind::Requests;
use crate::binding::Target;
use crate::codec::DynamicCodec;
use crate::error::Refusal;

/// When the answer to a request has to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// The client's `grpc-timeout`, else the default.
    pub(crate) fn of(
        context: &Context,
        headers: &HeaderMap,
        default: Duration,
    ) -> Result<Self, Refusal> {
        let timeout = match context.remaining() {
            Some(remaining) => remaining,
            None if headers.contains_key("grpc-timeout") => {
                return Err(Refusal::field(
                    "grpc-timeout",
                    "expected at most 8 digits and one of H, M, S, m, u, n",
                ));
            }
            None => default,
        };
        Ok(Self(Instant::now() + timeout))
    }

    /// Waits for a part of the answer.
    pub(crate) async fn limit<T>(
        self,
        work: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        timeout_at(self.0, work)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("deadline exceeded")))
    }
}

/// A call that is ready to be made.
#[derive(Debug)]
pub(crate) struct Call<'t> {
    pub(crate) target: &'t Target,
    pub(crate) metadata: MetadataMap,
    /// The span that the call is made within.
    pub(crate) trace: Option<TraceContext>,
    pub(crate) requests: Requests,
    pub(crate) deadline: Deadline,
}

impl Call<'_> {
    /// Calls a method with a single reply.
    pub(crate) async fn single(self) -> Result<Response<DynamicMessage>, Status> {
        let Self { target, deadline, .. } = self;
        let mut client = Grpc::new(target.channel.clone());
        let call = client.client_streaming(self.request(), target.path.clone(), target.codec());
        deadline.limit(call).await
    }

    /// Calls a method with a stream of replies.
    pub(crate) async fn streaming(self) -> Result<Response<Streaming<DynamicMessage>>, Status> {
        let Self { target, deadline, .. } = self;
        let mut client = Grpc::new(target.channel.clone());
        let call = client.streaming(self.request(), target.path.clone(), target.codec());
        deadline.limit(call).await
    }

    fn request(self) -> Request<stream::Iter<Requests>> {
        let mut extensions = Extensions::default();
        if let Some(trace) = self.trace {
            extensions.insert(trace);
        }
        let mut request =
            Request::from_parts(self.metadata, extensions, stream::iter(self.requests));
        // The server has to give up when the gateway does.
        request.set_timeout(self.deadline.0.saturating_duration_since(Instant::now()));
        request
    }
}

impl Target {
    fn codec(&self) -> DynamicCodec {
        DynamicCodec { reply: self.output.clone() }
    }
}
