//! Every interceptor switched on: a key to check tokens with, a token that is good, and limits that are counted and never reached.

use anyhow::Result;
use tempfile::TempDir;
use wayside_chassis::auth::{Claims, SigningKey, mint};
use wayside_chassis::jwt::{DEFAULT_AUDIENCE, DEFAULT_ISSUER};

/// More calls a second than any server here answers.
const QUOTA: &str = "10000000:10000000";

/// What a server with everything on is started with, and what its callers send.
#[derive(Debug)]
pub(super) struct Everything {
    /// The options of the server.
    pub(super) options: Vec<String>,
    /// The metadata of every call.
    pub(super) metadata: Vec<(String, String)>,
    /// Where the key is, as long as this lives.
    _keys: TempDir,
}

impl Everything {
    pub(super) fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("jwks.json");
        let key = SigningKey::generate()?.with_id("lab");
        std::fs::write(&file, key.public_jwks())?;
        let claims = Claims::new(DEFAULT_ISSUER, "lab", [DEFAULT_AUDIENCE]).roles(["caller"]);
        let token = mint(&key, &claims)?;
        let options = [
            ["--jwt-keys", &file.to_string_lossy()],
            ["--rate-limit", QUOTA],
            ["--caller-rate-limit", QUOTA],
            ["--max-calls", "4096"],
            ["--caller-max-calls", "4096"],
        ];
        Ok(Self {
            options: options.as_flattened().iter().map(ToString::to_string).collect(),
            metadata: vec![("authorization".to_owned(), format!("Bearer {token}"))],
            _keys: directory,
        })
    }
}
