//! How this process calls other servers, as options.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::time::Duration;
use tonic::Status;
use wayside_interceptors::client::auth::{AuthLayer, Token};
use wayside_interceptors::client::circuit_breaker::{CircuitBreaker, CircuitBreakerConfig};
use wayside_interceptors::client::retry::RetryBudget;

use crate::StartError;

/// How long a token from a file is used before the file is read again: whoever renews it has about a minute before the old one expires.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// How far back a budget looks. Source: tower and Finagle.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
/// What a budget allows beside its share, so that a client with few calls can retry at all. Source: linkerd, which Finagle's 10 suits less where servers are small.
const BUDGET_MIN_PER_SECOND: u32 = 1;
/// The longest file that is taken for a token.
const MAX_TOKEN_FILE_BYTES: u64 = 8 * 1024;

/// How this process calls other servers. Timeouts, retries and hedging are those of the target's service config.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct CallArgs {
    /// A file with the token that is sent with every call to another server, as "authorization: Bearer"; it is read again every minute. Needs --tls-ca: a token is
    /// not sent over connections that are not encrypted.
    #[arg(
        long,
        env = "CALL_TOKEN_FILE",
        requires = "tls_ca",
        value_name = "FILE",
        help_heading = "Calls to other servers"
    )]
    pub call_token_file: Option<PathBuf>,

    /// After how many failed calls in a row a target is left alone, for a second at first and then for longer; 0: never.
    #[arg(
        long,
        env = "CALL_CIRCUIT_BREAKER",
        default_value_t = 0,
        value_name = "FAILURES",
        help_heading = "Calls to other servers"
    )]
    pub call_circuit_breaker: u32,

    /// How many retries and hedges there may be for each call, over all methods of a target, such as 0.1; without it only the throttle of the service config bounds them.
    #[arg(long, env = "CALL_RETRY_BUDGET", value_parser = parse_ratio, value_name = "RATIO", help_heading = "Calls to other servers")]
    pub call_retry_budget: Option<f32>,
}

fn parse_ratio(text: &str) -> Result<f32, String> {
    let ratio: f32 = text.parse().map_err(|_| "a ratio is a number such as 0.1".to_owned())?;
    // The bounds are those of the budget itself.
    RetryBudget::try_new(BUDGET_WINDOW, BUDGET_MIN_PER_SECOND, ratio)
        .map(|_| ratio)
        .map_err(|error| error.to_string())
}

impl CallArgs {
    /// The breaker of one target; one that never opens, unless it is asked for.
    pub(crate) fn breaker(&self, target: &str) -> CircuitBreaker {
        let config =
            CircuitBreakerConfig::default().consecutive_failures(self.call_circuit_breaker);
        CircuitBreaker::new(target, config)
    }

    /// The budget of one target.
    pub(crate) fn budget(&self) -> Option<Arc<RetryBudget>> {
        let ratio = self.call_retry_budget?;
        RetryBudget::try_new(BUDGET_WINDOW, BUDGET_MIN_PER_SECOND, ratio).ok().map(Arc::new)
    }

    /// Reads the token once, so that a process whose calls would all be refused does not start.
    pub(crate) async fn check(&self, name: &str) -> Result<(), StartError> {
        let Some(path) = &self.call_token_file else { return Ok(()) };
        read(path).await.map(drop).map_err(|status| StartError::Setup {
            name: name.to_owned(),
            reason: format!("--call-token-file {}: {}", path.display(), status.message()),
        })
    }

    /// The layer that puts the token on each call.
    pub(crate) fn token(&self) -> Option<AuthLayer> {
        let path = self.call_token_file.clone()?;
        let source = move || {
            let path = path.clone();
            async move { read(&path).await }
        };
        // The option requires a CA, with which every call goes out over TLS.
        Some(AuthLayer::new(source).encrypted())
    }
}

async fn read(path: &std::path::Path) -> Result<Token, Status> {
    let unreadable =
        |error: std::io::Error| Status::unavailable(format!("cannot read it: {error}"));
    let length = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
    if length > MAX_TOKEN_FILE_BYTES {
        return Err(Status::unavailable("it is longer than 8 KiB, so it is no token"));
    }
    let text = tokio::fs::read_to_string(path).await.map_err(unreadable)?;
    Token::new(text.trim(), Some(TOKEN_LIFETIME))
        .map_err(|_| Status::unavailable("it holds no bearer token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_ratio_within_its_bounds() {
        assert_eq!(parse_ratio("0.1"), Ok(0.1));
        for text in ["", "x", "-0.1", "NaN", "1001"] {
            assert!(parse_ratio(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_token_file_that_cannot_be_used_is_named_before_anything_starts() {
        let directory = std::env::temp_dir();
        for (content, complaint) in
            [(None, "cannot read it"), (Some("two words"), "no bearer token")]
        {
            let path = directory.join(format!("wayside-call-token-{}", fastrand::u64(..)));
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let args = CallArgs { call_token_file: Some(path.clone()), ..CallArgs::default() };
            let error = args.check("movies").await.unwrap_err().to_string();
            let _ = std::fs::remove_file(&path);
            assert!(error.contains("--call-token-file") && error.contains(complaint), "{error}");
            assert!(!error.contains("two words"), "{error}");
        }
    }
}
