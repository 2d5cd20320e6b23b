//! The text of a path or a query parameter as the value of a field.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use serde_json::Value as Json;

use super::expected::expected;
use super::one_field::OneField;

/// Reads one value of a field: for a repeated field, one item. The error says what was expected.
pub(super) fn value(field: &FieldDescriptor, text: String) -> Result<Value, String> {
    match field.kind() {
        Kind::String => Ok(Value::String(text)),
        kind => {
            let json = json(&kind, text);
            canonical(field, json).ok_or_else(|| format!("expected {}", expected(field)))
        }
    }
}

/// Canonical JSON takes numbers in quotes, but not these.
fn json(kind: &Kind, text: String) -> Json {
    let is_bool = match kind {
        Kind::Bool => true,
        Kind::Message(message) => message.full_name() == "google.protobuf.BoolValue",
        _ => false,
    };
    let number = if matches!(kind, Kind::Enum(_)) { text.parse::<i32>().ok() } else { None };
    match (text.as_str(), number) {
        ("true", _) if is_bool => Json::Bool(true),
        ("false", _) if is_bool => Json::Bool(false),
        (_, Some(number)) => number.into(),
        _ => Json::String(text),
    }
}

fn canonical(field: &FieldDescriptor, json: Json) -> Option<Value> {
    let json = if field.is_list() { Json::Array(vec![json]) } else { json };
    let alone = OneField::new(field.json_name(), json);
    let mut message = DynamicMessage::deserialize(field.parent_message().clone(), alone).ok()?;
    match message.take_field(field) {
        Some(Value::List(mut items)) => items.pop(),
        Some(value) => Some(value),
        // A value that is the default leaves no trace in a field without presence.
        None => Some(field.default_value()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn read(field: &str, text: &str) -> Result<Value, String> {
        value(&testing::message("UpdateRequest").get_field_by_name(field).unwrap(), text.to_owned())
    }

    /// The value as canonical JSON writes it.
    fn written(field: &str, text: &str) -> String {
        let message = testing::message("UpdateRequest");
        let field = message.get_field_by_name(field).unwrap();
        let mut value = value(&field, text.to_owned()).unwrap();
        if field.is_list() {
            value = Value::List(vec![value]);
        }
        let mut message = DynamicMessage::new(message);
        message.set_field(&field, value);
        let json = serde_json::to_value(&message).unwrap();
        json.get(field.json_name()).map_or("-".to_owned(), ToString::to_string)
    }

    #[test]
    fn every_kind_of_field_is_read_from_text() {
        for (field, text, expected) in [
            ("name", "true", "\"true\""),
            ("urgent", "true", "true"),
            ("urgent", "false", "-"),
            ("genre", "GENRE_POEM", "\"GENRE_POEM\""),
            ("genre", "1", "\"GENRE_POEM\""),
            ("genre", "0", "-"),
            ("wait", "1.5s", "\"1.500s\""),
            ("when_due", "2026-01-31T12:00:00Z", "\"2026-01-31T12:00:00Z\""),
            ("cover", "aGk=", "\"aGk=\""),
            ("cover", "_-8", "\"/+8=\""),
            ("page_numbers", "-7", "[-7]"),
            ("genres", "GENRE_POEM", "[\"GENRE_POEM\"]"),
            ("tags", "a,b", "[\"a,b\"]"),
            ("share", "0.25", "0.25"),
            ("share", "-Infinity", "\"-Infinity\""),
            ("mask", "book.title,name", "\"book.title,name\""),
            ("known", "true", "true"),
            ("known", "false", "false"),
            ("number", "4294967295", "4294967295"),
            ("note", "", "\"\""),
        ] {
            assert_eq!(written(field, text), expected, "{field}={text}");
        }
    }

    #[test]
    fn what_a_field_cannot_take_is_answered_with_what_it_takes() {
        for (field, text, expected) in [
            ("urgent", "yes", "expected true or false"),
            ("known", "1", "expected true or false"),
            ("genre", "GENRE_NONE", "expected one of GENRE_UNSPECIFIED, GENRE_POEM"),
            ("wait", "5", "expected a duration in seconds such as \"1.5s\""),
            ("when_due", "today", "expected a time such as \"2026-01-31T12:00:00Z\""),
            ("cover", "*", "expected a string in base64"),
            ("page_numbers", "1.5", "expected a list, each item an integer of 32 bits"),
            ("number", "-1", "expected an integer of 32 bits that is not negative"),
            ("number", "4294967296", "expected an integer of 32 bits that is not negative"),
            ("share", "much", "expected a number"),
        ] {
            assert_eq!(read(field, text), Err(expected.to_owned()), "{field}={text}");
        }
    }
}
