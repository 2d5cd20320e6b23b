use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Request};

use crate::Peer;
use crate::auth::Identity;

/// What tells one caller from another: a hash, which says nothing about the caller to whoever finds it in a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(pub(super) u64);

impl Key {
    pub(crate) fn new(who: impl Hash, seed: &RandomState) -> Self {
        Self(seed.hash_one(who))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:016x})", self.0)
    }
}

/// What a call says about who makes it.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    extensions: &'a Extensions,
    headers: &'a HeaderMap,
    seed: &'a RandomState,
}

impl Caller<'_> {
    /// What the layers outside have found out, such as [`Peer`] and [`Identity`].
    pub fn extensions(&self) -> &Extensions {
        self.extensions
    }

    /// The metadata of the call. A client may send whatever it likes: a key made of it alone limits nobody.
    pub fn headers(&self) -> &HeaderMap {
        self.headers
    }

    /// The key of whatever tells callers apart, such as the number of an account. Give things of different kinds different types or names.
    pub fn key(&self, who: impl Hash) -> Key {
        Key::new(who, self.seed)
    }
}

/// The key of the address that the call comes from. IPv6 addresses count by their /64, as that is what one customer is given at the least
/// (RFC 6177). None without a [`Peer`].
///
/// Behind a proxy all calls come from the proxy; a server there needs a key of its own.
pub fn by_peer(caller: &Caller<'_>) -> Option<Key> {
    let Peer(address) = caller.extensions.get()?;
    Some(match address.ip().to_canonical() {
        IpAddr::V4(ip) => caller.key(("peer", ip.to_bits())),
        IpAddr::V6(ip) => caller.key(("peer/64", ip.to_bits() >> 64)),
    })
}

/// The key of who calls by the token, its issuer and its subject. None without an [`Identity`], which `AuthLayer` outside has to find first.
pub fn by_identity(caller: &Caller<'_>) -> Option<Key> {
    let identity: &Identity = caller.extensions.get()?;
    Some(Key(identity.key()))
}

/// The key of who calls by the token, or else of the address that the call comes from.
pub fn by_identity_or_peer(caller: &Caller<'_>) -> Option<Key> {
    by_identity(caller).or_else(|| by_peer(caller))
}

type Find = dyn Fn(&Caller<'_>) -> Option<Key> + Send + Sync;

/// Finds keys as an application says, with a seed of its own.
#[derive(Clone)]
pub(crate) struct KeyOf {
    find: Arc<Find>,
    seed: RandomState,
}

impl KeyOf {
    pub(crate) fn new(find: impl Fn(&Caller<'_>) -> Option<Key> + Send + Sync + 'static) -> Self {
        Self { find: Arc::new(find), seed: RandomState::new() }
    }

    pub(crate) fn find<B>(&self, request: &Request<B>) -> Option<Key> {
        let (extensions, headers) = (request.extensions(), request.headers());
        (self.find)(&Caller { extensions, headers, seed: &self.seed })
    }
}

impl fmt::Debug for KeyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyOf").finish_non_exhaustive()
    }
}
