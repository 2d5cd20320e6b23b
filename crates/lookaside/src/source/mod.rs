//! Where the endpoints of services come from.
//!
//! A source is a [`Resolver`] of `wayside_balance` for each service: a stream of whole lists. The same resolver that a client would use by itself serves all clients
//! here.

mod option;
mod registry;
mod static_file;

use std::sync::Arc;

pub use option::{InvalidSource, Source};
pub(crate) use registry::{Full, Lease, Leases, Load};
pub(crate) use static_file::{StaticFile, parse_address};
use tonic::Status;
use wayside_balance::resolver::{NextResolution, ResolverOptions};
use wayside_balance::{Registry, ResolveNow, Resolver};
use wayside_chassis::{Setup, StartError};

use crate::Key;

/// The sources in use, in the order in which they are asked.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    all: Arc<[Ready]>,
    resolvers: Registry,
}

/// A source that can be asked.
#[derive(Debug)]
enum Ready {
    Target { pattern: String, polled: bool },
    Static(StaticFile),
    Registry(Arc<Leases>),
}

impl Sources {
    /// Makes the sources usable: files are read, and read again when they change.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(crate) async fn open(
        wanted: &[Source],
        leases: &Arc<Leases>,
        resolvers: Registry,
        setup: &Setup,
    ) -> Result<Self, StartError> {
        let mut all = Vec::new();
        for source in wanted {
            all.push(match source {
                // The watch of Kubernetes says by itself when something has changed; name servers have to be asked.
                Source::Kubernetes => Ready::Target {
                    pattern: "k8s:///{namespace}/{service}:{port}".into(),
                    polled: false,
                },
                Source::Dns(pattern) => Ready::Target { pattern: pattern.clone(), polled: true },
                Source::Static(path) => Ready::Static(StaticFile::open(path, setup).await?),
                Source::Registry => Ready::Registry(leases.clone()),
            });
        }
        Ok(Self { all: all.into(), resolvers })
    }

    /// A resolver of each source for one service, and whether it has to be asked again and again.
    pub(crate) fn of(&self, key: &Key) -> Vec<(Box<dyn Resolver>, bool)> {
        self.all.iter().map(|source| self.resolver(source, key)).collect()
    }

    fn resolver(&self, source: &Ready, key: &Key) -> (Box<dyn Resolver>, bool) {
        match source {
            Ready::Static(file) => (Box::new(file.resolver(key)), false),
            Ready::Registry(leases) => (Box::new(leases.resolver(key)), false),
            Ready::Target { pattern, polled } => {
                let text = pattern
                    .replace("{namespace}", key.namespace())
                    .replace("{service}", key.service())
                    .replace("{port}", key.port());
                let built = text
                    .parse()
                    .and_then(|target| self.resolvers.build(&target, &ResolverOptions::default()));
                match built {
                    Ok(resolver) => (resolver, *polled),
                    Err(error) => (Box::new(Refuses(error.to_string())), false),
                }
            }
        }
    }
}

/// Stands for a resolver that cannot be made, as that of DNS for a port with a name.
#[derive(Debug)]
struct Refuses(String);

impl Resolver for Refuses {
    fn next<'a>(&'a mut self, _: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async {
            if self.0.is_empty() {
                return std::future::pending().await;
            }
            Err(Status::unavailable(std::mem::take(&mut self.0)))
        })
    }
}
