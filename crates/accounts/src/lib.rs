//! Accounts: who may use the cache, how much of it, and the token that says so.
//!
//! A token is 32 random bytes that are shown once; what is kept is its SHA-256. Names, ids and limits are checked when they are made
//! (modules `account` and `token`), kept by `store`, which knows nothing of gRPC, and served by `service`. `admin` decides who may
//! change accounts.

mod account;
mod admin;
mod admin_token;
mod app;
mod database;
mod error;
mod page;
mod service;
mod store;
mod token;

pub use admin_token::{AdminToken, BadAdminToken};
pub use app::{Accounts, AccountsArgs};
pub use database::{BadDatabaseUrl, DatabaseUrl};
