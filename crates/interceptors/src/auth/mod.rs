//! Who calls, by a signed token, and what they may do, method by method.
//!
//! A call brings a JWT (RFC 7519) as `authorization: Bearer …` (RFC 6750). The [`Verifier`] checks it against the keys of a
//! [`KeyStore`] and the [`TokenRules`], and the [`Policy`] says which methods need which roles. Handlers find the [`Identity`] in the
//! request's extensions. A call without a good token is UNAUTHENTICATED, always with the same words; one whose caller is known and not
//! allowed, or to a method that the policy does not name, is PERMISSION_DENIED. Why is in the log only, at level debug, without the token.
//!
//! Each key has one algorithm, of EdDSA (Ed25519), ES256 and RS256, and no token can choose another (RFC 8725, section 3.1). A token is
//! checked once: what was found is kept, under a keyed hash of the token, until the token expires or its key is withdrawn, so that a call with
//! a known token costs no signature check. `jsonwebtoken` reads keys and makes tokens; they are not checked by its `decode`, which
//! overlooks `crit`, takes a list for an issuer, reads the key anew for each token and knows no clock but the system's.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_layer::Layer;
//! use wayside_interceptors::auth::{
//!     AuthLayer, Claims, KeySet, KeyStore, Policy, SigningKey, TokenRules, Verifier, mint,
//! };
//! use wayside_interceptors::selector::HEALTH;
//!
//! let key = SigningKey::generate()?.with_id("dev");
//! let claims = Claims::new("https://issuer.example", "gopher", ["cache"]).roles(["admin"]);
//! let token = mint(&key, &claims)?;
//!
//! let keys = KeyStore::fixed(KeySet::parse(key.public_jwks().as_bytes())?);
//! let verifier = Verifier::new(keys, TokenRules::new("https://issuer.example", ["cache"])?);
//! assert!(verifier.verify(&token).await?.has_role("admin"));
//!
//! let policy = Policy::builder()
//!     .public(HEALTH)
//!     .authenticated("/cache.v1.CacheService/*")
//!     .roles("/cache.v1.CacheService/Restore", ["admin", "operator"])
//!     .build()?;
//! let service = AuthLayer::new(verifier, policy).layer(tonic::service::Routes::default());
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do: it keeps no list of withdrawn tokens, so tokens should be short-lived; a stream that was let in goes on when its
//! token expires; and it never looks at what a token says about where its key is to be had (`jku`, `jwk`, `x5u`, `x5c`).

mod bearer;
mod cache;
mod claims;
mod future;
#[cfg(feature = "jwks-https")]
mod https;
mod identity;
mod json;
mod jwk;
mod jwks;
mod key;
mod keys;
mod layer;
mod mint;
mod policy;
mod refresh;
mod rejection;
mod service;
#[cfg(test)]
mod tests;
mod token;
mod verifier;

pub use claims::{InvalidRules, MAX_LEEWAY, TokenRules};
pub use future::ResponseFuture;
#[cfg(feature = "jwks-https")]
pub use https::{HttpsJwks, InvalidUrl};
pub use identity::Identity;
pub use jwks::{FetchError, FetchJwks, KeyFile, KeysInMemory, MAX_DOCUMENT_BYTES};
pub use key::Algorithm;
pub use keys::{InvalidKeys, KeySet, MAX_KEYS};
pub use layer::AuthLayer;
pub use mint::{Claims, MintError, SigningKey, mint};
pub use policy::{InvalidPolicy, Policy, PolicyBuilder, Rule};
pub use refresh::KeyStore;
pub use rejection::Rejection;
pub use service::AuthService;
pub use token::MAX_TOKEN_BYTES;
pub use verifier::Verifier;
