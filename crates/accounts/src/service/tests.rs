use tonic::Code;
use wayside_chassis::Peer;

use crate::database::{Database, sqlite};

use super::*;

async fn service() -> Service {
    Service::new(Store::new(Database::Sqlite(sqlite::in_memory().await.unwrap())), Admin::Local)
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
        service.rotate_token(from(peer, proto::RotateTokenRequest::default())).await.unwrap_err(),
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
    let status =
        service.get_by_token(from(peer, proto::GetByTokenRequest::default())).await.unwrap_err();
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
