//! Whose token a call carries: asked of the accounts server, and remembered for a moment.
//!
//! Concurrent calls with a token that is not remembered ask each on their own. A shared lookup would have to run within the deadline of
//! one of them, and its end would fail the others, who had more time; it would also go on when the one call that wanted it is cancelled.
//! What is remembered is positive answers only, so neither a failure nor a token that was not known yet lasts.

use std::sync::Arc;

use moka::future::Cache;
use tokio::time::Duration;
use tonic::Code;
use wayside_chassis::{Context, Outgoing};
use wayside_proto::accounts::v1::accounts_service_client::AccountsServiceClient;
use wayside_proto::accounts::v1::{Account, GetByTokenRequest};

use crate::error::Error;
use crate::token::{Digest, Token};

/// How many accounts are remembered.
const MAX_REMEMBERED: u64 = 10_000;

/// Finds tenants.
#[derive(Debug)]
pub(crate) struct Tenants {
    accounts: AccountsServiceClient<Outgoing>,
    timeout: Duration,
    remembered: Option<Cache<Digest, Tenant>>,
}

/// An account, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) id: Arc<str>,
    /// How many keys it may have.
    pub(crate) max_keys: u64,
}

impl Tenants {
    /// `timeout` bounds a lookup; `ttl` is how long an answer is remembered, zero for not at all.
    pub(crate) fn new(
        accounts: AccountsServiceClient<Outgoing>,
        timeout: Duration,
        ttl: Duration,
    ) -> Self {
        let remembered = (!ttl.is_zero())
            .then(|| Cache::builder().max_capacity(MAX_REMEMBERED).time_to_live(ttl).build());
        Self { accounts, timeout, remembered }
    }

    /// The tenant that a token belongs to, within what is left of the call that is being served.
    pub(crate) async fn find(&self, token: &Token, context: &Context) -> Result<Tenant, Error> {
        let Some(remembered) = &self.remembered else { return self.ask(token, context).await };
        let digest = token.digest();
        if let Some(tenant) = remembered.get(&digest).await {
            return Ok(tenant);
        }
        let tenant = self.ask(token, context).await?;
        remembered.insert(digest, tenant.clone()).await;
        Ok(tenant)
    }

    #[cfg(test)]
    pub(crate) async fn remember(&self, token: &Token, tenant: Tenant) {
        if let Some(remembered) = &self.remembered {
            remembered.insert(token.digest(), tenant).await;
        }
    }

    async fn ask(&self, token: &Token, context: &Context) -> Result<Tenant, Error> {
        let message = GetByTokenRequest { token: token.reveal().to_owned() };
        let answer = async {
            self.accounts.clone().get_by_token(context.outgoing(message, Some(self.timeout))?).await
        };
        match answer.await {
            Ok(response) => {
                response.into_inner().account.and_then(tenant).ok_or(Error::AccountUnusable)
            }
            Err(status) if status.code() == Code::NotFound => Err(Error::TokenUnknown),
            Err(status) => Err(Error::accounts(&status, token.reveal())),
        }
    }
}

/// `None`: not an account that entries can be kept for. The first accounts servers knew no ids, and without one the entries of all their
/// accounts would be in one place.
fn tenant(account: Account) -> Option<Tenant> {
    let max_keys = u64::try_from(account.max_cache_keys).ok()?;
    (!account.id.is_empty()).then(|| Tenant { id: account.id.into(), max_keys })
}
