//! Who is told what becomes of a call within the channel.

use std::fmt;
use std::sync::Arc;

use super::snapshot::Board;
use crate::Address;

/// Is told what the channel does with one call.
pub trait WatchCall: Send + Sync {
    /// The call goes to an endpoint; `waited`: it was not picked at once.
    fn picked(&self, endpoint: &Address, waited: bool);

    /// The call had to wait for the resolver's first answer, which has come, whatever it says. Source: gRFC A72.
    fn resolved_late(&self) {}

    /// The call has come back and is sent again. Source: gRFC A6, "Transparent Retries".
    fn sent_again(&self, why: SentAgain);
}

/// Why a call is sent again although no policy says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentAgain {
    /// It has never left this process.
    Unsent,
    /// The server is going away, and has said that it has not seen the call (GOAWAY).
    GoAway,
    /// The server has refused the call unseen (REFUSED_STREAM).
    Refused,
}

/// In the extensions of a response: how often the channel has sent the call again by itself, as no server had seen it; not there when it has not. Source: gRFC A6,
/// "Transparent Retries".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransparentRetries(pub u32);

/// In the extensions of a request: who is told what the channel does with the call. Calls without it cost nothing for it.
#[derive(Clone)]
pub struct CallWatch(Arc<dyn WatchCall>);

impl CallWatch {
    /// Has `watch` told.
    pub fn new(watch: impl WatchCall + 'static) -> Self {
        Self(Arc::new(watch))
    }

    pub(super) fn picked(watch: Option<&Self>, endpoint: &Address, waited: bool) {
        if let Some(Self(watch)) = watch {
            watch.picked(endpoint, waited);
        }
    }

    /// Tells of the resolver's first answer if it has come since `unresolved` was set, which it no longer is then.
    pub(super) fn look_resolved(watch: Option<&Self>, unresolved: &mut bool, board: &Board) {
        if let Some(Self(watch)) = watch
            && *unresolved
            && board.has_answer()
        {
            *unresolved = false;
            watch.resolved_late();
        }
    }

    pub(super) fn sent_again(watch: Option<&Self>, why: SentAgain) {
        if let Some(Self(watch)) = watch {
            watch.sent_again(why);
        }
    }
}

impl fmt::Debug for CallWatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CallWatch").finish_non_exhaustive()
    }
}
