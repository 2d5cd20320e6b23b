use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, TcpListener};

/// A service inside the network that nobody may talk to. It never accepts, so whoever connects waits in its queue.
#[derive(Debug)]
pub(crate) struct Decoy {
    listener: TcpListener,
}

impl Decoy {
    pub(crate) fn new() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), 0).unwrap()
    }

    /// `None` when the machine does not have the address or the port is taken.
    pub(crate) fn at(address: IpAddr, port: u16) -> Option<Self> {
        let listener = TcpListener::bind((address, port)).ok()?;
        listener.set_nonblocking(true).unwrap();
        Some(Self { listener })
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Whether nobody has connected since this was asked last. The system completes a connection before its client knows of it, so
    /// there is nothing to wait for.
    pub(crate) fn is_untouched(&self) -> bool {
        matches!(self.listener.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}
