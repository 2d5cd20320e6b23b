//! Where the admin port is.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use tokio::net::TcpListener;

use crate::{StartError, bind};

/// Where the admin port listens, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// Nowhere: `off`.
    Off,
    /// On an address and port.
    On(SocketAddr),
}

impl FromStr for AdminListen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            _ => text
                .parse()
                .map(Self::On)
                .map_err(|_| "it is 'off', or an IP address and a port such as 127.0.0.1:9100"),
        }
    }
}

impl fmt::Display for AdminListen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => formatter.write_str("off"),
            Self::On(address) => address.fmt(formatter),
        }
    }
}

/// Takes the admin port. One that nobody asked for by name is done without when it is taken: several servers on one machine have the same
/// default, and none of them is to fail for it.
///
/// # Errors
/// When a port that was asked for cannot be had.
pub async fn bind_admin(
    listen: AdminListen,
    is_default: bool,
) -> Result<Option<TcpListener>, StartError> {
    let AdminListen::On(address) = listen else { return Ok(None) };
    if !is_default {
        return bind("the admin port (--admin-listen)", address).await.map(Some);
    }
    let listener = TcpListener::bind(address).await;
    if let Err(error) = &listener {
        tracing::warn!(%address, %error, "no admin port: choose another one with --admin-listen");
    }
    Ok(listener.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_port_is_off_or_an_address() {
        assert_eq!("off".parse(), Ok(AdminListen::Off));
        assert_eq!(
            "127.0.0.1:9100".parse(),
            Ok(AdminListen::On(SocketAddr::from(([127, 0, 0, 1], 9100))))
        );
        assert!("9100".parse::<AdminListen>().is_err());
    }
}
