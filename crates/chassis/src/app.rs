//! What a server has to say of itself.

use std::future::Future;

use tonic::service::Routes;
pub use wayside_interceptors::path_alias::PathAlias;

use crate::{Needs, Setup, StartError};

/// A server: what it is called, what it can be told, and what it serves.
pub trait App: 'static {
    /// Its name, in lower case: that of its binary and of its log lines.
    const NAME: &'static str;
    /// What it is for, in one sentence: the head of `--help`.
    const ABOUT: &'static str;
    /// The port it listens on unless told otherwise.
    const PORT: u16;
    /// The port of `/livez` and `/readyz` unless told otherwise, where the server has a process of its own.
    const ADMIN_PORT: u16 = 9100;
    /// The full names of its gRPC services, for health checks and reflection. Empty: it speaks HTTP only, and has neither.
    const SERVICES: &'static [&'static str];
    /// The encoded descriptor set that reflection answers from.
    const DESCRIPTOR_SET: &'static [u8] = &[];
    /// How many calls a connection may have in flight.
    const MAX_CONCURRENT_STREAMS: u32 = 100;
    /// Paths of older packages that its services answer too.
    const ALIASES: &'static [PathAlias] = &[];

    /// Its options. Field names begin with the server's name, and the derive needs `#[group(skip)]`: in `wayside up` the options of
    /// every server share one command line.
    type Args: clap::Args + Clone + std::fmt::Debug + Send + Sync + 'static;

    /// What it asks of the interceptors around it: who may call what, for how long, with which metadata. Default: nothing.
    fn needs(_args: &Self::Args) -> Needs {
        Needs::default()
    }

    /// Sets the server up and gives what it serves. No port is used yet. Work that goes on in the background is given to `setup`.
    ///
    /// # Errors
    /// When an option cannot be used, or something that the server needs from the start cannot be had.
    fn routes(
        args: Self::Args,
        setup: &Setup,
    ) -> impl Future<Output = Result<Routes, StartError>> + Send;
}
