//! Restore: stores what Dump gave, and tells how far it came.

use futures_util::TryStreamExt;
use tonic::{Request, Status, Streaming};
use tonic_types::{ErrorInfo, StatusExt};
use wayside_proto::cache::v1::RestoreRequest;

use crate::error::{DOMAIN, Error};
use crate::service::{Call, Service};

/// Stores a stream of entries, one at a time, and gives how many there were.
///
/// A call that is cancelled or out of time has no reply in which it could be told how far it came.
pub(crate) async fn restore(
    service: &Service,
    request: Request<Streaming<RestoreRequest>>,
) -> Result<i64, Status> {
    let mut stored = 0;
    match store_all(service, request, &mut stored).await {
        Ok(()) => Ok(stored),
        Err(status) => Err(incomplete(&status, stored)),
    }
}

async fn store_all(
    service: &Service,
    request: Request<Streaming<RestoreRequest>>,
    stored: &mut i64,
) -> Result<(), Status> {
    let (call, mut entries) = Call::of(request);
    if call.dry_run.is_some() {
        // Each entry alone would pass where all together do not.
        return Err(Error::DryRunRestore.into());
    }
    let mut next = entries.try_next().await?;
    let token = next.as_ref().map_or("", |entry| &entry.account_token);
    let tenant = service.tenant(&call, token).await?;
    while let Some(entry) = next {
        service.insert(&tenant, &call, &entry.key, &entry.val, entry.ttl)?;
        *stored += 1;
        next = entries.try_next().await?;
    }
    Ok(())
}

/// The status with the number of entries that were stored before it, in the text and as a `google.rpc.ErrorInfo` that comes first.
fn incomplete(status: &Status, stored: i64) -> Status {
    let metadata = [("stored".to_owned(), stored.to_string())];
    let mut details = vec![ErrorInfo::new("RESTORE_INCOMPLETE", DOMAIN, metadata).into()];
    details.extend(status.get_error_details_vec());
    let message = format!("{} ({stored} entries were stored)", status.message());
    Status::with_error_details_vec(status.code(), message, details)
}
