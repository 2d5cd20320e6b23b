//! Making the token, and saying what to do with it.

use std::io::{Write, stderr, stdout};

use anyhow::{Result, ensure};
use wayside_chassis::App;
use wayside_chassis::auth::{Claims, MAX_TOKEN_BYTES, mint};
use wayside_chassis::jwt::{DEFAULT_AUDIENCE, DEFAULT_ISSUER};

use super::TokenArgs;
use super::key::{publish, signing_key};

/// Prints a token, and nothing else, to standard output, so that a shell can take it; what to do with it goes to standard error.
///
/// # Errors
/// When a file cannot be used, or no server would take the token.
pub(crate) fn token(args: &TokenArgs) -> Result<()> {
    let key = signing_key(&args.key)?;
    publish(&key, &args.jwks())?;
    let claims = Claims::new(&args.issuer, &args.subject, &args.audiences)
        .roles(&args.roles)
        .lifetime(args.lifetime);
    let token = mint(&key, &claims)?;
    ensure!(
        token.len() <= MAX_TOKEN_BYTES,
        "the token would have {} bytes, and servers take at most {MAX_TOKEN_BYTES}: shorten --subject, --role or --audience",
        token.len()
    );
    writeln!(stdout().lock(), "{token}")?;
    Ok(stderr().lock().write_all(explanation(args).as_bytes())?)
}

fn explanation(args: &TokenArgs) -> String {
    let roles = match &*args.roles {
        [] => "no roles".to_owned(),
        [one] => format!("the role {one}"),
        several => format!("the roles {}", several.join(", ")),
    };
    format!(
        r#"A token of {subject} with {roles}, valid for {seconds} s. For development only: whoever has {key} can make such tokens.

With the token in the variable TOKEN:
  grpcurl -plaintext -H "authorization: Bearer $TOKEN" 127.0.0.1:{port} {service}/ListAccounts

Servers take it that were started with
  cargo run -- --jwt-keys {jwks}{rules}
"#,
        subject = args.subject,
        seconds = args.lifetime.as_secs(),
        key = args.key.display(),
        port = accounts::Accounts::PORT,
        service = accounts::Accounts::SERVICES[0],
        jwks = args.jwks().display(),
        rules = rules(args),
    )
}

/// What servers have to be told besides the keys, because the token does not say what they expect by default.
fn rules(args: &TokenArgs) -> String {
    let mut rules = String::new();
    if args.issuer != DEFAULT_ISSUER {
        rules += &format!(" --jwt-issuer {}", args.issuer);
    }
    if !args.audiences.iter().any(|audience| audience == DEFAULT_AUDIENCE) {
        rules += &format!(" --jwt-audience {}", args.audiences[0]);
    }
    rules
}
