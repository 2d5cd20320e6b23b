//! The one reply of a call as an HTTP response.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage, SerializeOptions};
use serde_json::Value as Json;
use tonic::Status;

use crate::binding::ReplyRule;
use crate::metadata;

/// Canonical proto JSON that shows fields with their default value too.
const JSON: SerializeOptions = SerializeOptions::new().skip_default_fields(false);

/// Makes a response of a reply.
pub(crate) fn response(
    rule: &ReplyRule,
    reply: &tonic::Response<DynamicMessage>,
) -> Result<Response, Status> {
    let message = reply.get_ref();
    let (content_type, body) = match rule {
        ReplyRule::Text { beginning, field } => {
            let text = message.get_field(field);
            let text = text.as_str().unwrap_or_default();
            ("text/plain; charset=utf-8", format!("{beginning}{text}").into_bytes())
        }
        ReplyRule::Whole | ReplyRule::Field(_) => ("application/json", json(rule, message)?),
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    metadata::answer(reply.metadata(), response.headers_mut());
    Ok(response)
}

/// What a rule sends of a message, as JSON.
pub(crate) fn json(rule: &ReplyRule, message: &DynamicMessage) -> Result<Vec<u8>, Status> {
    let mut body = Vec::with_capacity(256);
    let written = match rule {
        ReplyRule::Field(field) => {
            field_json(message, field).and_then(|json| serde_json::to_writer(&mut body, &json))
        }
        ReplyRule::Whole | ReplyRule::Text { .. } => {
            message.serialize_with_options(&mut serde_json::Serializer::new(&mut body), &JSON)
        }
    };
    match written {
        Ok(()) => Ok(body),
        Err(error) => {
            let name = message.descriptor().full_name().to_owned();
            tracing::error!(message = name, %error, "a reply has no JSON form");
            Err(Status::internal(format!("a {name} from the server has no JSON form: {error}")))
        }
    }
}

fn field_json(message: &DynamicMessage, field: &FieldDescriptor) -> serde_json::Result<Json> {
    let Json::Object(mut fields) =
        message.serialize_with_options(serde_json::value::Serializer, &JSON)?
    else {
        return Ok(Json::Null);
    };
    Ok(fields.remove(field.json_name()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn reply(json: &str) -> DynamicMessage {
        let mut json = serde_json::Deserializer::from_str(json);
        DynamicMessage::deserialize(testing::message("UpdateResponse"), &mut json).unwrap()
    }

    fn text(rule: &ReplyRule, message: &DynamicMessage) -> String {
        String::from_utf8(json(rule, message).unwrap()).unwrap()
    }

    #[test]
    fn fields_with_default_values_are_shown_and_missing_messages_are_not() {
        let shown = text(&ReplyRule::Whole, &reply(r#"{"book": {"title": "T"}}"#));
        assert_eq!(
            shown,
            r#"{"book":{"id":"0","title":"T","genre":"GENRE_UNSPECIFIED"},"tags":[]}"#
        );
    }

    #[test]
    fn response_body_sends_one_field() {
        let field = |name: &str| {
            ReplyRule::Field(testing::message("UpdateResponse").get_field_by_name(name).unwrap())
        };
        let message = reply(r#"{"book": {"id": 7}, "tags": ["a", "b"]}"#);
        assert_eq!(text(&field("tags"), &message), r#"["a","b"]"#);
        assert_eq!(
            text(&field("book"), &message),
            r#"{"id":"7","title":"","genre":"GENRE_UNSPECIFIED"}"#
        );
        assert_eq!(text(&field("book"), &reply("{}")), "null");
        assert_eq!(text(&field("tags"), &reply("{}")), "[]");
    }
}
