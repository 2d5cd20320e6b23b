//! What a field takes, in words.

use prost_reflect::{FieldDescriptor, Kind};

/// Says what the value of a field has to be, to complete "expected …".
pub(super) fn expected(field: &FieldDescriptor) -> String {
    if field.is_map() {
        return "an object".to_owned();
    }
    let one = one(&field.kind());
    if field.is_list() { format!("a list, each item {one}") } else { one }
}

fn one(kind: &Kind) -> String {
    let text = match kind {
        Kind::Double | Kind::Float => "a number",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "an integer of 32 bits",
        Kind::Uint32 | Kind::Fixed32 => "an integer of 32 bits that is not negative",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            "an integer of 64 bits, as a number or in quotes"
        }
        Kind::Uint64 | Kind::Fixed64 => {
            "an integer of 64 bits that is not negative, as a number or in quotes"
        }
        Kind::Bool => "true or false",
        Kind::String => "a string",
        Kind::Bytes => "a string in base64",
        Kind::Enum(values) => {
            let names = values.values().map(|value| value.name().to_owned()).collect::<Vec<_>>();
            return format!("one of {}", names.join(", "));
        }
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" => "a time such as \"2026-01-31T12:00:00Z\"",
            "google.protobuf.Duration" => "a duration in seconds such as \"1.5s\"",
            "google.protobuf.FieldMask" => "names of fields, separated by commas",
            "google.protobuf.DoubleValue" | "google.protobuf.FloatValue" => "a number",
            "google.protobuf.Int64Value" | "google.protobuf.Int32Value" => "an integer",
            "google.protobuf.UInt64Value" | "google.protobuf.UInt32Value" => {
                "an integer that is not negative"
            }
            "google.protobuf.BoolValue" => "true or false",
            "google.protobuf.StringValue" => "a string",
            "google.protobuf.BytesValue" => "a string in base64",
            _ => "an object",
        },
    };
    text.to_owned()
}
