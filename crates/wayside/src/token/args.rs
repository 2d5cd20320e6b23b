//! What `wayside token` can be told.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use tokio::time::Duration;
use wayside_chassis::jwt::{DEFAULT_AUDIENCE, DEFAULT_ISSUER};
use wayside_chassis::parse_duration;

/// The longest lifetime: a token cannot be called back, so one that gets into wrong hands should soon be worth nothing.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

const EXAMPLE: &str = r#"Example:
  TOKEN=$(cargo run -q -- token --subject ann --role admin)
  cargo run -- --jwt-keys certs/jwks.json &
  grpcurl -plaintext -H "authorization: Bearer $TOKEN" 127.0.0.1:5052 accounts.v1.AccountsService/ListAccounts"#;

#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = EXAMPLE)]
pub(crate) struct TokenArgs {
    /// Whose token it is, the claim "sub".
    #[arg(long, value_parser = NonEmptyStringValueParser::new(), value_name = "NAME")]
    pub(crate) subject: String,

    /// A role that they have, in the claim "roles"; once for each role.
    #[arg(long = "role", value_parser = NonEmptyStringValueParser::new(), value_name = "ROLE")]
    pub(crate) roles: Vec<String>,

    /// Who says so, the claim "iss".
    #[arg(long, default_value = DEFAULT_ISSUER, value_parser = NonEmptyStringValueParser::new(), value_name = "URL")]
    pub(crate) issuer: String,

    /// Which servers it is for, the claim "aud"; once for each.
    #[arg(long = "audience", default_value = DEFAULT_AUDIENCE, value_parser = NonEmptyStringValueParser::new(), value_name = "NAME")]
    pub(crate) audiences: Vec<String>,

    /// How long it is valid: 1s to 24h.
    #[arg(long, default_value = "1h", value_parser = parse_lifetime, value_name = "DURATION")]
    pub(crate) lifetime: Duration,

    /// The private key that signs it (Ed25519, PKCS#8 in PEM), readable by its owner alone. Made if it is missing.
    #[arg(long, default_value = "certs/jwt-key.pem", value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Where the public key goes, as a JWK Set, which servers are told of by --jwt-keys. Default: jwks.json beside the private key.
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
}

impl TokenArgs {
    /// Where the public key goes.
    pub(crate) fn jwks(&self) -> PathBuf {
        self.jwks.clone().unwrap_or_else(|| self.key.with_file_name("jwks.json"))
    }
}

fn parse_lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = parse_duration(text)?;
    // The claims of a token are in whole seconds.
    let whole = Duration::from_secs(lifetime.as_secs());
    let allowed = Duration::from_secs(1)..=MAX_LIFETIME;
    if whole == lifetime && allowed.contains(&lifetime) {
        return Ok(lifetime);
    }
    Err("a token is valid for 1s to 24h, in whole seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_number_of_seconds_up_to_a_day() {
        for text in ["1s", "90s", "1.5h", "24h"] {
            assert!(parse_lifetime(text).is_ok(), "{text}");
        }
        for text in ["0s", "999ms", "1.5s", "24.1h", "3600"] {
            assert!(parse_lifetime(text).is_err(), "{text}");
        }
    }
}
