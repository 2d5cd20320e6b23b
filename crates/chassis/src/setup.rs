//! What a server gets to set itself up with.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wayside_balance::resolver::manual;
use wayside_balance::{
    Channel, ChannelBuilder, ChannelError, ClientTls, Endpoint, Registry as Resolvers, Target,
};
use wayside_interceptors::metrics::Source;
use wayside_interceptors::trace::Tracer;

use crate::call_args::CallArgs;
use crate::debug::Recent;
use crate::metrics::{Registry, Watched};
use crate::{Outgoing, ProcessArgs, outgoing};

/// Every endpoint gets calls in turn.
const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;

/// What a server gets to set itself up with: channels to other servers, and background work that ends with it: no task outlives
/// [`Prepared::serve`](crate::Prepared::serve).
#[derive(Clone, Debug, Default)]
pub struct Setup {
    end: CancellationToken,
    stopping: CancellationToken,
    draining: CancellationToken,
    tracker: TaskTracker,
    tls: Option<ClientTls>,
    calls: CallArgs,
    tracer: Option<Tracer>,
    registry: Registry,
    recent: Option<Recent>,
    checks_jwts: bool,
}

impl Setup {
    /// A setup whose channels are encrypted if `tls` says how, and call as `process` says.
    pub(crate) fn new(tls: Option<ClientTls>, process: &ProcessArgs, checks_jwts: bool) -> Self {
        let recent = process.debug_pages.unwrap_or_default().then(Recent::new);
        Self { tls, calls: process.calls.clone(), recent, checks_jwts, ..Self::default() }
    }

    /// The same, with spans of the calls that are made.
    pub(crate) fn traced(self, tracer: Option<Tracer>) -> Self {
        Self { tracer, ..self }
    }

    /// Whether the policy of [`App::needs`](crate::App::needs) holds: the process knows keys (`--jwt-keys`), and nobody gets to a handler
    /// but whom the policy lets through.
    pub fn checks_jwts(&self) -> bool {
        self.checks_jwts
    }

    /// A channel to another server, whose endpoints get the calls in turn (`round_robin`), with the client's interceptors around it.
    ///
    /// # Errors
    /// When there is no resolver for the target, or the certificates cannot be used.
    pub fn channel(&self, target: &Target) -> Result<Outgoing, ChannelError> {
        self.outgoing(self.channel_builder(target).service_config_json(ROUND_ROBIN)?)
    }

    /// As [`channel`](Self::channel), with settings of one's own, to begin with those of [`channel_builder`](Self::channel_builder).
    ///
    /// # Errors
    /// When there is no resolver for the target, or the certificates cannot be used.
    pub fn outgoing(&self, builder: ChannelBuilder) -> Result<Outgoing, ChannelError> {
        let (outgoing, watched) = self.compose(builder.build()?);
        self.registry.add_channel(watched);
        Ok(outgoing)
    }

    fn compose(&self, channel: Channel) -> (Outgoing, Watched) {
        let target = channel.target().to_string();
        outgoing::compose(channel, &target, &self.calls, self.tracer.clone(), self.recent.as_ref())
    }

    /// A channel with settings of one's own, encrypted if this process has a CA to verify servers with.
    pub fn channel_builder(&self, target: &Target) -> ChannelBuilder {
        let builder = Channel::builder(target);
        match &self.tls {
            Some(tls) => builder.tls(tls.clone()),
            None => builder,
        }
    }

    /// As [`channel_builder`](Self::channel_builder), for one endpoint that a resolver has found, under the name that it has there.
    ///
    /// # Errors
    /// When its address cannot be written as a target.
    pub fn endpoint_builder(&self, endpoint: &Endpoint) -> Result<ChannelBuilder, ChannelError> {
        let (resolver, handle) = manual();
        handle.push(vec![endpoint.clone()]);
        let mut resolvers = Resolvers::default();
        resolvers.register("endpoint", move |_, _| Ok(Box::new(resolver.clone())));
        let name = endpoint.addresses.first().map(ToString::to_string).unwrap_or_default();
        let target = format!("endpoint:///{name}").parse()?;
        Ok(self.channel_builder(&target).resolvers(resolvers))
    }

    /// A channel to one endpoint, with and without the client's interceptors around it.
    pub(crate) fn to_endpoint(
        &self,
        endpoint: &Endpoint,
    ) -> Result<(Channel, Outgoing), ChannelError> {
        let channel = self.endpoint_builder(endpoint)?.build()?;
        let (outgoing, _) = self.compose(channel.clone());
        Ok((channel, outgoing))
    }

    /// Completes when the server is told to stop, while it still takes calls: the time to leave wherever it is registered.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Completes when calls have to end, because the server drains: the time to end streams that would go on for ever, so that their clients ask another replica.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Says that the server is told to stop.
    pub(crate) fn stop(&self) {
        self.stopping.cancel();
    }

    /// Says that calls have to end.
    pub(crate) fn drain(&self) {
        self.draining.cancel();
    }

    /// Every channel that was made.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        self.registry.channels().into_iter().map(|watched| watched.channel).collect()
    }

    /// Has the numbers of a source told by the admin port, with the name of the server as label `server`.
    pub fn tell(&self, source: impl Source) {
        self.registry.add(source);
    }

    /// What the admin port tells of the server.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The last calls, if they are written down.
    pub(crate) fn recent(&self) -> Option<&Recent> {
        self.recent.as_ref()
    }

    /// Runs a future in the background. It is dropped, wherever it is, when the server has ended.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.tracker.spawn(async move {
            end.run_until_cancelled(work).await;
        });
    }

    /// Ends all work and waits until it is gone.
    pub(crate) async fn end(&self) {
        self.end.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn end_drops_work_that_would_never_finish() {
        let setup = Setup::default();
        let held = Arc::new(());
        let inside = held.clone();
        setup.spawn(async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        });
        setup.end().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
