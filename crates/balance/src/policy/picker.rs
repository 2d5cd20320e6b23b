//! What a call asks where to go.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use tokio::time::Duration;
use tonic::{Code, Status};

use crate::Subchannel;
use crate::orca::LoadReport;

/// Chooses a subchannel for each call, until the policy makes another picker.
///
/// It takes no lock, does no I/O and allocates nothing: it is on the path of every call.
pub trait Picker: Send + Sync + fmt::Debug {
    /// Where this call goes.
    fn pick(&self, call: &PickArgs<'_>) -> Pick<'_>;
}

/// What a picker may know of a call.
#[derive(Clone, Copy, Debug)]
pub struct PickArgs<'a> {
    /// `/package.Service/Method`.
    pub path: &'a str,
    /// The metadata of the request.
    pub headers: &'a HeaderMap,
}

/// Where a call goes.
#[derive(Debug)]
pub enum Pick<'a> {
    /// There. Every such answer is followed by `started`, and then `ended` or `returned`, of the trackers of the subchannel.
    Subchannel(&'a Arc<Subchannel>),
    /// Nowhere yet: a connection is being made, or was asked for. Ask the next picker.
    Queue,
    /// Nowhere: with a status as the reason. A call that waits for ready asks the next picker.
    Fail(Status),
    /// Nowhere, not even if it waits for ready, and it is not to be retried.
    Drop(Status),
}

/// Follows the calls of a subchannel, for a policy.
pub trait CallTracker: Send + Sync + fmt::Debug {
    /// A call was given to the subchannel.
    fn started(&self) {}

    /// It came back without having left this process, and is picked anew: nothing to be learnt of the server. Called instead of `ended`.
    fn returned(&self) {}

    /// It is over. Called once for each `started` that was not `returned`, whatever became of the call.
    fn ended(&self, end: &CallEnd<'_>);

    /// How often the server should report its load on a stream of its own (gRFC A51); `None` when that is not wanted.
    ///
    /// Asked when a connection stands. Where several trackers want reports, the server is asked for the shortest interval, and all get every report.
    fn load_interval(&self) -> Option<Duration> {
        None
    }

    /// The server has reported its load on that stream.
    fn load_reported(&self, load: &LoadReport) {
        let _ = load;
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub struct CallEnd<'a> {
    /// Its status; CANCELLED when the caller gave it up.
    pub code: Code,
    /// How long it took, from the pick to the end of its response.
    pub duration: Duration,
    /// What the server said of its load in the trailers of this call. Source: gRFC A51.
    pub load: Option<&'a LoadReport>,
}
