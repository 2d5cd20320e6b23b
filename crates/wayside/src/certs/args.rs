//! What `wayside certs` can be told.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct CertsArgs {
    /// Where the files go. A CA that is there already issues the new certificates, so that whoever trusts it trusts them.
    #[arg(long, env = "CERTS_DIR", default_value = "certs", value_name = "DIRECTORY")]
    pub(crate) certs_dir: PathBuf,

    /// A further name or IP address that every server is called by, besides its own name, localhost, 127.0.0.1 and ::1.
    #[arg(long, env = "CERTS_HOST", value_delimiter = ',', value_name = "NAME")]
    pub(crate) certs_host: Vec<String>,

    /// How many days the certificates are valid; the CA lives ten years.
    #[arg(long, env = "CERTS_DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=825), value_name = "DAYS")]
    pub(crate) certs_days: u32,
}
