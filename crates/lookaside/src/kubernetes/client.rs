//! The one client of the API server that a process has.

use std::fmt;
use std::sync::Arc;

use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use tokio::sync::OnceCell;
use tokio::time::Duration;
use wayside_balance::{Resolver, ResolverOptions, Target, TargetError};

use super::api::SliceApi;
use super::attempts::Outage;
use super::error::with_causes;
use super::{KubernetesError, KubernetesResolver, KubernetesService};

/// How long a connection to the API server may take, its TLS handshake included. Lost packets would otherwise keep a resolver from the next attempt,
/// which can be the one that succeeds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The API server, for all resolvers of a process: one client, and one knowledge of whether it is down. A clone is the same.
///
/// The default finds the API server when it is first needed: as the service account of a pod does, else with a kubeconfig (`KUBECONFIG`,
/// `~/.kube/config`). The service account's token is read again every minute, as Kubernetes replaces it.
#[derive(Clone, Default)]
pub struct Kubernetes {
    shared: Arc<Shared>,
}

struct Shared {
    config: Option<Config>,
    client: OnceCell<Client>,
    outage: Outage,
}

impl Default for Shared {
    fn default() -> Self {
        Self { config: None, client: OnceCell::new(), outage: Outage::new() }
    }
}

impl Kubernetes {
    /// The API server of a configuration, in place of that of the pod or of the kubeconfig.
    pub fn with_config(config: Config) -> Self {
        Self { shared: Arc::new(Shared { config: Some(config), ..Shared::default() }) }
    }

    /// The API server behind a client of one's own, which should not try again by itself: the resolvers do.
    pub fn with_client(client: Client) -> Self {
        let client = OnceCell::new_with(Some(client));
        Self { shared: Arc::new(Shared { client, ..Shared::default() }) }
    }

    /// What finds the endpoints of a service. Nothing is asked before it is.
    pub fn resolver(&self, service: KubernetesService) -> KubernetesResolver {
        KubernetesResolver::new(self.clone(), service)
    }

    /// Makes the resolver of a channel, for [`Registry::register`](wayside_balance::Registry::register).
    ///
    /// # Errors
    /// When the target is not as `k8s:///namespace/service:port`.
    pub fn build(
        &self,
        target: &Target,
        _: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, TargetError> {
        Ok(Box::new(self.resolver(target.try_into()?)))
    }

    pub(super) fn outage(&self) -> &Outage {
        &self.shared.outage
    }

    /// The slices of a service, in the namespace of this process if the service has none.
    pub(super) async fn slices(
        &self,
        service: &KubernetesService,
    ) -> Result<SliceApi, KubernetesError> {
        let client = self.shared.client.get_or_try_init(|| self.connect()).await?;
        let namespace = match &service.namespace {
            Some(namespace) => namespace.clone(),
            None => client.default_namespace().to_owned(),
        };
        Ok(SliceApi::new(client.clone(), namespace, service.service.clone()))
    }

    async fn connect(&self) -> Result<Client, KubernetesError> {
        let mut config = match &self.shared.config {
            Some(config) => config.clone(),
            None => find_config().await?,
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // Attempts are counted and spread here, for all resolvers together.
        config.default_retry = false;
        Client::try_from(config).map_err(|e| KubernetesError::Configuration(with_causes(&e)))
    }
}

/// A pod has a service account whether or not somebody has put a kubeconfig into its image, so the pod's comes first; kube would do it the other way
/// round.
async fn find_config() -> Result<Config, KubernetesError> {
    let in_pod = match Config::incluster() {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    Config::from_kubeconfig(&KubeConfigOptions::default()).await.map_err(|error| {
        KubernetesError::Configuration(format!(
            "not in a pod with a service account ({}), and no kubeconfig ({})",
            with_causes(&in_pod),
            with_causes(&error)
        ))
    })
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the configuration, which may hold a token.
        formatter.debug_struct("Kubernetes").finish_non_exhaustive()
    }
}
