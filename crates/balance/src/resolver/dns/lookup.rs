//! One look-up of a name: A, AAAA and, if wanted, TXT, all together.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;

use futures_util::future::try_join;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::time::{Instant, timeout};
use tonic::Status;

use super::LOOKUP_TIMEOUT;
use super::source::Source;
use crate::resolver::NoSuchName;

/// What there is to know of a name.
#[derive(Debug)]
pub(super) struct Found {
    /// At least one; the same one may be there twice.
    pub(super) addresses: Vec<IpAddr>,
    /// When the first of the records expires; `None` if nothing says so.
    pub(super) valid_until: Option<Instant>,
    /// The TXT records of its service config, in a stable order, each with its strings joined; none if there are none. `None` when nobody asked, or got
    /// an answer: they are what they were.
    pub(super) config_records: Option<Vec<String>>,
}

pub(super) type LookingUp<'a> = Pin<Box<dyn Future<Output = Result<Found, Status>> + Send + 'a>>;

/// Looks one name up. It is a trait so that time can be tested without name servers.
pub(super) trait Lookup: Send + Sync + fmt::Debug {
    /// Asks anew: nothing is answered from a cache, as the name servers have one, with a TTL that counts down.
    fn lookup(&self) -> LookingUp<'_>;
}

/// Asks name servers over DNS.
///
/// Not the system's `getaddrinfo`: that cannot be cancelled, knows no TTL, and does not tell "no such name" from "no answer".
#[derive(Debug)]
pub(super) struct NameServers {
    name: Name,
    config_name: Option<Name>,
    source: Source,
}

/// Where the service config of a name is. Source: gRFC A2.
const CONFIG_PREFIX: &str = "_grpc_config.";

impl NameServers {
    /// `None` when the name is too long.
    pub(super) fn new(name: &str, source: Source, with_config: bool) -> Option<Self> {
        let config_name = with_config.then(|| Name::from_ascii(format!("{CONFIG_PREFIX}{name}")));
        let config_name = config_name.transpose().ok()?;
        Some(Self { name: Name::from_ascii(name).ok()?, config_name, source })
    }

    async fn found(&self) -> Result<Found, Status> {
        let opened = self.source.open().await?;
        let in_hosts = opened.in_hosts(&self.name);
        let resolver = match opened.resolver {
            Ok(resolver) => Some(resolver),
            Err(_) if !in_hosts.is_empty() => None,
            Err(error) => return Err(self.failure(&format!("{NO_CONFIGURATION}: {error}"))),
        };
        let addresses = async {
            match &resolver {
                Some(resolver) if in_hosts.is_empty() => self.addresses(resolver).await,
                _ => Ok((in_hosts, None)),
            }
        };
        let config = async { Ok(self.config(resolver.as_ref()).await) };
        let ((addresses, valid), (config_records, config_valid)) =
            try_join(addresses, config).await?;
        let valid_until = [valid, config_valid].into_iter().flatten().min();
        Ok(Found { addresses, valid_until, config_records })
    }

    async fn addresses(
        &self,
        resolver: &TokioResolver,
    ) -> Result<(Vec<IpAddr>, Option<Instant>), Status> {
        let found = resolver.lookup_ip(self.name.clone()).await;
        let found = found.map_err(|error| match self.failure(&reason(&error)) {
            failure if error.is_nx_domain() => NoSuchName::status(failure.message()),
            failure => failure,
        })?;
        let addresses: Vec<_> = found.iter().collect();
        if addresses.is_empty() {
            return Err(self.failure(NO_ADDRESS));
        }
        Ok((addresses, Some(Instant::from_std(found.valid_until()))))
    }

    /// A service config that cannot be asked for fails nothing: the addresses are what calls need. It may take half the time that they may, so that it
    /// never takes the time away in which they are found.
    async fn config(
        &self,
        resolver: Option<&TokioResolver>,
    ) -> (Option<Vec<String>>, Option<Instant>) {
        let (Some(resolver), Some(name)) = (resolver, &self.config_name) else {
            return (None, None);
        };
        let answer = timeout(LOOKUP_TIMEOUT / 2, resolver.txt_lookup(name.clone())).await;
        let found = match answer {
            Ok(Ok(found)) => found,
            Ok(Err(error)) if error.is_no_records_found() => return (Some(Vec::new()), None),
            Ok(Err(_)) | Err(_) => return (None, None),
        };
        let text = |record: &Record| match &record.data {
            // What is not UTF-8 is not JSON either, which whoever reads it will say.
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        };
        let mut records: Vec<_> = found.answers().iter().filter_map(text).collect();
        // Name servers turn the order with every answer.
        records.sort();
        (Some(records), Some(Instant::from_std(found.valid_until())))
    }

    fn failure(&self, reason: &str) -> Status {
        Status::unavailable(format!("'{}' cannot be looked up: {reason}", self.name))
    }
}

impl Lookup for NameServers {
    fn lookup(&self) -> LookingUp<'_> {
        Box::pin(self.found())
    }
}

const NO_CONFIGURATION: &str = "the system's DNS configuration (/etc/resolv.conf) cannot be used";
const NO_ADDRESS: &str = "the name has no address";

fn reason(error: &NetError) -> String {
    match error {
        error if error.is_nx_domain() => "there is no such name".into(),
        error if error.is_no_records_found() => NO_ADDRESS.into(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the name server says: {code}"),
        NetError::Timeout => "no name server answers".into(),
        error => error.to_string(),
    }
}
