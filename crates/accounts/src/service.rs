//! The methods of AccountsService.

use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use tonic::{Request, Response, Status};
use wayside_proto::accounts::v1 as proto;
use wayside_proto::accounts::v1::accounts_service_server::AccountsService;

use crate::account::{Account, AccountId, MaxCacheKeys, Name};
use crate::admin::Admin;
use crate::error::{BadFields, Error};
use crate::page;
use crate::store::{Change, Store};
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
        let mut bad = BadFields::default();
        let fits = request.token.len() <= MAX_TOKEN_BYTES;
        let checked = fits
            .then_some(())
            .ok_or_else(|| format!("is longer than {MAX_TOKEN_BYTES} bytes, so it is no token"));
        bad.check("token", checked).ok_or(bad)?;
        // The empty token needs no special case: it is nobody's.
        let found = self.store.find_by_token(&TokenDigest::of(&request.token)).await?;
        Ok(proto::GetByTokenResponse { account: Some(found.ok_or(Error::UnknownToken)?.into()) })
    }

    async fn create(
        &self,
        request: proto::CreateAccountRequest,
    ) -> Result<proto::CreateAccountResponse, Error> {
        let mut bad = BadFields::default();
        let name = bad.check("name", Name::try_new(request.name));
        let max_cache_keys =
            bad.check("max_cache_keys", MaxCacheKeys::try_new(request.max_cache_keys));
        let (Some(name), Some(max_cache_keys)) = (name, max_cache_keys) else {
            return Err(bad.into());
        };
        let account =
            Account { id: AccountId::generate()?, name, max_cache_keys, create_time: now() };
        let token = Token::generate()?;
        self.store.insert(&account, &token.digest()).await?;
        Ok(proto::CreateAccountResponse { account: Some(account.into()), token: token.reveal() })
    }

    /// A request that sets nothing changes nothing, and gives the account as it is.
    async fn update(
        &self,
        request: proto::UpdateAccountRequest,
    ) -> Result<proto::UpdateAccountResponse, Error> {
        let mut bad = BadFields::default();
        let id = bad.check("id", given(request.id));
        let name = bad.check("name", request.name.map(Name::try_new).transpose());
        let limit = request.max_cache_keys.map(MaxCacheKeys::try_new).transpose();
        let max_cache_keys = bad.check("max_cache_keys", limit);
        let (Some(id), Some(name), Some(max_cache_keys)) = (id, name, max_cache_keys) else {
            return Err(bad.into());
        };
        let id = AccountId::parse(&id).ok_or(Error::NotAnId)?;
        let account = self.store.update(&id, &Change { name, max_cache_keys }).await?;
        Ok(proto::UpdateAccountResponse {
            account: Some(account.ok_or(Error::UnknownAccount(id))?.into()),
        })
    }

    async fn rotate(
        &self,
        request: proto::RotateTokenRequest,
    ) -> Result<proto::RotateTokenResponse, Error> {
        let id = account_id(request.id)?;
        let token = Token::generate()?;
        match self.store.replace_token(&id, &token.digest()).await? {
            true => Ok(proto::RotateTokenResponse { token: token.reveal() }),
            false => Err(Error::UnknownAccount(id)),
        }
    }

    async fn delete(
        &self,
        request: proto::DeleteAccountRequest,
    ) -> Result<proto::DeleteAccountResponse, Error> {
        let id = account_id(request.id)?;
        match self.store.delete(&id).await? {
            true => Ok(proto::DeleteAccountResponse {}),
            false => Err(Error::UnknownAccount(id)),
        }
    }

    async fn list(
        &self,
        request: proto::ListAccountsRequest,
    ) -> Result<proto::ListAccountsResponse, Error> {
        let mut bad = BadFields::default();
        let size = bad.check("page_size", page::size(request.page_size));
        let after = bad.check("page_token", page::after(&request.page_token));
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
        Ok(Response::new(self.create(request.into_inner()).await?))
    }

    async fn update_account(
        &self,
        request: Request<proto::UpdateAccountRequest>,
    ) -> Result<Response<proto::UpdateAccountResponse>, Status> {
        self.admin.check(&request)?;
        Ok(Response::new(self.update(request.into_inner()).await?))
    }

    async fn rotate_token(
        &self,
        request: Request<proto::RotateTokenRequest>,
    ) -> Result<Response<proto::RotateTokenResponse>, Status> {
        self.admin.check(&request)?;
        Ok(Response::new(self.rotate(request.into_inner()).await?))
    }

    async fn delete_account(
        &self,
        request: Request<proto::DeleteAccountRequest>,
    ) -> Result<Response<proto::DeleteAccountResponse>, Status> {
        self.admin.check(&request)?;
        Ok(Response::new(self.delete(request.into_inner()).await?))
    }

    async fn list_accounts(
        &self,
        request: Request<proto::ListAccountsRequest>,
    ) -> Result<Response<proto::ListAccountsResponse>, Status> {
        self.admin.check(&request)?;
        Ok(Response::new(self.list(request.into_inner()).await?))
    }
}

/// A field that must not be empty.
fn given(text: String) -> Result<String, String> {
    if text.is_empty() { Err("is empty; it is the id of an account".to_owned()) } else { Ok(text) }
}

fn account_id(text: String) -> Result<AccountId, Error> {
    let mut bad = BadFields::default();
    let text = bad.check("id", given(text)).ok_or(bad)?;
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

#[cfg(test)]
mod tests {
    use tonic::Code;
    use wayside_chassis::Peer;

    use crate::database;

    use super::*;

    async fn service() -> Service {
        Service::new(Store::new(database::in_memory().await.unwrap()), Admin::Local)
    }

    fn from<T>(peer: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        request
    }

    #[tokio::test]
    async fn every_method_but_get_by_token_is_refused_to_other_machines() {
        let service = service().await;
        let peer = "203.0.113.7:4";
        // Requests that are wrong as well: who may not administer learns nothing else.
        for status in [
            service
                .create_account(from(peer, proto::CreateAccountRequest::default()))
                .await
                .unwrap_err(),
            service
                .update_account(from(peer, proto::UpdateAccountRequest::default()))
                .await
                .unwrap_err(),
            service
                .rotate_token(from(peer, proto::RotateTokenRequest::default()))
                .await
                .unwrap_err(),
            service
                .delete_account(from(peer, proto::DeleteAccountRequest::default()))
                .await
                .unwrap_err(),
            service
                .list_accounts(from(peer, proto::ListAccountsRequest::default()))
                .await
                .map(drop)
                .unwrap_err(),
        ] {
            assert_eq!(status.code(), Code::PermissionDenied);
        }
        let status = service
            .get_by_token(from(peer, proto::GetByTokenRequest::default()))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    }

    #[test]
    fn times_are_told_to_the_microsecond() {
        let account = Account {
            id: AccountId::generate().unwrap(),
            name: Name::try_new("ada".to_owned()).unwrap(),
            max_cache_keys: MaxCacheKeys::try_new(0).unwrap(),
            create_time: 1_700_000_000_123_456,
        };
        let time = proto::Account::from(account).create_time.unwrap();
        assert_eq!((time.seconds, time.nanos), (1_700_000_000, 123_456_000));
    }
}
