//! The registry as a resolver.

use std::sync::Arc;

use tokio::sync::watch;
use wayside_balance::resolver::{NextResolution, NoSuchName};
use wayside_balance::{ResolveNow, Resolver};

use super::leases::{Leases, News};
use crate::Key;

/// What is registered for one service.
#[derive(Debug)]
pub(crate) struct RegistryResolver {
    leases: Arc<Leases>,
    key: Key,
    news: Option<watch::Receiver<News>>,
    asked: bool,
}

impl RegistryResolver {
    pub(super) fn new(leases: Arc<Leases>, key: Key, news: watch::Receiver<News>) -> Self {
        Self { leases, key, news: Some(news), asked: false }
    }
}

impl Resolver for RegistryResolver {
    fn next<'a>(&'a mut self, _: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async move {
            // `None` only while it is being dropped.
            let Some(news) = &mut self.news else { return std::future::pending().await };
            if self.asked && news.changed().await.is_err() {
                return std::future::pending().await;
            }
            self.asked = true;
            match &*news.borrow_and_update() {
                Some(list) => Ok(Vec::clone(list).into()),
                None => Err(NoSuchName::status("nobody has registered for it")),
            }
        })
    }
}

impl Drop for RegistryResolver {
    fn drop(&mut self) {
        // First the receiver, which counts as somebody who asks.
        self.news = None;
        self.leases.forget(&self.key);
    }
}
