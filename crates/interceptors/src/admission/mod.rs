//! What the layers that refuse calls have in common: who calls, how a refusal reads, and a permit that lives as long as the call.
//!
//! [`rate_limit`](crate::rate_limit), [`load_shed`](crate::load_shed) and [`concurrency`](crate::concurrency) are made of it. The first
//! and the last of them count by a [`Key`], which a function gets from the [`Caller`]; some such functions are here. Keys are hashes, with a
//! seed that nobody knows, so that a long name takes no more room than a short one, and nobody can choose names that meet in one key.
//!
//! ```
//! use wayside_interceptors::admission::{Caller, Key, by_peer};
//!
//! /// The account that the call is for, as a layer outside has found it.
//! #[derive(Clone, Hash)]
//! struct Account(String);
//!
//! fn by_account(caller: &Caller<'_>) -> Option<Key> {
//!     match caller.extensions().get::<Account>() {
//!         Some(account) => Some(caller.key(account)),
//!         None => by_peer(caller),
//!     }
//! }
//! # let _: fn(&Caller<'_>) -> Option<Key> = by_account;
//! ```

mod body;
mod caller;
mod future;
mod refusal;
mod service;
mod sharded;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use body::AdmittedBody;
pub use caller::{Caller, Key, by_identity, by_identity_or_peer, by_peer};
pub use future::{Permit, ResponseFuture};
pub use refusal::Refusal;
pub use service::{Admission, AdmissionLayer, Admit};

pub(crate) use caller::KeyOf;
pub(crate) use refusal::jittered;
pub(crate) use sharded::{ByKey, Sharded};

use crate::selector::Selector;

/// How many keys a layer keeps apart unless it is told otherwise.
pub const DEFAULT_MAX_KEYS: usize = 65_536;

/// One setting for every method but those of some services.
pub(crate) fn all_but<T: Clone>(exempt: &[&str], setting: T) -> Selector<Option<T>> {
    let all = Selector::builder(Some(setting.clone()));
    let limited = exempt.iter().fold(all, |limited, pattern| limited.on(pattern, None)).build();
    // The patterns are constants, each of a service of its own, so this cannot fail.
    limited.unwrap_or_else(|_| Selector::from(Some(setting)))
}
