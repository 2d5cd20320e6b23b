//! The store: which script does what.

use std::sync::Arc;

use bytes::Bytes;
use redis::{AsyncCommands, ConnectionInfo, RedisResult};
use tokio::time::{Duration, Instant};

use super::connection::Connection;
use super::keys::AccountKeys;
use super::scripts::Scripts;
use crate::store::entry::{PAGE_BYTES, PAGE_ENTRIES};
use crate::store::rehearsal::Extent;
use crate::store::{Failure, Item, NotStored, Page, Refused, Rehearsal, Write};

/// The entries of every account, in Redis.
#[derive(Clone, Debug)]
pub(crate) struct RedisStore {
    pub(in crate::store) connection: Connection,
    scripts: Arc<Scripts>,
}

impl RedisStore {
    /// A store in the Redis at an address. It need not be there yet.
    ///
    /// # Errors
    /// When it is there and does not let us in.
    pub(crate) async fn open(address: ConnectionInfo) -> RedisResult<Self> {
        let connection = Connection::open(address).await?;
        Ok(Self { connection, scripts: Arc::new(Scripts::new()) })
    }

    /// Adds an entry or replaces it, as one step: no other call of any replica sees the check without the write, or comes between them.
    /// Only a new key counts against `limit`, the number of keys that the account may have.
    ///
    /// # Errors
    /// When it was refused, nothing was changed. After a failure it may have been stored or not, but never in part.
    pub(crate) async fn insert(
        &self,
        account: &str,
        limit: u64,
        write: &Write<'_>,
        now: Instant,
    ) -> Result<(), NotStored> {
        let keys = AccountKeys::of(account);
        let ttl = write.expires.map(|expires| millis(expires.saturating_duration_since(now)));
        let mut call = self.scripts.insert.prepare_invoke();
        call.key(keys.keys()).key(keys.expiries()).key(keys.value(write.key));
        call.arg(write.key).arg(write.val).arg(limit).arg(ttl.map_or(String::new(), text));
        let stored: bool =
            self.connection.run(async |redis| call.invoke_async(redis).await).await?;
        if stored { Ok(()) } else { Err(Refused::KeyLimit { limit }.into()) }
    }

    /// Says what [`insert`](Self::insert) would after the writes that were tried before, and writes nothing. Whether Redis has the memory is not known before.
    ///
    /// # Errors
    /// As those of `insert`.
    pub(crate) async fn rehearse(
        &self,
        rehearsal: &mut Rehearsal,
        account: &str,
        limit: u64,
        write: &Write<'_>,
        now: Instant,
    ) -> Result<(), NotStored> {
        let keys = AccountKeys::of(account);
        let mut call = self.scripts.look.prepare_invoke();
        call.key(keys.keys()).key(keys.expiries()).arg(write.key);
        let (count, there, left): (usize, bool, i64) =
            self.connection.run(async |redis| call.invoke_async(redis).await).await?;
        // Sizes play no part: the memory is Redis' own affair.
        let stored = there.then(|| Extent { size: 0, expires: after(now, left) });
        rehearsal.expire(now);
        let new = rehearsal.replaced(write.key, stored).is_none();
        let beyond = new && rehearsal.keys_beside(count) >= limit;
        if beyond || rehearsal.is_full(write.key, count) {
            return Err(Refused::KeyLimit { limit }.into());
        }
        rehearsal.note(write.key, stored, Extent { size: 0, expires: write.expires });
        Ok(())
    }

    /// Reads a value.
    pub(crate) async fn get(&self, account: &str, key: &str) -> Result<Option<Bytes>, Failure> {
        let name = AccountKeys::of(account).value(key);
        self.connection.run(async |redis| redis.get(name).await).await
    }

    /// Deletes an entry. False: there was none, or it had expired.
    pub(crate) async fn delete(&self, account: &str, key: &str) -> Result<bool, Failure> {
        let keys = AccountKeys::of(account);
        let mut call = self.scripts.delete.prepare_invoke();
        call.key(keys.keys()).key(keys.expiries()).key(keys.value(key)).arg(key);
        self.connection.run(async |redis| call.invoke_async(redis).await).await
    }

    /// The next few entries of an account in the order of their keys: those after a key, or from the first on.
    ///
    /// The keys are read first and their values after it, so that each script names what it reads, as a cluster asks for. What is deleted between the two
    /// is left out; what stays is there.
    pub(crate) async fn page(
        &self,
        account: &str,
        after_key: Option<&str>,
    ) -> Result<Page, Failure> {
        let names = AccountKeys::of(account);
        let start = after_key.map_or_else(|| "-".to_owned(), |key| format!("({key}"));
        // One more than a page has, to know whether it is the last.
        let count = PAGE_ENTRIES as isize + 1;
        let mut keys: Vec<String> = self
            .connection
            .run(async |redis| redis.zrangebylex_limit(names.keys(), start, "+", 0, count).await)
            .await?;
        let more = keys.len() > PAGE_ENTRIES;
        keys.truncate(PAGE_ENTRIES);
        if keys.is_empty() {
            return Ok(Page::default());
        }
        let mut call = self.scripts.values.prepare_invoke();
        keys.iter().for_each(|key| {
            call.key(names.value(key));
        });
        call.arg(PAGE_BYTES);
        let read: Vec<(Option<Bytes>, i64)> =
            self.connection.run(async |redis| call.invoke_async(redis).await).await?;
        let looked_at = read.len();
        let next = (more || looked_at < keys.len())
            .then(|| keys.get(looked_at.saturating_sub(1)).map(|key| key.as_str().into()))
            .flatten();
        let now = Instant::now();
        let item = |(key, (val, left)): (String, (Option<Bytes>, i64))| {
            Some(Item { key: key.into(), val: val?, expires: after(now, left) })
        };
        Ok(Page { items: keys.into_iter().zip(read).filter_map(item).collect(), next })
    }
}

/// A time to live as Redis takes it; what is less than a millisecond is one.
fn millis(ttl: Duration) -> u128 {
    ttl.as_nanos().div_ceil(1_000_000)
}

fn text(number: u128) -> String {
    number.to_string()
}

/// When something expires that has so many milliseconds left; a negative number is for ever.
fn after(now: Instant, left: i64) -> Option<Instant> {
    u64::try_from(left).ok().map(|left| now + Duration::from_millis(left))
}
