//! A resolver that is told what it finds: for tests, and for whoever has a discovery of one's own and no wish to write a [`Resolver`].

use tokio::sync::watch;
use tonic::Status;

use super::{NextResolution, Resolution, ResolveNow, Resolver};

/// Makes a resolver and what tells it.
///
/// ```
/// use wayside_balance::resolver::{Registry, manual};
///
/// let (resolver, handle) = manual();
/// let mut registry = Registry::default();
/// // A clone for each channel to `fleet:anything`; all of them get the same lists.
/// registry.register("fleet", move |_target, _options| Ok(Box::new(resolver.clone())));
/// handle.push(Vec::new());
/// ```
pub fn manual() -> (ManualResolver, ManualHandle) {
    let (news, told) = watch::channel(None);
    let (wishes, wished) = watch::channel(());
    (ManualResolver { told, wishes }, ManualHandle { news, wished })
}

/// Answers what the [`ManualHandle`] says, from the first time that it says something, also when the handle is gone.
///
/// A clone, made before the resolver is asked, is a resolver for another channel.
#[derive(Clone, Debug)]
pub struct ManualResolver {
    told: watch::Receiver<Option<Result<Resolution, Status>>>,
    wishes: watch::Sender<()>,
}

impl Resolver for ManualResolver {
    fn next<'a>(&'a mut self, resolve_now: &'a ResolveNow) -> NextResolution<'a> {
        Box::pin(async move {
            loop {
                tokio::select! {
                    changed = self.told.changed() => {
                        if changed.is_err() {
                            // Whoever told it is gone: there will be no news.
                            return std::future::pending().await;
                        }
                        if let Some(answer) = self.told.borrow_and_update().clone() {
                            return answer;
                        }
                    }
                    () = resolve_now.wanted() => {
                        self.wishes.send_replace(());
                    }
                }
            }
        })
    }
}

/// Tells [`ManualResolver`]s what they find. Nothing is queued: what a resolver has not yet taken is replaced by what is newer.
#[derive(Debug)]
pub struct ManualHandle {
    news: watch::Sender<Option<Result<Resolution, Status>>>,
    wished: watch::Receiver<()>,
}

impl ManualHandle {
    /// Has every resolver answer this: the whole list, as `Vec<Endpoint>`, or with a service config.
    pub fn push(&self, resolution: impl Into<Resolution>) {
        self.news.send_replace(Some(Ok(resolution.into())));
    }

    /// Has every resolver fail, once. What was pushed before stays in use.
    pub fn fail(&self, status: Status) {
        self.news.send_replace(Some(Err(status)));
    }

    /// Waits until a channel wants a new list, because it has lost a connection or could not make one. Wishes that come while nobody waits are kept,
    /// as one. Waits for ever when every resolver is gone.
    pub async fn wanted(&mut self) {
        if self.wished.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::resolver::testing::endpoints;

    #[tokio::test(start_paused = true)]
    async fn what_is_pushed_is_answered_once_and_the_newest_only() {
        let (mut resolver, handle) = manual();
        let resolve_now = ResolveNow::default();
        assert!(resolver.next(&resolve_now).now_or_never().is_none(), "nothing was said yet");
        handle.push(endpoints([1]));
        handle.push(endpoints([2, 3]));
        assert_eq!(resolver.next(&resolve_now).await.unwrap().endpoints, endpoints([2, 3]));
        assert!(resolver.next(&resolve_now).now_or_never().is_none(), "there is no news");
        handle.fail(Status::unavailable("no list"));
        assert_eq!(resolver.next(&resolve_now).await.unwrap_err().message(), "no list");
        assert!(resolver.next(&resolve_now).now_or_never().is_none(), "it fails once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clone_gets_what_was_pushed_also_when_the_handle_is_gone() {
        let (resolver, handle) = manual();
        handle.push(endpoints([1]));
        drop(handle);
        let resolve_now = ResolveNow::default();
        for mut one in [resolver.clone(), resolver] {
            assert_eq!(one.next(&resolve_now).await.unwrap().endpoints, endpoints([1]));
            assert!(one.next(&resolve_now).now_or_never().is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_handle_hears_when_a_channel_wants_a_list() {
        let (mut resolver, mut handle) = manual();
        let resolve_now = ResolveNow::default();
        assert!(handle.wanted().now_or_never().is_none());
        resolve_now.want();
        resolve_now.want();
        assert!(resolver.next(&resolve_now).now_or_never().is_none());
        assert!(handle.wanted().now_or_never().is_some());
        assert!(handle.wanted().now_or_never().is_none(), "wishes are kept as one");
    }
}
