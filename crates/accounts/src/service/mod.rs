//! The methods of AccountsService.

#[cfg(test)]
mod tests;

use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use tonic::{Request, Response, Status};
use wayside_chassis::{Context, Violations};
use wayside_proto::accounts::v1 as proto;
use wayside_proto::accounts::v1::accounts_service_server::AccountsService;

use crate::account::{Account, AccountId, MaxCacheKeys, Name};
use crate::admin::Admin;
use crate::error::Error;
use crate::page;
use crate::store::{Change, Effect, Store};
use crate::token::{Token, TokenDigest};

/// How long a token may be that is looked up: well over the 47 bytes of ours, and no work for whoever sends megabytes.
const MAX_TOKEN_BYTES: usize = 256;

/// Answers the calls.
#[derive(Debug)]
pub(crate) struct Service {
    store: Store,
    admin: Admin,
}

impl Service {
    pub(crate) fn new(store: Store, admin: Admin) -> Self {
        Self { store, admin }
    }

    async fn find(
        &self,
        request: proto::GetByTokenRequest,
    ) -> Result<proto::GetByTokenResponse, Error> {
        let mut bad = Violations::default();
        bad.check(
            request.token.len() <= MAX_TOKEN_BYTES,
            "token",
            format_args!("is longer than {MAX_TOKEN_BYTES} bytes, so it is no token"),
        );
        if !bad.is_empty() {
            return Err(bad.into());
        }
        // The empty token needs no special case: it is nobody's.
        let found = self.store.find_by_token(&TokenDigest::of(&request.token)).await?;
        Ok(proto::GetByTokenResponse { account: Some(found.ok_or(Error::UnknownToken)?.into()) })
    }

    async fn create(
        &self,
        request: proto::CreateAccountRequest,
        effect: Effect,
    ) -> Result<proto::CreateAccountResponse, Error> {
        let mut bad = Violations::default();
        let name = bad.value("name", Name::try_new(request.name));
        let max_cache_keys =
            bad.value("max_cache_keys", MaxCacheKeys::try_new(request.max_cache_keys));
        let (Some(name), Some(max_cache_keys)) = (name, max_cache_keys) else {
            return Err(bad.into());
        };
        let account =
            Account { id: AccountId::generate()?, name, max_cache_keys, create_time: now() };
        let token = Token::generate()?;
        self.store.insert(&account, &token.digest(), effect).await?;
        let mut account = proto::Account::from(account);
        let token = match effect {
            Effect::Lasting => token.reveal(),
            Effect::Tried => {
                // Whoever kept them would keep the id and the token of nothing.
                account.id.clear();
                String::new()
            }
        };
        Ok(proto::CreateAccountResponse { account: Some(account), token })
    }

    /// A request that sets nothing changes nothing, and gives the account as it is.
    async fn update(
        &self,
        request: proto::UpdateAccountRequest,
        effect: Effect,
    ) -> Result<proto::UpdateAccountResponse, Error> {
        let mut bad = Violations::default();
        let id = bad.value("id", given(request.id));
        let name = bad.value("name", request.name.map(Name::try_new).transpose());
        let limit = request.max_cache_keys.map(MaxCacheKeys::try_new).transpose();
        let max_cache_keys = bad.value("max_cache_keys", limit);
        let (Some(id), Some(name), Some(max_cache_keys)) = (id, name, max_cache_keys) else {
            return Err(bad.into());
        };
        let id = AccountId::parse(&id).ok_or(Error::NotAnId)?;
        let account = self.store.update(&id, &Change { name, max_cache_keys }, effect).await?;
        Ok(proto::UpdateAccountResponse {
            account: Some(account.ok_or(Error::UnknownAccount(id))?.into()),
        })
    }

    async fn rotate(
        &self,
        request: proto::RotateTokenRequest,
        effect: Effect,
    ) -> Result<proto::RotateTokenResponse, Error> {
        let id = account_id(request.id)?;
        let token = Token::generate()?;
        if !self.store.replace_token(&id, &token.digest(), effect).await? {
            return Err(Error::UnknownAccount(id));
        }
        let token = match effect {
            Effect::Lasting => token.reveal(),
            // Nobody has it.
            Effect::Tried => String::new(),
        };
        Ok(proto::RotateTokenResponse { token })
    }

    async fn delete(
        &self,
        request: proto::DeleteAccountRequest,
        effect: Effect,
    ) -> Result<proto::DeleteAccountResponse, Error> {
        let id = account_id(request.id)?;
        match self.store.delete(&id, effect).await? {
            true => Ok(proto::DeleteAccountResponse {}),
            false => Err(Error::UnknownAccount(id)),
        }
    }

    async fn list(
        &self,
        request: proto::ListAccountsRequest,
    ) -> Result<proto::ListAccountsResponse, Error> {
        let mut bad = Violations::default();
        let size = bad.value("page_size", page::size(request.page_size));
        let after = bad.value("page_token", page::after(&request.page_token));
        let (Some(size), Some(after)) = (size, after) else { return Err(bad.into()) };
        // One more than the page has, to know whether another page follows.
        let mut accounts = self.store.list(after.as_ref(), size + 1).await?;
        let more = accounts.len() > size;
        accounts.truncate(size);
        let last = accounts.last().filter(|_| more);
        let next_page_token =
            last.map(|account| page::token_after(&account.id)).unwrap_or_default();
        Ok(proto::ListAccountsResponse {
            accounts: accounts.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }
}

#[tonic::async_trait]
impl AccountsService for Service {
    async fn get_by_token(
        &self,
        request: Request<proto::GetByTokenRequest>,
    ) -> Result<Response<proto::GetByTokenResponse>, Status> {
        Ok(Response::new(self.find(request.into_inner()).await?))
    }

    async fn create_account(
        &self,
        request: Request<proto::CreateAccountRequest>,
    ) -> Result<Response<proto::CreateAccountResponse>, Status> {
        self.admin.check(&request)?;
        let effect = effect_of(&request);
        Ok(Response::new(self.create(request.into_inner(), effect).await?))
    }

    async fn update_account(
        &self,
        request: Request<proto::UpdateAccountRequest>,
    ) -> Result<Response<proto::UpdateAccountResponse>, Status> {
        self.admin.check(&request)?;
        let effect = effect_of(&request);
        Ok(Response::new(self.update(request.into_inner(), effect).await?))
    }

    async fn rotate_token(
        &self,
        request: Request<proto::RotateTokenRequest>,
    ) -> Result<Response<proto::RotateTokenResponse>, Status> {
        self.admin.check(&request)?;
        let effect = effect_of(&request);
        Ok(Response::new(self.rotate(request.into_inner(), effect).await?))
    }

    async fn delete_account(
        &self,
        request: Request<proto::DeleteAccountRequest>,
    ) -> Result<Response<proto::DeleteAccountResponse>, Status> {
        self.admin.check(&request)?;
        let effect = effect_of(&request);
        Ok(Response::new(self.delete(request.into_inner(), effect).await?))
    }

    async fn list_accounts(
        &self,
        request: Request<proto::ListAccountsRequest>,
    ) -> Result<Response<proto::ListAccountsResponse>, Status> {
        self.admin.check(&request)?;
        Ok(Response::new(self.list(request.into_inner()).await?))
    }
}

/// Whether what the caller asks for is to be done.
fn effect_of<T>(request: &Request<T>) -> Effect {
    Context::of(request).dry_run().map_or(Effect::Lasting, |_| Effect::Tried)
}

/// A field that must not be empty.
fn given(text: String) -> Result<String, String> {
    if text.is_empty() { Err("is empty; it is the id of an account".to_owned()) } else { Ok(text) }
}

fn account_id(text: String) -> Result<AccountId, Error> {
    let mut bad = Violations::default();
    let text = bad.value("id", given(text)).ok_or(bad)?;
    AccountId::parse(&text).ok_or(Error::NotAnId)
}

/// Microseconds since the Unix epoch; 0 on a machine whose clock is before it.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|time| i64::try_from(time.as_micros()).ok())
        .unwrap_or(0)
}

impl From<Account> for proto::Account {
    fn from(account: Account) -> Self {
        let seconds = account.create_time.div_euclid(1_000_000);
        // Less than a million, times a thousand.
        let nanos = (account.create_time.rem_euclid(1_000_000) * 1000) as i32;
        Self {
            max_cache_keys: account.max_cache_keys.get(),
            id: account.id.as_str().to_owned(),
            name: account.name.as_str().to_owned(),
            create_time: Some(Timestamp { seconds, nanos }),
        }
    }
}
