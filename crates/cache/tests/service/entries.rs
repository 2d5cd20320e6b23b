//! Store, Get and Delete: values, limits of the fields, time to live.

use tonic::Code;
use tonic_types::StatusExt;
use wayside_proto::cache::v1::{DeleteRequest, GetRequest, StoreRequest};

use crate::support::{System, by, eventually};

fn get(key: &str) -> GetRequest {
    GetRequest { key: key.into(), ..GetRequest::default() }
}

fn delete(key: &str) -> DeleteRequest {
    DeleteRequest { key: key.into(), ..DeleteRequest::default() }
}

#[tokio::test]
async fn what_is_stored_can_be_read_replaced_and_deleted() {
    let system = System::start(&[]).await;
    let mut client = system.client();
    for val in ["con", "", "artist"] {
        system.store("ann", "gopher", val.as_bytes()).await.unwrap();
        assert_eq!(client.get(by("ann", get("gopher"))).await.unwrap().into_inner().val, val);
    }
    client.delete(by("ann", delete("gopher"))).await.unwrap();
    for status in [
        client.get(by("ann", get("gopher"))).await.unwrap_err(),
        client.delete(by("ann", delete("gopher"))).await.unwrap_err(),
    ] {
        assert_eq!((status.code(), status.message()), (Code::NotFound, "Key not found gopher"));
    }
}

#[tokio::test]
async fn the_largest_key_and_value_fit_and_larger_ones_are_named() {
    let system = System::start(&[]).await;
    let longest = "k".repeat(1024);
    system.store("ann", &longest, &vec![7; 1024 * 1024]).await.unwrap();
    let val = system.client().get(by("ann", get(&longest))).await.unwrap().into_inner().val;
    assert_eq!(val.len(), 1024 * 1024);

    let ttl = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    let bad = StoreRequest { val: vec![0; 1024 * 1024 + 1].into(), ttl, ..StoreRequest::default() };
    let status = system.client().store(by("ann", bad)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    let fields = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|violation| violation.field.as_str());
    assert_eq!(fields.collect::<Vec<_>>(), ["key", "val", "ttl"]);
    assert!(
        status.message().contains("1048576") && status.message().contains("1024"),
        "{}",
        status.message()
    );

    for key in ["", &"k".repeat(1025)] {
        assert_eq!(
            system.client().get(by("ann", get(key))).await.unwrap_err().code(),
            Code::InvalidArgument
        );
        assert_eq!(
            system.client().delete(by("ann", delete(key))).await.unwrap_err().code(),
            Code::InvalidArgument
        );
    }
}

#[tokio::test]
async fn an_entry_with_a_ttl_goes_away_by_itself() {
    let system = System::start(&[]).await;
    let ttl = Some(prost_types::Duration { seconds: 0, nanos: 100_000_000 });
    let message = StoreRequest { key: "short".into(), ttl, ..StoreRequest::default() };
    system.client().store(by("ann", message)).await.unwrap();
    let left = system.dump("ann").await[0].ttl.unwrap();
    assert!(left.seconds == 0 && left.nanos > 0 && left.nanos <= 100_000_000, "{left:?}");
    eventually("the entry expires", async || {
        let result = system.client().get(by("ann", get("short"))).await;
        result.is_err_and(|status| status.code() == Code::NotFound)
    })
    .await;
    assert!(system.dump("ann").await.is_empty());
}
