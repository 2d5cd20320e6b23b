//! The stream of answers to one client.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio::time::{Duration, timeout};
use tonic::{Status, Streaming};

use super::messages::{LoadBalanceRequest, LoadBalanceResponse};
use super::name;
use crate::directory::{Entry, View};
use crate::error::Error;
use crate::service::Balancer;

/// How long a client may take to say which service it means. A client gives up on a balancer without an answer at about the same time.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// What one client is told.
pub(super) type Lists = Pin<Box<dyn Stream<Item = Result<LoadBalanceResponse, Status>> + Send>>;

/// Asked => Watched. Ends with the client's stream.
enum State {
    Asked(Asked),
    Watched(Watched),
}

struct Asked {
    balancer: Balancer,
    requests: Streaming<LoadBalanceRequest>,
}

/// What the client has not taken yet is replaced by what is newer, so a slow one holds nothing up.
struct Watched {
    balancer: Balancer,
    requests: Streaming<LoadBalanceRequest>,
    /// So that the service is followed for as long as this lives.
    _entry: Arc<Entry>,
    views: watch::Receiver<View>,
}

pub(super) fn lists(balancer: Balancer, requests: Streaming<LoadBalanceRequest>) -> Lists {
    let start = State::Asked(Asked { balancer, requests });
    Box::pin(unfold(Some(start), |state| async {
        match state? {
            State::Asked(asked) => Some(match asked.first().await {
                Ok(watched) => (Ok(LoadBalanceResponse::initial()), Some(State::Watched(watched))),
                Err(status) => (Err(status), None),
            }),
            State::Watched(mut watched) => match watched.next().await? {
                Ok(list) => Some((Ok(list), Some(State::Watched(watched)))),
                Err(status) => Some((Err(status), None)),
            },
        }
    }))
}

impl Asked {
    async fn first(mut self) -> Result<Watched, Status> {
        let missing = || {
            Error::Field("initial_request", "has to be the first message, within 10 s".to_owned())
        };
        let first = tokio::select! {
            biased;
            () = self.balancer.draining.cancelled() => return Err(Error::Stopping.into()),
            first = timeout(FIRST_MESSAGE, self.requests.message()) => first.map_err(|_| missing())?,
        };
        let initial = first?.and_then(|first| first.initial_request).ok_or_else(missing)?;
        let key = name::key(&initial.name, self.balancer.default_port)?;
        let entry = self.balancer.directory.entry(key)?;
        let views = entry.watch();
        Ok(Watched { balancer: self.balancer, requests: self.requests, _entry: entry, views })
    }
}

impl Watched {
    /// The next list; `None` when the client has ended its stream.
    async fn next(&mut self) -> Option<Result<LoadBalanceResponse, Status>> {
        loop {
            tokio::select! {
                biased;
                () = self.balancer.draining.cancelled() => return Some(Err(Error::Stopping.into())),
                request = self.requests.message() => match request {
                    // Statistics, though none were asked for.
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return None,
                },
                changed = self.views.changed() => {
                    if changed.is_err() {
                        return Some(Err(Error::Stopping.into()));
                    }
                    match &*self.views.borrow_and_update() {
                        View::Pending => {}
                        View::List(list) => return Some(Ok(LoadBalanceResponse::list(list.endpoints()))),
                        View::Nothing(nothing) if nothing.unknown => {
                            return Some(Ok(LoadBalanceResponse::fallback()));
                        }
                        View::Nothing(_) => return Some(Ok(LoadBalanceResponse::list(&[]))),
                    }
                }
            }
        }
    }
}
