//! Restore: stores what Dump gave, and tells how far it came.

use futures_util::TryStreamExt;
use tonic::{Request, Status, Streaming};
use wayside_chassis::StatusBuilder;
use wayside_proto::cache::v1::RestoreRequest;

use crate::error::DOMAIN;
use crate::service::{Call, Service};

/// Stores a stream of entries, one at a time, and gives how many there were. A dry run goes through all of them, each as if those before it had been
/// stored.
///
/// A call that is cancelled or out of time has no reply in which it could be told how far it came.
pub(crate) async fn restore(
    service: &Service,
    request: Request<Streaming<RestoreRequest>>,
) -> Result<i64, Status> {
    let (call, entries) = Call::of(request);
    let mut stored = 0;
    match store_all(service, &call, entries, &mut stored).await {
        Ok(()) => Ok(stored),
        Err(status) => Err(incomplete(&status, &call, stored)),
    }
}

async fn store_all(
    service: &Service,
    call: &Call,
    mut entries: Streaming<RestoreRequest>,
    stored: &mut i64,
) -> Result<(), Status> {
    let mut next = entries.try_next().await?;
    let token = next.as_ref().map_or("", |entry| &entry.account_token);
    let (tenant, _slot) = service.admit(call, token).await?;
    let mut rehearsal = call.rehearsal();
    while let Some(entry) = next {
        service.insert(&tenant, rehearsal.as_mut(), &entry.key, &entry.val, entry.ttl).await?;
        *stored += 1;
        next = entries.try_next().await?;
    }
    Ok(())
}

/// The status with the number of entries that were stored before it, in the text and as a `google.rpc.ErrorInfo` that comes first.
fn incomplete(status: &Status, call: &Call, stored: i64) -> Status {
    let were = if call.is_dry_run() { "would have been" } else { "were" };
    let message = format_args!("{} ({stored} entries {were} stored)", status.message());
    let mut told = StatusBuilder::new(status.code(), message)
        .reason("RESTORE_INCOMPLETE", DOMAIN)
        .metadata("stored", stored)
        .details_of(status)
        .build();
    // What a server says of when to come back is there too.
    told.metadata_mut().clone_from(status.metadata());
    told
}
