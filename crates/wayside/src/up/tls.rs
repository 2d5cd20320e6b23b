//! `wayside up --tls`: which certificate is whose.

use std::path::Path;

use anyhow::Result;
use wayside_chassis::{ProcessArgs, TlsArgs};

use super::UpArgs;
use crate::certs::{CertsArgs, NAMES, issue};

/// Makes the certificates of `--tls` where there are none.
pub(crate) fn make_certificates(args: &UpArgs) -> Result<()> {
    let there = |name: &str| args.tls_dir.join(format!("{name}.pem")).exists();
    if !args.tls || (there("ca") && NAMES.iter().all(|name| there(name))) {
        return Ok(());
    }
    issue(&CertsArgs { certs_dir: args.tls_dir.clone(), certs_host: Vec::new(), certs_days: 90 })
}

/// The files of one server: its own certificate, and the CA of all the others.
pub(crate) fn encryption(
    process: &ProcessArgs,
    tls: bool,
    directory: &Path,
    name: &str,
) -> TlsArgs {
    if !tls {
        return process.tls.clone();
    }
    let file = |name: String| Some(directory.join(name));
    TlsArgs {
        tls_cert: file(format!("{name}.pem")),
        tls_key: file(format!("{name}-key.pem")),
        tls_client_ca: process.tls.tls_client_ca.clone(),
        tls_ca: file("ca.pem".to_owned()),
    }
}
