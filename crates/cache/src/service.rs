//! The methods of `cache.v1.CacheService`.

use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use wayside_chassis::Context;
use wayside_chassis::concurrency::Slot;
use wayside_proto::cache::v1::cache_service_server::CacheService;
use wayside_proto::cache::v1::{
    DeleteRequest, DeleteResponse, DumpRequest, GetRequest, GetResponse, RestoreRequest,
    RestoreResponse, StoreRequest, StoreResponse,
};

use crate::dump::Dump;
use crate::error::Error;
use crate::limits::Limits;
use crate::metrics::Refusals;
use crate::restore::restore;
use crate::store::{NotStored, Rehearsal, Store, Write};
use crate::tenants::{Tenant, Tenants};
use crate::token::Token;
use crate::{fields, resume_token};

/// Serves the entries of the store to their tenants.
#[derive(Debug)]
pub(crate) struct Service {
    store: Store,
    tenants: Tenants,
    limits: Limits,
    refusals: Refusals,
}

/// A call without its message.
#[derive(Debug)]
pub(crate) struct Call {
    metadata: MetadataMap,
    context: Context,
}

impl Service {
    pub(crate) fn new(store: Store, tenants: Tenants, limits: Limits) -> Self {
        Self { store, tenants, limits, refusals: Refusals::default() }
    }

    /// Counts the entries that are refused.
    pub(crate) fn refusals(&self) -> Refusals {
        self.refusals.clone()
    }

    /// Whose call it is, by its header or by the token in its message, and that the account may make it now: it does so until the slot is dropped.
    pub(crate) async fn admit(
        &self,
        call: &Call,
        account_token: &str,
    ) -> Result<(Tenant, Option<Slot>), Status> {
        let token = Token::of(&call.metadata, account_token)?;
        let tenant = self.tenants.find(&token, &call.context).await?;
        call.context.name_caller(tenant.id.clone());
        let slot = self.limits.admit(&tenant.id)?;
        Ok((tenant, slot))
    }

    /// Stores an entry, or in a dry run finds out whether it could be stored.
    pub(crate) async fn insert(
        &self,
        tenant: &Tenant,
        rehearsal: Option<&mut Rehearsal>,
        key: &str,
        val: &[u8],
        ttl: Option<prost_types::Duration>,
    ) -> Result<(), Status> {
        let ttl = fields::entry(key, val, ttl)?;
        let now = Instant::now();
        let write = Write { key, val, expires: ttl.map(|ttl| now + ttl) };
        let Tenant { id, max_keys } = tenant;
        let result = match rehearsal {
            None => self.store.insert(id, *max_keys, &write, now).await,
            Some(rehearsal) => self.store.rehearse(rehearsal, id, *max_keys, &write, now).await,
        };
        result.map_err(|error| match error {
            NotStored::Refused(refused) => {
                self.refusals.count(refused);
                Error::Refused { account: id.clone(), refused }.into()
            }
            NotStored::Failure(failure) => Error::from(failure).into(),
        })
    }
}

#[tonic::async_trait]
impl CacheService for Service {
    async fn store(
        &self,
        request: Request<StoreRequest>,
    ) -> Result<Response<StoreResponse>, Status> {
        let (call, message) = Call::of(request);
        let (tenant, _slot) = self.admit(&call, &message.account_token).await?;
        let mut rehearsal = call.rehearsal();
        self.insert(&tenant, rehearsal.as_mut(), &message.key, &message.val, message.ttl).await?;
        Ok(Response::new(StoreResponse {}))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let (call, message) = Call::of(request);
        let (tenant, _slot) = self.admit(&call, &message.account_token).await?;
        fields::key(&message.key)?;
        let val = self.store.get(&tenant.id, &message.key, Instant::now()).await;
        Ok(Response::new(GetResponse {
            val: val.map_err(Error::from)?.ok_or(Error::KeyNotFound(message.key))?,
        }))
    }

    async fn delete(
        &self,
        request: Request<DeleteRequest>,
    ) -> Result<Response<DeleteResponse>, Status> {
        let (call, message) = Call::of(request);
        let (tenant, _slot) = self.admit(&call, &message.account_token).await?;
        fields::key(&message.key)?;
        let now = Instant::now();
        let found = if call.is_dry_run() {
            self.store.get(&tenant.id, &message.key, now).await.map(|val| val.is_some())
        } else {
            self.store.delete(&tenant.id, &message.key, now).await
        };
        if found.map_err(Error::from)? {
            Ok(Response::new(DeleteResponse {}))
        } else {
            Err(Error::KeyNotFound(message.key).into())
        }
    }

    type DumpStream = Dump;

    async fn dump(&self, request: Request<DumpRequest>) -> Result<Response<Dump>, Status> {
        let (call, message) = Call::of(request);
        let (tenant, slot) = self.admit(&call, &message.account_token).await?;
        let after = resume_token::decode(&message.resume_token)?;
        Ok(Response::new(Dump::new(self.store.clone(), tenant.id, after).counted_by(slot)))
    }

    async fn restore(
        &self,
        request: Request<Streaming<RestoreRequest>>,
    ) -> Result<Response<RestoreResponse>, Status> {
        let stored = restore(self, request).await?;
        Ok(Response::new(RestoreResponse { stored }))
    }
}

impl Call {
    pub(crate) fn of<T>(request: Request<T>) -> (Self, T) {
        let (metadata, extensions, message) = request.into_parts();
        (Self { metadata, context: Context::from_extensions(&extensions) }, message)
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.context.dry_run().is_some()
    }

    /// Where a dry run writes to.
    pub(crate) fn rehearsal(&self) -> Option<Rehearsal> {
        self.is_dry_run().then(Rehearsal::default)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{Duration, advance};
    use tonic::Code;
    use wayside_balance::Channel;
    use wayside_proto::accounts::v1::accounts_service_client::AccountsServiceClient;

    use super::*;
    use crate::store::MemoryStore;

    /// A service that remembers the token "ann", of an account that may have one key.
    async fn service() -> Service {
        let nowhere = wayside_chassis::outgoing(
            Channel::connect_lazy(&"127.0.0.1:1".parse().unwrap()).unwrap(),
        );
        let hour = Duration::from_secs(3600);
        let tenants = Tenants::new(AccountsServiceClient::new(nowhere), hour, hour);
        let token = Token::of(&MetadataMap::new(), "ann").unwrap();
        tenants.remember(&token, Tenant { id: "acc_ann".into(), max_keys: 1 }).await;
        Service::new(Store::Memory(Arc::new(MemoryStore::new(1000))), tenants, Limits::default())
    }

    async fn store(service: &Service, key: &str, ttl_seconds: Option<i64>) -> Result<(), Code> {
        let ttl = ttl_seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        let message = StoreRequest {
            key: key.into(),
            account_token: "ann".into(),
            ttl,
            ..StoreRequest::default()
        };
        service.store(Request::new(message)).await.map(|_| ()).map_err(|status| status.code())
    }

    async fn get(service: &Service, key: &str) -> Result<(), Code> {
        let message = GetRequest { key: key.into(), account_token: "ann".into() };
        service.get(Request::new(message)).await.map(|_| ()).map_err(|status| status.code())
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_gone_when_its_ttl_is_over_and_not_before() {
        let service = service().await;
        store(&service, "a", Some(60)).await.unwrap();
        advance(Duration::from_millis(59_999)).await;
        get(&service, "a").await.unwrap();
        assert_eq!(store(&service, "b", None).await, Err(Code::FailedPrecondition));
        assert_eq!(service.refusals().key_limit(), 1);
        advance(Duration::from_millis(1)).await;
        assert_eq!(get(&service, "a").await, Err(Code::NotFound));
        store(&service, "b", None).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn storing_an_entry_again_gives_it_the_ttl_of_the_new_request() {
        let service = service().await;
        for (first, second, lasts) in
            [(Some(1), Some(10), true), (Some(1), None, true), (None, Some(1), false)]
        {
            store(&service, "a", first).await.unwrap();
            store(&service, "a", second).await.unwrap();
            advance(Duration::from_secs(5)).await;
            assert_eq!(get(&service, "a").await.is_ok(), lasts, "{first:?} then {second:?}");
        }
    }
}
