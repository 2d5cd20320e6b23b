use prost::Message;
use tokio::time::Duration;
use tonic::{Code, Status};
use tonic_types::{StatusExt, pb};

use super::{StatusBuilder, Violations};

/// The type urls of a status's details, in order.
fn urls(status: &Status) -> Vec<String> {
    let rich = pb::Status::decode(status.details()).unwrap();
    rich.details.into_iter().map(|detail| detail.type_url).collect()
}

/// The size of the header block that a status becomes, as HPACK counts it: name, value and 32 bytes for each.
fn header_bytes(status: &Status) -> usize {
    let headers = status.clone().into_http::<()>().headers().clone();
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

#[test]
fn every_detail_is_read_back_by_a_client_that_knows_google_rpc() {
    let mut bad = Violations::default();
    bad.add("key", "must not be empty");
    let status = StatusBuilder::new(Code::ResourceExhausted, "no room")
        .reason("ACCOUNT_FULL", "cache.example")
        .metadata("keys", 10)
        .retry_after(Duration::from_millis(1500))
        .quota("account:gopher", "10 keys")
        .violations(bad)
        .build();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "no room"));
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("ACCOUNT_FULL", "cache.example"));
    assert_eq!(info.metadata["keys"], "10");
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_millis(1500)));
    let quota = &details.quota_failure().unwrap().violations[0];
    assert_eq!((quota.subject.as_str(), quota.description.as_str()), ("account:gopher", "10 keys"));
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "key");
    let rich = pb::Status::decode(status.details()).unwrap();
    assert_eq!((rich.code, rich.message.as_str()), (8, "no room"));
}

#[test]
fn a_message_of_an_api_travels_under_its_own_name() {
    let own = pb::ResourceInfo { owner: "gopher".to_owned(), ..Default::default() };
    let status =
        StatusBuilder::new(Code::NotFound, "x").detail("movies.v1.MovieError", &own).build();
    let rich = pb::Status::decode(status.details()).unwrap();
    assert_eq!(rich.details[0].type_url, "type.googleapis.com/movies.v1.MovieError");
    assert_eq!(pb::ResourceInfo::decode(rich.details[0].value.as_slice()).unwrap(), own);
}

#[test]
fn a_status_that_is_made_of_another_one_has_its_details_behind_its_own() {
    let cause = StatusBuilder::new(Code::FailedPrecondition, "no room")
        .reason("ACCOUNT_FULL", "cache.example")
        .quota("account:gopher", "10 keys")
        .build();
    let of = |cause: &Status| {
        let message = format_args!("{} (12 entries were stored)", cause.message());
        StatusBuilder::new(cause.code(), message)
            .reason("RESTORE_INCOMPLETE", "cache.example")
            .details_of(cause)
            .build()
    };
    let status = of(&cause);
    let names = ["ErrorInfo", "ErrorInfo", "QuotaFailure"];
    let expected = names.map(|name| format!("type.googleapis.com/google.rpc.{name}"));
    assert_eq!(urls(&status), expected);
    assert_eq!(status.get_details_error_info().unwrap().reason, "RESTORE_INCOMPLETE");
    for (details, count) in [(&b""[..], 1), (b"\xff", 1)] {
        let cause = Status::with_details(Code::NotFound, "x", details.to_vec().into());
        assert_eq!(urls(&of(&cause)).len(), count);
    }
}

#[test]
fn a_status_without_details_sends_none() {
    assert!(StatusBuilder::new(Code::NotFound, "x").build().details().is_empty());
}

#[test]
fn a_message_is_cut_and_has_no_control_characters() {
    let status =
        StatusBuilder::new(Code::NotFound, format_args!("no\n{}", "k".repeat(10_000))).build();
    assert_eq!(status.message().len(), 512);
    assert!(status.message().starts_with(r"no\nkkk") && status.message().ends_with('…'));
}

#[test]
fn the_largest_error_fits_the_headers_that_every_client_takes() {
    let mut bad = Violations::default();
    for index in 0..1000 {
        bad.add(&format!("entries[{index}].key\u{1}"), "☺".repeat(1000));
    }
    let text = "☺".repeat(1000);
    let mut builder = StatusBuilder::new(Code::Unavailable, &text)
        .reason(&text, &text)
        .metadata("key", &text)
        .quota(&text, &text)
        .violations(bad)
        .retry_after(Duration::MAX);
    for _ in 0..100 {
        builder =
            builder.detail("a.B", &pb::ErrorInfo { reason: text.clone(), ..Default::default() });
    }
    let mut response = builder.clone().build().into_http::<()>();
    let older = super::rpc_error::RpcError::from_status(&builder.clone().build());
    let older = older.encode_to_vec().len().div_ceil(3) * 4 + "rpc-error".len() + 32;
    let total = header_bytes(&builder.build()) + older;
    assert!(total < 8 * 1024, "{total} bytes");
    assert!(response.headers_mut().contains_key("grpc-status-details-bin"));
}

#[test]
fn what_does_not_fit_is_left_out_and_the_rest_is_kept() {
    let huge = pb::ErrorInfo { reason: "x".repeat(4000), ..Default::default() };
    let status = StatusBuilder::new(Code::NotFound, "x")
        .reason("NO_SUCH_KEY", "cache.example")
        .detail("a.Huge", &huge)
        .quota("a", "b")
        .build();
    let expected = ["google.rpc.ErrorInfo", "google.rpc.QuotaFailure"]
        .map(|name| format!("type.googleapis.com/{name}"));
    assert_eq!(urls(&status), expected);
}

#[test]
fn every_bad_field_is_listed_at_once() {
    let mut bad = Violations::default();
    bad.check(true, "good", "is never seen");
    bad.check(false, "key", "must not be empty");
    bad.add("val", format_args!("has {} bytes of at most {}", 7, 5));
    let status = bad.into_result().unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "field key: must not be empty; field val: has 7 bytes of at most 5"
    );
    let listed = status.get_details_bad_request().unwrap().field_violations;
    let listed: Vec<_> =
        listed.iter().map(|v| (v.field.as_str(), v.description.as_str())).collect();
    assert_eq!(listed, [("key", "must not be empty"), ("val", "has 7 bytes of at most 5")]);
}

#[test]
fn violations_beyond_the_bound_are_counted() {
    let mut bad = Violations::default();
    for index in 0..1000 {
        bad.add(&format!("entries[{index}]"), "x".repeat(100));
    }
    let status = bad.into_result().unwrap_err();
    let listed = status.get_details_bad_request().unwrap().field_violations.len();
    assert!((10..30).contains(&listed), "{listed}");
    let more = format!("{} more than are listed; field entries[0]", 1000 - listed);
    assert!(status.message().starts_with(&more), "{}", status.message());
}

#[test]
fn a_good_request_passes() {
    let bad = Violations::default();
    assert!(bad.is_empty() && bad.into_result().is_ok());
}

#[test]
fn a_value_is_given_or_found_wrong_with_its_field() {
    let mut bad = Violations::default();
    assert_eq!(bad.value("limit", "7".parse::<u32>()), Some(7));
    assert!(bad.is_empty());
    assert_eq!(bad.value("limit", "x".parse::<u32>()), None);
    assert_eq!(bad.value::<u32>("size", Err("is negative")), None);
    let status = bad.into_status();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "field limit: invalid digit found in string; field size: is negative"
    );
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 2);
}
