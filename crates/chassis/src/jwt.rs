//! Which tokens are good, as options.

use std::sync::Arc;

use clap::Args;
use tokio::time::Duration;
use wayside_interceptors::auth::{
    AuthLayer, FetchError, HttpsJwks, InvalidPolicy, InvalidRules, InvalidUrl, KeyFile, KeyStore,
    PolicyBuilder, TokenRules, Verifier,
};
use wayside_interceptors::selector::{HEALTH, REFLECTION, REFLECTION_V1ALPHA};

use crate::needs::Auth;
use crate::{StartError, parse_duration};

/// Who signs tokens unless told otherwise: `wayside token`, on a development machine.
pub const DEFAULT_ISSUER: &str = "https://wayside.localhost";
/// Whom tokens are for unless told otherwise.
pub const DEFAULT_AUDIENCE: &str = "wayside";

/// Which JWTs are good.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct JwtArgs {
    /// The public keys of the issuer, a JWK Set: a file, or an https URL. Both are read again when a token has a key that is not known yet. Without keys,
    /// servers that can tell callers by token do not. `wayside token` makes keys and tokens for development.
    #[arg(long, env = "JWT_KEYS", value_name = "FILE|URL", help_heading = "Tokens")]
    pub jwt_keys: Option<String>,

    /// Who has to have signed a token: its claim iss.
    #[arg(long, env = "JWT_ISSUER", default_value = DEFAULT_ISSUER, value_name = "ISSUER", help_heading = "Tokens")]
    pub jwt_issuer: String,

    /// Whom a token has to be for: one of these in its claim aud.
    #[arg(long, env = "JWT_AUDIENCE", default_value = DEFAULT_AUDIENCE, value_delimiter = ',', value_name = "AUDIENCE", help_heading = "Tokens")]
    pub jwt_audience: Vec<String>,

    /// By how much the clocks of issuer and server may differ, at most 30s.
    #[arg(long, env = "JWT_LEEWAY", default_value = "0s", value_parser = parse_duration, value_name = "DURATION", help_heading = "Tokens")]
    pub jwt_leeway: Duration,
}

/// Why tokens cannot be checked.
#[derive(Debug, thiserror::Error)]
enum JwtError {
    #[error("it lets in callers by token only, so it needs keys: --jwt-keys")]
    NoKeys,
    #[error("--jwt-keys {0} cannot be used")]
    Url(String, #[source] InvalidUrl),
    #[error("--jwt-keys {0} cannot be used")]
    Keys(String, #[source] FetchError),
    #[error("--jwt-issuer, --jwt-audience and --jwt-leeway make no rules")]
    Rules(#[source] InvalidRules),
    #[error("its policy cannot be used")]
    Policy(#[from] InvalidPolicy),
}

impl JwtArgs {
    /// The layer that a server asks for.
    pub(crate) async fn layer(&self, name: &str, wanted: Auth) -> Result<AuthLayer, StartError> {
        let layer = match (wanted, &self.jwt_keys) {
            (Auth::Off, _) | (Auth::WithKeys(_), None) => Ok(AuthLayer::off()),
            (Auth::Required(_), None) => Err(JwtError::NoKeys),
            (Auth::WithKeys(policy) | Auth::Required(policy), Some(keys)) => {
                self.guard(keys, policy).await
            }
        };
        layer.map_err(|error| StartError::setup(name, &error))
    }

    async fn guard(&self, keys: &str, policy: PolicyBuilder) -> Result<AuthLayer, JwtError> {
        let policy = [HEALTH, REFLECTION, REFLECTION_V1ALPHA]
            .into_iter()
            .fold(policy, PolicyBuilder::public)
            .build()?;
        let rules = TokenRules::new(self.jwt_issuer.as_str(), self.jwt_audience.iter().cloned());
        let rules =
            rules.and_then(|rules| rules.with_leeway(self.jwt_leeway)).map_err(JwtError::Rules)?;
        let store = if keys.contains("://") {
            let url =
                HttpsJwks::new(keys).map_err(|error| JwtError::Url(keys.to_owned(), error))?;
            KeyStore::load(url).await
        } else {
            KeyStore::load(KeyFile::new(keys)).await
        };
        let store = store.map_err(|error| JwtError::Keys(keys.to_owned(), error))?;
        Ok(AuthLayer::new(Arc::new(Verifier::new(store, rules)), policy))
    }
}
