//! The cache server: keys and values of many tenants, each within the limit of its account.
//!
//! `service` speaks gRPC; `tenants` asks the accounts server whose token a call carries; `store` keeps the entries and knows nothing
//! of either. Entries are in memory, or in a Redis that replicas share; nothing is evicted: what has no room is refused.

mod app;
mod dump;
mod error;
mod fields;
mod limits;
mod metrics;
mod restore;
mod resume_token;
mod service;
mod size;
mod store;
mod tenants;
mod token;

pub use app::{Cache, CacheArgs};
pub use store::{BadCacheStore, CacheStore, RedisAddress};
