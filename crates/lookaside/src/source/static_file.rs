//! Endpoints from a JSON file, which is read again when it changes.
//!
//! ```json
//! {"default/greet:50051": ["10.0.0.1:50051", {"address": "10.0.0.2:50051", "weight": 2, "zone": "a", "hostname": "greet"}]}
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use http::uri::Authority;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Duration, interval};
use wayside_balance::resolver::{NextResolution, NoSuchName};
use wayside_balance::{Endpoint, ResolveNow, Resolver, Target};
use wayside_chassis::{Setup, StartError};

use crate::Key;

/// How often the file is looked at. It is read only when its time or length is another.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The longest file that is read: 10,000 endpoints need about one MiB.
const MAX_BYTES: u64 = 16 << 20;

type Table = BTreeMap<Key, Vec<Endpoint>>;

/// A file that is being watched.
#[derive(Clone, Debug)]
pub(crate) struct StaticFile(watch::Receiver<Arc<Table>>);

/// Why a file has no endpoints.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot be read")]
    Read(#[from] std::io::Error),
    #[error("has more than {MAX_BYTES} bytes")]
    TooLong,
    #[error("is not a JSON object of lists of endpoints")]
    Json(#[from] serde_json::Error),
    #[error("has an entry '{0}' that is no service")]
    Key(String, #[source] crate::KeyError),
    #[error("has an endpoint '{0}' that is not host:port")]
    Address(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Address(String),
    Full {
        address: String,
        #[serde(default = "one")]
        weight: u32,
        #[serde(default)]
        zone: Option<String>,
        #[serde(default)]
        hostname: Option<String>,
    },
}

fn one() -> u32 {
    1
}

impl StaticFile {
    /// Reads the file, and again whenever it changes, for as long as the server runs. One that cannot be read later leaves what was read.
    ///
    /// # Errors
    /// When it cannot be used now.
    pub(crate) async fn open(path: &Path, setup: &Setup) -> Result<Self, StartError> {
        let seen = stamp(path).await;
        let table = read(path).await.map_err(|error| StartError::Setup {
            name: "lookaside".into(),
            reason: format!("--lookaside-source static:{} {}", path.display(), causes(&error)),
        })?;
        let (sender, receiver) = watch::channel(Arc::new(table));
        setup.spawn(follow(path.to_owned(), seen, sender));
        Ok(Self(receiver))
    }

    pub(crate) fn resolver(&self, key: &Key) -> StaticResolver {
        StaticResolver { table: self.0.clone(), key: key.clone(), told: None }
    }
}

async fn follow(path: PathBuf, mut seen: Stamp, sender: watch::Sender<Arc<Table>>) {
    let mut looks = interval(LOOK_INTERVAL);
    loop {
        looks.tick().await;
        let now = stamp(&path).await;
        if now == seen {
            continue;
        }
        seen = now;
        let file = path.display();
        match read(&path).await {
            Ok(table) => {
                tracing::info!(%file, services = table.len(), "read anew");
                sender.send_replace(Arc::new(table));
            }
            Err(error) => {
                let error = causes(&error);
                tracing::warn!(%file, error, "what was read before stays in use");
            }
        }
    }
}

/// What changes when a file does, or is replaced.
type Stamp = Option<(SystemTime, u64)>;

async fn stamp(path: &Path) -> Stamp {
    let metadata = tokio::fs::metadata(path).await.ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

async fn read(path: &Path) -> Result<Table, FileError> {
    if tokio::fs::metadata(path).await?.len() > MAX_BYTES {
        return Err(FileError::TooLong);
    }
    parse(&tokio::fs::read(path).await?)
}

fn parse(bytes: &[u8]) -> Result<Table, FileError> {
    let written: BTreeMap<String, Vec<Written>> = serde_json::from_slice(bytes)?;
    let mut table = Table::new();
    for (text, endpoints) in written {
        let key: Key = text.parse().map_err(|error| FileError::Key(text, error))?;
        let endpoints: Result<_, _> = endpoints.into_iter().map(endpoint).collect();
        table.insert(key, endpoints?);
    }
    Ok(table)
}

fn endpoint(written: Written) -> Result<Endpoint, FileError> {
    let (address, weight, zone, hostname) = match written {
        Written::Address(address) => (address, 1, None, None),
        Written::Full { address, weight, zone, hostname } => (address, weight, zone, hostname),
    };
    let (parsed, authority) =
        parse_address(&address).ok_or_else(|| FileError::Address(address.clone()))?;
    let authority = match hostname {
        Some(name) => name.parse().map_err(|_| FileError::Address(name))?,
        None => authority,
    };
    Ok(Endpoint { weight: weight.max(1), zone, ..Endpoint::new(parsed, authority) })
}

/// `host:port`, by the rules of a target of the scheme `static`.
pub(crate) fn parse_address(text: &str) -> Option<(wayside_balance::Address, Authority)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let target: Target = format!("static:{text}").parse().ok()?;
    let authority = target.authorities().pop().filter(|_| target.authorities().len() == 1)?;
    let address = match text.parse() {
        Ok(address) => wayside_balance::Address::Ip(address),
        Err(_) => wayside_balance::Address::Name(host.to_owned(), port),
    };
    Some((address, authority))
}

fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What the file says of one service.
#[derive(Debug)]
pub(crate) struct StaticResolver {
    table: watch::Receiver<Arc<Table>>,
    key: Key,
    /// `Some(None)`: that the file does not have the service.
    told: Option<Option<Vec<Endpoint>>>,
}

impl Resolver for StaticResolver {
    fn next<'a>(&'a mut self, _: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async move {
            loop {
                let now = self.table.borrow_and_update().get(&self.key).cloned();
                if self.told.as_ref() != Some(&now) {
                    let known = matches!(self.told, Some(Some(_)));
                    self.told = Some(now.clone());
                    return match now {
                        Some(endpoints) => Ok(endpoints.into()),
                        // An entry that was taken out is a decision, and not a slip.
                        None if known => Ok(Vec::new().into()),
                        None => Err(NoSuchName::status("the file does not have it")),
                    };
                }
                if self.table.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn both_forms_of_an_endpoint_are_read() {
        let text = br#"{"default/greet:50051": ["10.0.0.1:50051", "[::1]:2", "greet:3",
            {"address": "10.0.0.2:50051", "weight": 7, "zone": "a", "hostname": "greet-2"}]}"#;
        let table = parse(text).unwrap();
        let list = &table[&"default/greet:50051".parse().unwrap()];
        let shown: Vec<_> = list
            .iter()
            .map(|one| (one.addresses[0].to_string(), one.weight, one.authority.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("10.0.0.1:50051".into(), 1, "10.0.0.1:50051"),
                ("[::1]:2".into(), 1, "[::1]:2"),
                ("greet:3".into(), 1, "greet:3"),
                ("10.0.0.2:50051".into(), 7, "greet-2"),
            ]
        );
        assert_eq!(list[3].zone.as_deref(), Some("a"));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        for (text, part) in [
            ("", "JSON"),
            ("[]", "JSON"),
            (r#"{"greet": []}"#, "'greet'"),
            (r#"{"a/b:1": ["10.0.0.1"]}"#, "'10.0.0.1'"),
            (r#"{"a/b:1": ["10.0.0.1:0"]}"#, "'10.0.0.1:0'"),
            (r#"{"a/b:1": ["a:1,b:2"]}"#, "'a:1,b:2'"),
        ] {
            let error = causes(&parse(text.as_bytes()).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_is_told_again_only_when_its_own_list_changes() {
        let table = |text: &str| Arc::new(parse(text.as_bytes()).unwrap());
        let (sender, receiver) = watch::channel(table("{}"));
        let mut resolver = StaticFile(receiver).resolver(&"default/greet:1".parse().unwrap());
        let now = ResolveNow::default();
        let unknown = resolver.next(&now).await.unwrap_err();
        assert!(NoSuchName::is_cause_of(&unknown));
        sender.send_replace(table(r#"{"default/greet:1": ["10.0.0.1:1"]}"#));
        assert_eq!(resolver.next(&now).await.unwrap().endpoints.len(), 1);
        sender.send_replace(table(r#"{"default/greet:1": ["10.0.0.1:1"], "a/b:1": []}"#));
        assert!(resolver.next(&now).now_or_never().is_none(), "that was another service");
        sender.send_replace(table("{}"));
        assert!(resolver.next(&now).await.unwrap().endpoints.is_empty(), "it was taken out");
    }

    #[tokio::test]
    async fn a_file_that_is_broken_later_leaves_what_was_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("endpoints.json");
        std::fs::write(&path, r#"{"default/greet:1": ["10.0.0.1:1"]}"#).unwrap();
        let setup = Setup::default();
        let file = StaticFile::open(&path, &setup).await.unwrap();
        let mut resolver = file.resolver(&"default/greet:1".parse().unwrap());
        let now = ResolveNow::default();
        assert_eq!(resolver.next(&now).await.unwrap().endpoints.len(), 1);
        std::fs::write(&path, r#"{"default/greet:1": ["#).unwrap();
        let broken = tokio::time::timeout(Duration::from_millis(1500), resolver.next(&now)).await;
        assert!(broken.is_err(), "a broken file was taken");
        std::fs::write(&path, r#"{"default/greet:1": ["10.0.0.1:1", "10.0.0.2:1"]}"#).unwrap();
        let next = tokio::time::timeout(Duration::from_secs(5), resolver.next(&now)).await;
        assert_eq!(next.expect("read anew").unwrap().endpoints.len(), 2);
    }
}
