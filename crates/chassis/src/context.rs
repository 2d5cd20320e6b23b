//! What a handler hands on from the call it serves to the calls it makes.

use std::sync::Arc;

use http::Extensions;
use tokio::time::Duration;
use tonic::{Request, Status};
use wayside_interceptors::Peer;
use wayside_interceptors::auth::Identity;
use wayside_interceptors::deadline::Deadline;
use wayside_interceptors::dry_run::DryRun;
use wayside_interceptors::metadata::Propagated;
use wayside_interceptors::observe::CallRecord;
use wayside_interceptors::trace::TraceContext;

/// The circumstances of the call that is being served. A handler takes it from its request and makes every outgoing request with it,
/// so that no call that serves another one outlives it.
#[derive(Clone, Debug, Default)]
pub struct Context {
    deadline: Option<Deadline>,
    peer: Option<Peer>,
    identity: Option<Identity>,
    propagated: Option<Propagated>,
    dry_run: Option<DryRun>,
    record: Option<CallRecord>,
}

impl Context {
    /// The context of a request that is being served.
    pub fn of<T>(request: &Request<T>) -> Self {
        Self::from_extensions(request.extensions())
    }

    /// The context of a request of which only the extensions are at hand, as in an axum handler.
    pub fn from_extensions(extensions: &Extensions) -> Self {
        Self {
            deadline: extensions.get().copied(),
            peer: extensions.get().copied(),
            identity: extensions.get().cloned(),
            propagated: extensions.get().cloned(),
            dry_run: extensions.get().copied(),
            record: extensions.get().cloned(),
        }
    }

    /// What is left of the call's deadline; `None` when it has none.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(Deadline::remaining)
    }

    /// Who calls, by a token that was checked; `None` where the policy of the method asks for none.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Whether nothing may be changed. Only methods that support dry runs are called in one.
    pub fn dry_run(&self) -> Option<DryRun> {
        self.dry_run
    }

    /// Says who calls, for the log line, where a server finds that out by itself. It must not be something that could be used to call again, such as a
    /// token. Who was verified before stays.
    pub fn name_caller(&self, name: impl Into<Arc<str>>) {
        if let Some(record) = &self.record {
            record.set_caller(name);
        }
    }

    /// The id of the call, which log lines and the calls made for it have too.
    pub fn request_id(&self) -> Option<&str> {
        self.propagated.as_ref()?.request_id().to_str().ok()
    }

    /// Where in a trace the call is, if there are traces. In the extensions of a request, it is the span that the request is made within;
    /// [`outgoing`](Self::outgoing) puts it there.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.record.as_ref()?.trace()
    }

    /// Says which route of an HTTP server the call has taken, as a template such as `/v1/movies/{id}`: spans are named by it.
    pub fn set_route(&self, route: impl Into<Arc<str>>) {
        if let Some(record) = &self.record {
            record.set_route(route);
        }
    }

    /// The address of the caller.
    pub fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// A request for an outgoing call that ends with the call being served, and after `limit` at the latest. It carries the request id, the
    /// headers that are handed on, the trace that the call is part of and, within a dry run, that it is one. The channels of a [`Setup`](crate::Setup) take a margin off the time that is left, for the
    /// way of the answer.
    ///
    /// # Errors
    /// DEADLINE_EXCEEDED when nothing is left: the call would be work for nobody.
    pub fn outgoing<T>(&self, message: T, limit: Option<Duration>) -> Result<Request<T>, Status> {
        let mut request = Request::new(message);
        let timeout = match (self.remaining(), limit) {
            (Some(remaining), Some(limit)) => Some(remaining.min(limit)),
            (remaining, limit) => remaining.or(limit),
        };
        if let Some(timeout) = timeout {
            if timeout.is_zero() {
                return Err(Status::deadline_exceeded("deadline exceeded"));
            }
            request.set_timeout(timeout);
        }
        let extensions = request.extensions_mut();
        if let Some(deadline) = self.deadline {
            extensions.insert(deadline);
        }
        if let Some(propagated) = &self.propagated {
            extensions.insert(propagated.clone());
        }
        if let Some(dry_run) = self.dry_run {
            extensions.insert(dry_run);
        }
        if let Some(trace) = self.trace() {
            extensions.insert(trace.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use tonic::Code;

    use super::*;

    fn context(left: Option<u64>) -> Context {
        let deadline = left.map(|seconds| Deadline(Instant::now() + Duration::from_secs(seconds)));
        Context { deadline, ..Context::default() }
    }

    fn timeout(context: &Context, limit: Option<u64>) -> Option<String> {
        let request = context.outgoing((), limit.map(Duration::from_secs)).unwrap();
        Some(request.metadata().get("grpc-timeout")?.to_str().unwrap().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn an_outgoing_call_gets_the_smaller_of_what_is_left_and_the_limit() {
        assert_eq!(timeout(&context(None), None), None);
        assert_eq!(timeout(&context(Some(3)), None).as_deref(), Some("3000000u"));
        assert_eq!(timeout(&context(Some(3)), Some(2)).as_deref(), Some("2000000u"));
        assert_eq!(timeout(&context(Some(1)), Some(2)).as_deref(), Some("1000000u"));
        assert_eq!(timeout(&context(None), Some(2)).as_deref(), Some("2000000u"));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_when_nothing_is_left() {
        assert_eq!(context(Some(0)).outgoing((), None).unwrap_err().code(), Code::DeadlineExceeded);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_call_hands_on_is_in_every_request_made_for_it() {
        let mut extensions = Extensions::new();
        let deadline = Deadline(Instant::now() + Duration::from_secs(3));
        extensions.insert(deadline);
        extensions.insert(DryRun);
        let request = Context::from_extensions(&extensions).outgoing((), None).unwrap();
        // The margin is taken off the deadline by the channel's own layer, which finds it here.
        assert_eq!(request.extensions().get(), Some(&deadline));
        assert_eq!(request.extensions().get(), Some(&DryRun), "nothing of a dry run is real");
        let request = Context::default().outgoing((), None).unwrap();
        assert_eq!(request.extensions().get::<DryRun>(), None);
    }
}
