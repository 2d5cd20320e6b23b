//! Issuing all of them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};

use super::CertsArgs;
use super::authority::Authority;
use super::files::{Readers, replace};

/// Who gets a certificate. `client` is for people and programs that are no server.
pub(crate) const NAMES: [&str; 9] =
    ["greet", "media", "movies", "accounts", "cache", "lookaside", "gateway", "samples", "client"];

/// Writes the files and says how to use them.
pub(crate) fn certs(args: &CertsArgs) -> Result<()> {
    issue(args)?;
    let directory = args.certs_dir.display();
    let text = format!(
        "Certificates for {} are in {directory}, valid for {} days. For development only.

  cargo run -p greet -- --tls-cert {directory}/greet.pem --tls-key {directory}/greet-key.pem
  grpcurl -cacert {directory}/ca.pem -d '{{}}' localhost:50051 greet.v1.GreetService/Greet

`wayside certs` again renews them; servers that run take the new ones by themselves.
",
        NAMES.join(", "),
        args.certs_days
    );
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Writes the files.
pub(crate) fn issue(args: &CertsArgs) -> Result<()> {
    let directory = &args.certs_dir;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let authority = Authority::open(directory)?;
    for name in NAMES {
        let mut hosts: Vec<String> =
            [name, "localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        hosts.extend(args.certs_host.iter().cloned());
        let leaf = authority.issue(name, &hosts, args.certs_days)?;
        replace(&key_of(directory, name), &leaf.key, Readers::Owner)?;
        replace(&directory.join(format!("{name}.pem")), &leaf.certificate, Readers::All)?;
    }
    Ok(())
}

fn key_of(directory: &Path, name: &str) -> std::path::PathBuf {
    directory.join(format!("{name}-key.pem"))
}
