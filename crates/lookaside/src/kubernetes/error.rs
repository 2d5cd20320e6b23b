//! What can be wrong with the API server and its answers.

use std::error::Error;

use http::StatusCode;
use tokio::time::Duration;
use tonic::Status;
use wayside_balance::resolver::NoSuchName;

/// Why the endpoints of a service are not known, or not known any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubernetesError {
    /// Neither a service account nor a kubeconfig says where the API server is.
    #[error("no Kubernetes API server is known: {0}")]
    Configuration(String),
    /// No connection, or one that broke.
    #[error("the Kubernetes API server does not answer: {0}")]
    Unreachable(String),
    /// A request took too long.
    #[error("the Kubernetes API server does not answer: no {what} in {} s", after.as_secs())]
    Slow {
        /// What did not come.
        what: &'static str,
        /// For how long it was waited for.
        after: Duration,
    },
    /// It answers, but has no time or is broken: 429 or 5xx.
    #[error("the Kubernetes API server answers {code}: {message}")]
    Overloaded {
        /// The HTTP status.
        code: StatusCode,
        /// What it says about it.
        message: String,
        /// After what time it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It does not give out the slices: 401, 403, 404 or another 4xx.
    #[error(
        "the Kubernetes API server answers {code} to the verb '{verb}' on endpointslices.discovery.k8s.io in namespace '{namespace}': {message}; \
         {}", remedy(*code)
    )]
    Refused {
        /// `list` or `watch`.
        verb: &'static str,
        /// Where the slices are.
        namespace: String,
        /// The HTTP status.
        code: StatusCode,
        /// What it says about it.
        message: String,
    },
    /// The version from which changes were asked for is too old: 410.
    #[error("the Kubernetes API server has forgotten the version that was seen last")]
    Expired,
    /// An answer that is none.
    #[error("the Kubernetes API server sends what cannot be read: {0}")]
    Malformed(String),
    /// More than is kept in memory.
    #[error("the Kubernetes API server sends more than {limit} {unit}")]
    TooMuch {
        /// How much is taken.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// Nothing in the namespace belongs to the service.
    #[error(
        "no EndpointSlice in namespace '{namespace}' belongs to a service '{service}': it does not exist, or has no selector"
    )]
    NoService {
        /// Where it was looked for.
        namespace: String,
        /// Its name.
        service: String,
    },
    /// The service has pods, but not this port.
    #[error(
        "the service '{service}' in namespace '{namespace}' has no TCP port '{port}', only {known}"
    )]
    NoPort {
        /// Where the service is.
        namespace: String,
        /// Its name.
        service: String,
        /// What was asked for.
        port: String,
        /// The ports that it has, with their names, separated by commas.
        known: String,
    },
}

impl KubernetesError {
    /// What a resolver fails with: never with a code that is the application's to give (gRFC A54).
    pub fn status(&self) -> Status {
        let message = self.to_string();
        match self {
            Self::Refused { code: StatusCode::FORBIDDEN, .. } => Status::permission_denied(message),
            Self::Refused { code: StatusCode::UNAUTHORIZED, .. } => {
                Status::unauthenticated(message)
            }
            Self::NoService { .. } => NoSuchName::status(message),
            Self::TooMuch { .. } => Status::resource_exhausted(message),
            _ => Status::unavailable(message),
        }
    }

    /// Whether the API server is down, as far as one can tell: nobody needs to ask it now.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Slow { .. } | Self::Overloaded { .. })
    }

    /// Whether only a human can mend it.
    pub(super) fn is_for_an_administrator(&self) -> bool {
        matches!(self, Self::Configuration(_) | Self::Refused { .. } | Self::TooMuch { .. })
    }
}

fn remedy(code: StatusCode) -> &'static str {
    match code {
        StatusCode::FORBIDDEN => {
            "the service account needs a Role there with the verbs get, list and watch on endpointslices of the API group discovery.k8s.io, and a RoleBinding"
        }
        StatusCode::UNAUTHORIZED => "the token of the service account is not accepted",
        StatusCode::NOT_FOUND => {
            "the namespace does not exist, or the API server does not have discovery.k8s.io/v1 (Kubernetes 1.21 and newer)"
        }
        _ => "this is not the API server of a Kubernetes that is known here",
    }
}

/// An error with all its causes, which kube's own texts leave out.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
