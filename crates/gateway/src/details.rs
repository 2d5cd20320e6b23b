//! The details of a status as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use prost_reflect::prost_types::Any;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Value as Json, json};

/// Canonical proto JSON, as that of replies.
const JSON: SerializeOptions = SerializeOptions::new().skip_default_fields(false);

/// Writes the details of statuses by the descriptors of one pool.
#[derive(Debug)]
pub(crate) struct Details {
    /// `google.protobuf.Any`, whose JSON is that of the message in it; `None` when the pool does not have it.
    any: Option<MessageDescriptor>,
}

impl Details {
    pub(crate) fn new(pool: &DescriptorPool) -> Self {
        Self { any: pool.get_message_by_name("google.protobuf.Any") }
    }

    /// The details in a `grpc-status-details-bin`: none when it is not a `google.rpc.Status`.
    pub(crate) fn json(&self, encoded: &[u8]) -> Vec<Json> {
        let status = tonic_types::Status::decode(encoded).unwrap_or_default();
        status.details.iter().map(|detail| self.detail(detail)).collect()
    }

    fn detail(&self, detail: &Any) -> Json {
        // A type that is not in the pool, or does not fit its message, is handed on as it is.
        self.known(detail).unwrap_or_else(
            || json!({ "@type": detail.type_url, "value": STANDARD.encode(&detail.value) }),
        )
    }

    fn known(&self, detail: &Any) -> Option<Json> {
        let mut any = DynamicMessage::new(self.any.clone()?);
        any.transcode_from(detail).ok()?;
        any.serialize_with_options(serde_json::value::Serializer, &JSON).ok()
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::Value;
    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;
    use crate::testing;

    fn details(status: &Status) -> Json {
        Details::new(testing::pool()).json(status.details()).into()
    }

    fn with_detail(type_url: &str, value: Vec<u8>) -> Status {
        let detail = Any { type_url: type_url.to_owned(), value };
        let status = tonic_types::Status { code: 5, message: String::new(), details: vec![detail] };
        Status::with_details(Code::NotFound, "", status.encode_to_vec().into())
    }

    #[test]
    fn the_standard_details_are_written_out() {
        let mut all = ErrorDetails::with_error_info(
            "STOCKOUT",
            "wayside",
            [("zone".to_owned(), "a".to_owned())],
        );
        all.add_bad_request_violation("delay", "too long")
            .set_retry_info(Some(std::time::Duration::from_millis(1500)));
        let status = Status::with_error_details(Code::ResourceExhausted, "", all);
        let details = details(&status);
        let find = |name: &str| {
            let type_url = format!("type.googleapis.com/google.rpc.{name}");
            details
                .as_array()
                .unwrap()
                .iter()
                .find(|detail| detail["@type"] == type_url)
                .unwrap()
                .clone()
        };
        assert_eq!(find("ErrorInfo")["reason"], "STOCKOUT");
        assert_eq!(find("ErrorInfo")["metadata"], json!({ "zone": "a" }));
        assert_eq!(find("BadRequest")["fieldViolations"][0]["field"], "delay");
        assert_eq!(find("RetryInfo")["retryDelay"], "1.500s");
    }

    #[test]
    fn a_message_of_the_pool_is_written_out() {
        let mut book = DynamicMessage::new(testing::message("Book"));
        book.set_field_by_name("title", Value::String("T".to_owned()));
        let status = with_detail("type.googleapis.com/library.v1.Book", book.encode_to_vec());
        let expected = json!([{ "@type": "type.googleapis.com/library.v1.Book", "id": "0", "title": "T", "genre": "GENRE_UNSPECIFIED" }]);
        assert_eq!(details(&status), expected);
    }

    #[test]
    fn an_unknown_type_and_a_broken_value_are_handed_on_in_base64() {
        for type_url in [
            "type.googleapis.com/other.v1.Thing",
            "type.googleapis.com/library.v1.Book",
            "nonsense",
        ] {
            let status = with_detail(type_url, vec![0xff, 0x00]);
            assert_eq!(
                details(&status),
                json!([{ "@type": type_url, "value": "/wA=" }]),
                "{type_url}"
            );
        }
    }

    #[test]
    fn details_that_are_no_status_are_none() {
        let status = Status::with_details(Code::NotFound, "", vec![0xff].into());
        assert_eq!(details(&status), json!([]));
    }
}
