use std::sync::Arc;

use tokio::time::Duration;

/// Who calls, in a request's extensions. It holds nothing that could be used to call again, so it may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    subject: Box<str>,
    issuer: Box<str>,
    roles: Box<[Box<str>]>,
    expires_at: u64,
    /// A keyed hash of issuer and subject: made once for a token, where it is found good, rather than for each call by each layer that counts by it.
    key: u64,
}

impl Identity {
    pub(super) fn new(
        subject: &str,
        issuer: &str,
        roles: Box<[Box<str>]>,
        expires_at: u64,
        key: u64,
    ) -> Self {
        let (subject, issuer) = (subject.into(), issuer.into());
        Self(Arc::new(Inner { subject, issuer, roles, expires_at, key }))
    }

    /// Who it is, unique for the issuer (`sub`). Never empty.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Who says so (`iss`).
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// What the issuer says they may be.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.roles.iter().map(AsRef::as_ref)
    }

    /// What tells this issuer and subject from all others.
    pub(crate) fn key(&self) -> u64 {
        self.0.key
    }

    /// Whether this is one of the roles. Upper and lower case differ.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|own| own == role)
    }

    /// When the token ends (`exp`), since 1970-01-01 00:00 UTC.
    pub fn expires_at(&self) -> Duration {
        Duration::from_secs(self.0.expires_at)
    }
}
