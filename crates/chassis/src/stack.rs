//! The server's interceptors, outermost first. This and `outgoing.rs` are the only places that put interceptors together.

use tonic::service::Routes;
use tower::ServiceBuilder;
use wayside_interceptors::access_log::AccessLog;
use wayside_interceptors::admission::Admission;
use wayside_interceptors::auth::{AuthLayer, AuthService};
use wayside_interceptors::deadline::{DeadlineLayer, DeadlineService, Timeouts};
use wayside_interceptors::dry_run::{DryRunLayer, DryRunService, Support};
use wayside_interceptors::errors::rpc_error::{RpcErrorLayer, RpcErrorService};
use wayside_interceptors::grpc_only::{GrpcOnly, GrpcOnlyLayer};
use wayside_interceptors::load_shed::LoadShed;
use wayside_interceptors::message_limit::{MessageLimit, MessageLimitLayer};
use wayside_interceptors::metadata::{Metadata, MetadataLayer};
use wayside_interceptors::metrics::{HttpCalls, ServerCalls};
use wayside_interceptors::observe::{Observe, ObserveLayer};
use wayside_interceptors::path_alias::{PathAlias, PathAliasLayer, PathAliasService};
use wayside_interceptors::rate_limit::RateLimit;
use wayside_interceptors::recovery::{Recovery, RecoveryLayer};
use wayside_interceptors::selector::{
    HEALTH, InvalidSelector, REFLECTION, REFLECTION_V1ALPHA, Selector, SelectorBuilder,
};
use wayside_interceptors::trace::{TraceCalls, Tracer};

use crate::limit_args::{CallerLimits, Limits};
use crate::{Needs, ProcessArgs, StartError};

/// The largest message that is taken. Source: the default of every gRPC stack.
const MAX_MESSAGE_BYTES: u32 = 4 * 1024 * 1024;

/// What serves gRPC, from the request id to the handler.
pub(crate) type GrpcStack = Metadata<Observed<PathAliasService<RpcErrorService<Limited>>>>;

/// What is told of every call: the span first, so that the others know its trace.
type Observed<S> = Observe<S, (Option<TraceCalls>, ServerCalls, AccessLog)>;

/// What is told of every call of plain HTTP.
type ObservedHttp<S> = Observe<S, (Option<TraceCalls>, HttpCalls, AccessLog)>;

/// What is inside of the tap.
type Limited = RateLimit<DeadlineService<LoadShed<AuthService<OfCaller>>>>;

/// What is inside of authorization.
type OfCaller = Admission<DryRunService<Handlers>, CallerLimits>;

/// What a call gets to that nothing has refused.
type Handlers = Recovery<GrpcOnly<MessageLimit<Routes>>>;

/// What serves plain HTTP.
pub(crate) type HttpStack = Metadata<ObservedHttp<RateLimit<DeadlineService<Measured>>>>;

/// What is inside of the deadline of plain HTTP.
type Measured = LoadShed<Admission<Recovery<Routes>, CallerLimits>>;

/// The layers that differ from server to server.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    name: String,
    metadata: MetadataLayer,
    deadline: DeadlineLayer,
    limits: Limits,
    auth: AuthLayer,
    dry_run: DryRunLayer,
    traces: Option<TraceCalls>,
}

impl Layers {
    /// Makes the layers that a server asks for.
    ///
    /// # Errors
    /// When they cannot be made, which names the server and the option to change.
    pub(crate) async fn new(
        name: &str,
        needs: Needs,
        process: &ProcessArgs,
    ) -> Result<Self, StartError> {
        let invalid = |error: InvalidSelector| StartError::setup(name, &error);
        let timeouts = standard(needs.timeouts, Timeouts::default()).map_err(invalid)?;
        let dry_run = standard(needs.dry_run, Support::ReadOnly).map_err(invalid)?;
        Ok(Self {
            name: name.to_owned(),
            metadata: MetadataLayer::new(needs.handed_on),
            deadline: DeadlineLayer::new(timeouts),
            limits: process.limits.layers(needs.long_calls).map_err(invalid)?,
            auth: process.jwt.layer(name, needs.auth).await?,
            dry_run: DryRunLayer::new(dry_run),
            traces: None,
        })
    }

    /// The limits, to tell of them.
    pub(crate) fn limits(&self) -> Limits {
        self.limits.clone()
    }

    /// The same, with spans of the calls.
    pub(crate) fn traced(self, tracer: Option<Tracer>) -> Self {
        Self { traces: tracer.map(TraceCalls::new), ..self }
    }

    /// Composes the stack of a gRPC server.
    pub(crate) fn grpc(
        self,
        calls: ServerCalls,
        aliases: &'static [PathAlias],
        routes: Routes,
    ) -> GrpcStack {
        ServiceBuilder::new()
            // Outermost, so that even the log line of a refused call has a request id.
            .layer(self.metadata)
            // So that its line has the code and the time that the client saw, refusals by the layers below included.
            .layer(ObserveLayer::new(self.name, (self.traces, calls, AccessLog)))
            // After the log, which shows the path that was called; before everything that is configured by method, which sees the one that is served.
            .layer(PathAliasLayer::new(aliases))
            // Around everything that may fail, so that older clients can read every error; the alias tells which those are.
            .layer(RpcErrorLayer)
            // As early as a refusal can have the form that its caller reads: a call that comes too fast costs next to nothing.
            .layer(self.limits.tap)
            // Around everything that may take time, so that the handler's future is what is dropped when time is up.
            .layer(self.deadline)
            // Before the work of checking a token, and inside of the deadline, whose calls free their places when time is up.
            .layer(self.limits.load_shed)
            // Before anything that acts for the caller, who is not known until here.
            .layer(self.auth)
            // By who calls, as the token says.
            .layer(self.limits.caller)
            // After authorization: who may not call may not try either.
            .layer(self.dry_run)
            // Inside of the log, so that a panic is a call with a code and not a call that vanished.
            .layer(RecoveryLayer)
            // Before routing, which would answer a browser with a gRPC status that it cannot see.
            .layer(GrpcOnlyLayer)
            // Innermost, so that only bodies that a handler reads are counted.
            .layer(MessageLimitLayer::new(MAX_MESSAGE_BYTES))
            .service(routes.prepare())
    }

    /// Composes the stack of a server of plain HTTP. The reasons are those of the gRPC stack; the rest is for the servers that it calls.
    pub(crate) fn http(self, calls: HttpCalls, routes: Routes) -> HttpStack {
        ServiceBuilder::new()
            .layer(self.metadata)
            .layer(ObserveLayer::new(self.name, (self.traces, calls, AccessLog)))
            .layer(self.limits.tap)
            .layer(self.deadline)
            .layer(self.limits.load_shed)
            .layer(self.limits.caller)
            .layer(RecoveryLayer)
            .service(routes.prepare())
    }
}

/// Ends a list with the settings of the services that every server has.
pub(crate) fn standard<T: Clone>(
    list: SelectorBuilder<T>,
    setting: T,
) -> Result<Selector<T>, InvalidSelector> {
    [HEALTH, REFLECTION, REFLECTION_V1ALPHA]
        .into_iter()
        .fold(list, |list, pattern| list.on(pattern, setting.clone()))
        .build()
}
