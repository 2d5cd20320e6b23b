//! The address of a Unix domain socket.

#[cfg(unix)]
use std::os::unix::net::SocketAddr;

use super::TargetError;
use super::uri::Uri;
use crate::Address;

/// Takes the path of `unix:path` or `unix:///path`, or the name of `unix-abstract:name`. It is checked here, as connecting would only say that it failed.
#[cfg(unix)]
pub(super) fn address(uri: &Uri<'_>) -> Result<Address, TargetError> {
    uri.no_authority()?;
    if uri.path.is_empty() {
        return Err(uri.invalid("", "is not the path of a Unix domain socket"));
    }
    if uri.scheme == "unix-abstract" {
        return abstract_address(uri);
    }
    match SocketAddr::from_pathname(&uri.path) {
        Ok(_) => Ok(Address::Unix(uri.path.clone().into())),
        Err(error) => Err(unusable(uri, &error)),
    }
}

#[cfg(not(unix))]
pub(super) fn address(uri: &Uri<'_>) -> Result<Address, TargetError> {
    Err(uri.invalid(&uri.scheme, "is a scheme that only Unix systems have"))
}

/// The kernel tells such a name from a path by a null byte in front of it; so does [`Address::Unix`].
#[cfg(target_os = "linux")]
fn abstract_address(uri: &Uri<'_>) -> Result<Address, TargetError> {
    use std::os::linux::net::SocketAddrExt;

    match SocketAddr::from_abstract_name(&uri.path) {
        Ok(_) if uri.path.contains('\0') => Err(uri.invalid(&uri.path, "has a null byte")),
        Ok(_) => Ok(Address::Unix(format!("\0{}", uri.path).into())),
        Err(error) => Err(unusable(uri, &error)),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn abstract_address(uri: &Uri<'_>) -> Result<Address, TargetError> {
    Err(uri.invalid(&uri.scheme, "is a scheme that only Linux has"))
}

#[cfg(unix)]
fn unusable(uri: &Uri<'_>, error: &std::io::Error) -> TargetError {
    uri.invalid(&uri.path, format!("cannot be a Unix domain socket: {error}"))
}
