//! The stream of Dump: takes a page at a time from the store, when the client has room for more.
//!
//! There is no task and no channel between the store and the connection: a client that reads slowly keeps one page alive and
//! nothing else, and no lock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::time::Instant;
use tonic::Status;
use wayside_chassis::concurrency::Slot;
use wayside_proto::cache::v1::DumpResponse;

use crate::error::Error;
use crate::resume_token;
use crate::store::{Failure, Item, Page, Store};

/// Every entry of an account in the order of the keys.
#[derive(Debug)]
pub(crate) struct Dump {
    store: Store,
    account: Arc<str>,
    page: std::vec::IntoIter<Item>,
    next: Next,
    /// The call is in flight as long as its stream.
    _slot: Option<Slot>,
}

/// Where the next page starts.
enum Next {
    First,
    After(Arc<str>),
    /// It is on its way from a store that is not in this process.
    Coming(Pin<Box<dyn Future<Output = Result<Page, Failure>> + Send>>),
    End,
}

impl Dump {
    /// The entries after a key, or from the first on.
    pub(crate) fn new(store: Store, account: Arc<str>, after: Option<String>) -> Self {
        let next = after.map_or(Next::First, |key| Next::After(key.into()));
        Self { store, account, page: Vec::new().into_iter(), next, _slot: None }
    }

    /// Counts among the calls of its account until it ends.
    pub(crate) fn counted_by(self, slot: Option<Slot>) -> Self {
        Self { _slot: slot, ..self }
    }

    /// The next entry of the page that has not expired meanwhile.
    fn next_item(&mut self, now: Instant) -> Option<DumpResponse> {
        let Item { key, val, expires } =
            self.page.find(|item| item.expires.is_none_or(|expires| expires > now))?;
        Some(DumpResponse {
            key: key.to_string(),
            val,
            resume_token: resume_token::encode(&key),
            ttl: expires.map(|expires| ttl(expires, now)),
        })
    }
}

impl Dump {
    /// The next page. Memory gives it at once, and nothing is allocated for the wait.
    fn poll_page(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<Page, Failure>> {
        let after = match &mut self.next {
            Next::First | Next::End => None,
            Next::After(key) => Some(key.clone()),
            Next::Coming(page) => return page.as_mut().poll(cx),
        };
        match &self.store {
            Store::Memory(store) => {
                Poll::Ready(Ok(store.page(&self.account, after.as_deref(), now)))
            }
            Store::Redis(store) => {
                let (store, account) = (store.clone(), self.account.clone());
                let mut page: Pin<Box<dyn Future<Output = _> + Send>> =
                    Box::pin(async move { store.page(&account, after.as_deref()).await });
                let polled = page.as_mut().poll(cx);
                self.next = Next::Coming(page);
                polled
            }
        }
    }
}

impl Stream for Dump {
    type Item = Result<DumpResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let now = Instant::now();
        if let Some(response) = self.next_item(now) {
            return Poll::Ready(Some(Ok(response)));
        }
        if let Next::End = self.next {
            return Poll::Ready(None);
        }
        let page = ready!(self.poll_page(cx, now));
        match page {
            Ok(Page { items, next }) => {
                self.page = items.into_iter();
                self.next = next.map_or(Next::End, Next::After);
            }
            Err(failure) => {
                self.next = Next::End;
                return Poll::Ready(Some(Err(Error::from(failure).into())));
            }
        }
        match (self.next_item(now), &self.next) {
            (Some(response), _) => Poll::Ready(Some(Ok(response))),
            (None, Next::End) => Poll::Ready(None),
            // A page of nothing but expired entries: there may be very many, and other tasks need the thread too.
            (None, _) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::First => "First",
            Self::After(_) => "After",
            Self::Coming(_) => "Coming",
            Self::End => "End",
        })
    }
}

/// What is left until an entry expires, which is in the future and by less than the longest time to live.
fn ttl(expires: Instant, now: Instant) -> prost_types::Duration {
    let left = expires.saturating_duration_since(now);
    prost_types::Duration {
        seconds: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(left.subsec_nanos()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use tokio::time::{Duration, advance};

    use super::*;
    use crate::store::{MemoryStore, Write};

    fn store_of(entries: &[(&str, usize, Option<u64>)]) -> (Arc<MemoryStore>, Arc<str>) {
        let store = Arc::new(MemoryStore::new(u64::MAX));
        let account = Arc::<str>::from("acc");
        for (key, val_len, ttl) in entries {
            put(&store, &account, key, *val_len, *ttl);
        }
        (store, account)
    }

    fn put(store: &MemoryStore, account: &Arc<str>, key: &str, val_len: usize, ttl: Option<u64>) {
        let now = Instant::now();
        let val = vec![0; val_len];
        let expires = ttl.map(|seconds| now + Duration::from_secs(seconds));
        store.insert(account, u64::MAX, &Write { key, val: &val, expires }, now).unwrap();
    }

    async fn keys(dump: Dump) -> Vec<String> {
        dump.map(|response| response.unwrap().key).collect().await
    }

    #[tokio::test(start_paused = true)]
    async fn entries_that_expire_while_the_reader_is_slow_are_left_out() {
        let (store, account) = store_of(&[("a", 1, Some(5)), ("b", 1, Some(1)), ("c", 1, None)]);
        let mut dump = Dump::new(Store::Memory(store), account, None);
        let first = dump.next().await.unwrap().unwrap();
        assert_eq!(
            (first.key.as_str(), first.ttl),
            ("a", Some(prost_types::Duration { seconds: 5, nanos: 0 }))
        );
        advance(Duration::from_secs(1)).await;
        let rest = dump.map(Result::unwrap).collect::<Vec<_>>().await;
        assert_eq!(
            rest.iter().map(|entry| (entry.key.as_str(), entry.ttl)).collect::<Vec<_>>(),
            [("c", None)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_ttl_is_what_is_left_when_the_entry_is_sent() {
        let (store, account) = store_of(&[("a", 1, None), ("b", 1, Some(5))]);
        let mut dump = Dump::new(Store::Memory(store), account, None);
        dump.next().await.unwrap().unwrap();
        advance(Duration::from_millis(1500)).await;
        let second = dump.next().await.unwrap().unwrap();
        assert_eq!(second.ttl, Some(prost_types::Duration { seconds: 3, nanos: 500_000_000 }));
    }

    #[tokio::test(start_paused = true)]
    async fn pages_of_expired_entries_do_not_end_the_stream() {
        let (store, account) = store_of(&[("z", 1, None)]);
        for number in 0..1000 {
            put(&store, &account, &format!("key {number:04}"), 1, Some(1));
        }
        advance(Duration::from_secs(1)).await;
        assert_eq!(keys(Dump::new(Store::Memory(store), account, None)).await, ["z"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dump_sees_each_lasting_entry_once_whatever_is_written_and_deleted_meanwhile() {
        let (store, account) = store_of(&[]);
        let lasting = (0..500).map(|number| format!("lasting {number:04}")).collect::<Vec<_>>();
        for key in &lasting {
            put(&store, &account, key, 1, None);
        }
        let mut dump = Dump::new(Store::Memory(store.clone()), account.clone(), None);
        let mut seen = Vec::new();
        let mut number = 0;
        while let Some(response) = dump.next().await {
            seen.push(response.unwrap().key);
            number += 1;
            put(&store, &account, &format!("{number}"), 1, None);
            put(&store, &account, &format!("lasting {number:04} and more"), 1, None);
            store.delete(&account, &format!("lasting {number:04} and more"), Instant::now());
        }
        seen.retain(|key| lasting.contains(key));
        assert_eq!(seen, lasting);
    }

    #[tokio::test]
    async fn a_dump_keeps_one_page_of_at_most_64_entries_and_256_kib() {
        for (val_len, most) in [(0, 64), (1024, 64), (64 * 1024, 4), (1024 * 1024, 1)] {
            let (store, account) = store_of(&[]);
            for number in 0..200.min(100 * most) {
                put(&store, &account, &format!("{number:03}"), val_len, None);
            }
            let mut dump = Dump::new(Store::Memory(store), account, None);
            let mut largest = 0;
            while dump.next().await.is_some() {
                largest = largest.max(1 + dump.page.len());
            }
            assert_eq!(largest, most, "values of {val_len} bytes");
        }
    }
}
