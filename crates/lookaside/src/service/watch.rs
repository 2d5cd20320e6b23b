//! Whole lists, whenever they change.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use wayside_proto::lookaside::v1::{WatchEndpointsRequest, WatchEndpointsResponse};

use super::Balancer;
use crate::directory::{Entry, View};
use crate::error::Error;

/// The lists of one service.
pub(crate) type Lists = Pin<Box<dyn Stream<Item = Result<WatchEndpointsResponse, Status>> + Send>>;

impl Balancer {
    pub(super) fn lists(&self, request: WatchEndpointsRequest) -> Result<Lists, Error> {
        let key = self.key(request.namespace, request.service, request.port)?;
        let entry = self.directory.entry(key)?;
        let views = entry.watch();
        let start = Watching { _entry: entry, views, draining: self.draining.clone() };
        Ok(Box::pin(unfold(Some(start), |watching| async { watching?.next().await })))
    }
}

/// One client that watches. What it has not taken yet is replaced by what is newer, so a slow one holds nothing up.
struct Watching {
    /// So that the service is followed for as long as this lives.
    _entry: Arc<Entry>,
    views: watch::Receiver<View>,
    draining: CancellationToken,
}

type Told = Result<WatchEndpointsResponse, Status>;

impl Watching {
    /// Waits for the next list; the last item leaves nobody to ask for more.
    async fn next(mut self) -> Option<(Told, Option<Self>)> {
        loop {
            let stopping = tokio::select! {
                biased;
                () = self.draining.cancelled() => true,
                changed = self.views.changed() => changed.is_err(),
            };
            if stopping {
                return Some((Err(Error::Stopping.into()), None));
            }
            let message = match &*self.views.borrow_and_update() {
                View::Pending => continue,
                View::List(list) => list.message().clone(),
                View::Nothing(nothing) => {
                    WatchEndpointsResponse { endpoints: Vec::new(), reason: nothing.reason.clone() }
                }
            };
            return Some((Ok(message), Some(self)));
        }
    }
}
