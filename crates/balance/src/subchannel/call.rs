//! A call that was picked for a subchannel, from the pick to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Code;

use super::Subchannel;
use super::connection::Connection;
use super::pool::{Acquired, Waiting};
use crate::orca::LoadReport;
use crate::policy::CallEnd;

/// Whether a call has a place on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Taken,
    /// Every connection has as many calls as the server takes.
    Full,
    /// There is no connection any more; the picker is about to change.
    Gone,
}

/// A call that counts for a subchannel. Dropping it ends it as CANCELLED, unless it has ended otherwise before or was never sent.
#[derive(Debug)]
pub(crate) struct Picked {
    subchannel: Arc<Subchannel>,
    connection: Option<Arc<Connection>>,
    /// Only looked at the clock if a tracker wants to know.
    began: Option<Instant>,
    over: bool,
}

impl Picked {
    pub(crate) fn new(subchannel: &Arc<Subchannel>) -> Self {
        subchannel.calls().add();
        subchannel.counts.started.fetch_add(1, Ordering::Relaxed);
        for tracker in &subchannel.trackers {
            tracker.started();
        }
        let began = (!subchannel.trackers.is_empty()).then(Instant::now);
        Self { subchannel: subchannel.clone(), connection: None, began, over: false }
    }

    pub(crate) fn subchannel(&self) -> &Arc<Subchannel> {
        &self.subchannel
    }

    /// Takes a place on one of the connections.
    pub(crate) fn take_place(&mut self) -> Place {
        match self.subchannel.pool.acquire(&self.subchannel) {
            Acquired::Connection(connection) => {
                self.connection = Some(connection);
                Place::Taken
            }
            Acquired::Full => Place::Full,
            Acquired::Gone => Place::Gone,
        }
    }

    /// As [`take_place`](Self::take_place), and waits as long as there is none.
    pub(crate) async fn wait_for_place(&mut self) -> Place {
        let subchannel = self.subchannel.clone();
        let _waiting: Waiting<'_> = subchannel.pool.wait();
        loop {
            let mut freed = std::pin::pin!(subchannel.pool.freed());
            // A place that becomes free between the look and the wait counts.
            freed.as_mut().enable();
            match self.take_place() {
                Place::Full => freed.await,
                place => return place,
            }
        }
    }

    /// What sends the call, once it has a place.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.connection.as_deref()
    }

    /// The server has answered.
    pub(crate) fn answered(&self) {
        if let Some(connection) = &self.connection {
            connection.mark_answered();
        }
    }

    /// The connection takes no more calls, whatever else it says.
    pub(crate) fn connection_is_closing(&self) {
        if let Some(connection) = &self.connection {
            connection.close();
            self.subchannel.pool.remove(connection.number);
        }
    }

    /// The call has come back unsent and is picked anew.
    pub(crate) fn returned(mut self) {
        self.give_back();
    }

    fn give_back(&mut self) {
        for tracker in &self.subchannel.trackers {
            tracker.returned();
        }
        self.release();
    }

    /// The call is over. Its load report, if there is one, is in the trailers.
    pub(crate) fn end(&mut self, code: Code, trailers: Option<&HeaderMap>) {
        if self.over {
            return;
        }
        if let Some(began) = self.began {
            let load = trailers.and_then(LoadReport::from_trailers);
            let end = CallEnd { code, duration: began.elapsed(), load: load.as_ref() };
            for tracker in &self.subchannel.trackers {
                tracker.ended(&end);
            }
        }
        self.release();
    }

    fn release(&mut self) {
        self.over = true;
        self.subchannel.calls().remove();
        if let Some(connection) = self.connection.take() {
            connection.release();
            self.subchannel.pool.released();
        }
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        if !self.over && self.connection.is_none() {
            self.give_back();
        }
        self.end(Code::Cancelled, None);
    }
}
