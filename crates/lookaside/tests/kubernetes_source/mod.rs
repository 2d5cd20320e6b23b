//! The tests, and what they share.

mod channel;
mod endpoints;
mod faults;
mod greeters;
mod real_api_server;
mod refusals;

use lookaside::kubernetes::{Kubernetes, KubernetesError, KubernetesResolver};
use tokio::time::{Duration, Instant, timeout};
use wayside_balance::ResolveNow;

use crate::fake_api::FakeApi;

/// A resolver and its server.
pub(crate) struct Watched {
    pub(crate) api: FakeApi,
    pub(crate) resolver: KubernetesResolver,
    pub(crate) resolve_now: ResolveNow,
}

impl Watched {
    /// Of `service`, as in a target after `k8s:///`.
    pub(crate) fn new(service: &str) -> Self {
        let api = FakeApi::new();
        Self::of(&api, &Kubernetes::with_client(api.client()), service)
    }

    pub(crate) fn of(api: &FakeApi, kubernetes: &Kubernetes, service: &str) -> Self {
        let resolver = kubernetes.resolver(service.parse().unwrap());
        Self { api: api.clone(), resolver, resolve_now: ResolveNow::default() }
    }

    /// The next answer: of each endpoint its addresses, with a plus between them, in order.
    pub(crate) async fn next(&mut self) -> Vec<String> {
        self.within(Duration::from_secs(1)).await
    }

    pub(crate) async fn within(&mut self, limit: Duration) -> Vec<String> {
        let answer = timeout(limit, self.resolver.endpoints(&self.resolve_now)).await;
        let endpoints = answer.unwrap_or_else(|_| panic!("no answer within {limit:?}")).unwrap();
        let shown = |endpoint: wayside_balance::Endpoint| {
            let addresses: Vec<_> = endpoint.addresses.iter().map(ToString::to_string).collect();
            addresses.join(" + ")
        };
        let mut shown: Vec<_> = endpoints.into_iter().map(shown).collect();
        shown.sort();
        shown
    }

    pub(crate) async fn failure(&mut self) -> KubernetesError {
        let answer = self.resolver.endpoints(&self.resolve_now);
        timeout(Duration::from_secs(60), answer).await.unwrap().unwrap_err()
    }

    /// Sees to it that nothing is answered for a time.
    pub(crate) async fn silence(&mut self, time: Duration) {
        let answer = timeout(time, self.resolver.endpoints(&self.resolve_now)).await;
        assert!(answer.is_err(), "{answer:?} where there is no news");
    }

    /// Lets the resolver work until its watch is open.
    pub(crate) async fn watching(&mut self) {
        let start = Instant::now();
        while self.api.open_watches() == 0 {
            self.silence(Duration::from_millis(1)).await;
            assert!(start.elapsed() < Duration::from_secs(5), "no watch is opened");
        }
    }
}

/// `10.0.0.N:50051` for each number.
pub(crate) fn addresses(numbers: impl IntoIterator<Item = u8>) -> Vec<String> {
    let mut addresses: Vec<_> = numbers.into_iter().map(|n| format!("10.0.0.{n}:50051")).collect();
    addresses.sort();
    addresses
}
