use std::hash::{BuildHasher, RandomState};

use serde_json::Value;
use tokio::time::Duration;

use super::json::Object;
use super::{Identity, Rejection};

/// The largest difference between the clocks of issuer and server that may be allowed for.
pub const MAX_LEEWAY: Duration = Duration::from_secs(30);

/// The last second of the year 9999: a date beyond it is a mistake in its unit.
const MAX_DATE: u64 = 253_402_300_799;

/// What the claims of a token have to say.
///
/// `exp`, `iss`, `aud` and `sub` are required, `nbf` is obeyed when it is there.
#[derive(Clone, Debug)]
pub struct TokenRules {
    issuer: Box<str>,
    audiences: Box<[Box<str>]>,
    leeway: u64,
    roles_claim: Box<str>,
    /// What identities are told apart by is hashed under this.
    seed: RandomState,
}

impl TokenRules {
    /// Takes tokens of `issuer` that are meant for one of `audiences`. No leeway; roles are in the claim `roles`.
    ///
    /// # Errors
    /// When the issuer is empty, there is no audience, or one is empty.
    pub fn new<A: Into<Box<str>>>(
        issuer: impl Into<Box<str>>,
        audiences: impl IntoIterator<Item = A>,
    ) -> Result<Self, InvalidRules> {
        let issuer = issuer.into();
        let audiences: Box<[Box<str>]> = audiences.into_iter().map(Into::into).collect();
        if issuer.is_empty() {
            return Err(InvalidRules::NoIssuer);
        }
        if audiences.is_empty() || audiences.iter().any(|audience| audience.is_empty()) {
            return Err(InvalidRules::NoAudience);
        }
        let seed = RandomState::new();
        Ok(Self { issuer, audiences, leeway: 0, roles_claim: "roles".into(), seed })
    }

    /// Allows for clocks that differ by this much, in whole seconds.
    ///
    /// # Errors
    /// When it is more than [`MAX_LEEWAY`].
    pub fn with_leeway(mut self, leeway: Duration) -> Result<Self, InvalidRules> {
        if leeway > MAX_LEEWAY {
            return Err(InvalidRules::Leeway(leeway));
        }
        self.leeway = leeway.as_secs();
        Ok(self)
    }

    /// Takes the roles from this claim: a list of texts, or one text with spaces between the roles as in `scope` (RFC 8693, section 4.2).
    #[must_use]
    pub fn with_roles_claim(mut self, name: impl Into<Box<str>>) -> Self {
        self.roles_claim = name.into();
        self
    }

    /// Who the claims are about, and until which second they hold.
    pub(super) fn check(&self, claims: &Object, now: u64) -> Result<(Identity, u64), Rejection> {
        let expires_at = date(claims, "exp")?.ok_or(Rejection::Claim("exp"))?;
        let valid_until = expires_at + self.leeway;
        if now >= valid_until {
            return Err(Rejection::Expired);
        }
        if date(claims, "nbf")?.is_some_and(|from| from > now + self.leeway) {
            return Err(Rejection::NotYetValid);
        }
        if text(claims, "iss")? != &*self.issuer {
            return Err(Rejection::Issuer);
        }
        let audiences = texts(claims.get("aud"), "aud", |one| vec![one])?;
        if !audiences.iter().any(|named| self.audiences.iter().any(|own| **own == **named)) {
            return Err(Rejection::Audience);
        }
        let subject = text(claims, "sub")?;
        let roles = self.roles(claims)?;
        let key = self.seed.hash_one(("identity", &self.issuer, subject));
        Ok((Identity::new(subject, &self.issuer, roles, expires_at, key), valid_until))
    }

    fn roles(&self, claims: &Object) -> Result<Box<[Box<str>]>, Rejection> {
        let Some(claim) = claims.get(&self.roles_claim) else { return Ok(Box::default()) };
        let roles = texts(Some(claim), "roles", |one| one.split_ascii_whitespace().collect())?;
        Ok(roles.into_iter().map(Into::into).collect())
    }
}

/// A NumericDate (RFC 7519, section 2), in whole seconds.
fn date(claims: &Object, name: &'static str) -> Result<Option<u64>, Rejection> {
    let Some(claim) = claims.get(name) else { return Ok(None) };
    let number = claim.as_u64().or_else(|| {
        let seconds = claim.as_f64().filter(|seconds| *seconds >= 0.0)?;
        // A float that is too large becomes the largest integer, which is no date either.
        Some(seconds as u64)
    });
    match number {
        Some(seconds) if seconds <= MAX_DATE => Ok(Some(seconds)),
        _ => Err(Rejection::Claim(name)),
    }
}

fn text<'a>(claims: &'a Object, name: &'static str) -> Result<&'a str, Rejection> {
    let text = claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or(Rejection::Claim(name))
}

/// A claim that is a list of texts, or one text, of which `one` makes a list.
fn texts<'a>(
    claim: Option<&'a Value>,
    name: &'static str,
    one: impl FnOnce(&'a str) -> Vec<&'a str>,
) -> Result<Vec<&'a str>, Rejection> {
    let list = match claim {
        Some(Value::String(text)) => Some(one(text)),
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
        _ => None,
    };
    list.ok_or(Rejection::Claim(name))
}

/// Why rules cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRules {
    /// There is no issuer.
    #[error("the issuer of tokens is empty")]
    NoIssuer,
    /// There is no audience, or an empty one.
    #[error("tokens need at least one audience, and none may be empty")]
    NoAudience,
    /// The leeway is too large.
    #[error("a leeway of {0:?} is more than the {MAX_LEEWAY:?} that are allowed")]
    Leeway(Duration),
}
