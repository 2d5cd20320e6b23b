//! The files of TLS, as options.

use std::path::PathBuf;

use clap::Args;

/// The files of TLS, all of them PEM. They are read again when they change.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct TlsArgs {
    /// The certificate of the server, with the chain up to its CA. Without it calls are not encrypted.
    #[arg(long, env = "TLS_CERT", requires = "tls_key", value_name = "FILE", help_heading = "TLS")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the certificate.
    #[arg(long, env = "TLS_KEY", requires = "tls_cert", value_name = "FILE", help_heading = "TLS")]
    pub tls_key: Option<PathBuf>,

    /// The CA whose clients are let in: a client without a certificate of it is refused (mutual TLS).
    #[arg(
        long,
        env = "TLS_CLIENT_CA",
        requires = "tls_cert",
        value_name = "FILE",
        help_heading = "TLS"
    )]
    pub tls_client_ca: Option<PathBuf>,

    /// The CA that servers are verified with when this one calls them. With it every call goes out over TLS, and shows the certificate of this
    /// server, if it has one, to who asks for it.
    #[arg(long, env = "TLS_CA", value_name = "FILE", help_heading = "TLS")]
    pub tls_ca: Option<PathBuf>,
}
