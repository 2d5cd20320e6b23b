//! Messages as JSON Schema, by the canonical JSON mapping of protobuf.

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::Comments;

/// The schemas of messages and enums, collected while they are referred to.
#[derive(Debug)]
pub(super) struct Schemas<'c> {
    pub(super) comments: &'c Comments,
    done: BTreeMap<String, Json>,
}

impl<'c> Schemas<'c> {
    pub(super) fn new(comments: &'c Comments) -> Self {
        Self { comments, done: BTreeMap::new() }
    }

    /// The components, by name.
    pub(super) fn into_components(self) -> Map<String, Json> {
        self.done.into_iter().collect()
    }

    /// The schema of a message: a reference, or what a well-known type is in JSON.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Json {
        if let Some(known) = well_known(message.full_name()) {
            return known;
        }
        self.component(message.full_name(), |schemas| schemas.object(message, |_| true))
    }

    /// A message as an object with the fields that are wanted.
    pub(super) fn object(
        &mut self,
        message: &MessageDescriptor,
        wanted: impl Fn(&FieldDescriptor) -> bool,
    ) -> Json {
        let fields = message.fields().filter(wanted);
        let properties = fields
            .map(|field| (field.json_name().to_owned(), self.field(&field)))
            .collect::<Map<_, _>>();
        let mut schema = json!({ "type": "object", "properties": properties });
        describe(&mut schema, self.comments.message(message));
        schema
    }

    /// The schema of a field, with its comment.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Json {
        let mut schema = if field.is_map() {
            let value = field.kind().as_message().map(|entry| entry.map_entry_value_field().kind());
            json!({ "type": "object", "additionalProperties": value.map_or(json!({}), |value| self.kind(&value)) })
        } else if field.is_list() {
            json!({ "type": "array", "items": self.kind(&field.kind()) })
        } else {
            self.kind(&field.kind())
        };
        describe(&mut schema, self.comments.field(field));
        if field
            .field_descriptor_proto()
            .options
            .as_ref()
            .is_some_and(prost_reflect::prost_types::FieldOptions::deprecated)
        {
            schema["deprecated"] = true.into();
        }
        schema
    }

    fn kind(&mut self, kind: &Kind) -> Json {
        match kind {
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::String => json!({ "type": "string" }),
            Kind::Bytes => json!({ "type": "string", "contentEncoding": "base64" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "format": "int32" })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "format": "uint32", "minimum": 0 })
            }
            // In quotes, because JavaScript would round the number.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({ "type": ["string", "integer"], "format": "int64" })
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({ "type": ["string", "integer"], "format": "uint64" })
            }
            Kind::Float => floating("float"),
            Kind::Double => floating("double"),
            Kind::Message(message) => self.message(message),
            Kind::Enum(values) => {
                self.component(values.full_name(), |schemas| schemas.values(values))
            }
        }
    }

    fn values(&self, values: &EnumDescriptor) -> Json {
        let names = values.values().map(|value| value.name().to_owned()).collect::<Vec<_>>();
        let mut schema = json!({ "type": "string", "enum": names });
        describe(&mut schema, self.comments.values(values));
        schema
    }

    fn component(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.done.contains_key(name) {
            // Something has to be there already when the message refers to itself.
            self.done.insert(name.to_owned(), Json::Null);
            let schema = make(self);
            self.done.insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}

/// Adds a comment to a schema. In OpenAPI 3.1 it may stand beside a reference.
pub(super) fn describe(schema: &mut Json, comment: &str) {
    if !comment.is_empty() {
        schema["description"] = comment.into();
    }
}

fn floating(format: &str) -> Json {
    json!({ "anyOf": [
        { "type": "number", "format": format },
        { "type": "string", "enum": ["NaN", "Infinity", "-Infinity"] },
    ] })
}

/// What the messages are in JSON that have a form of their own.
fn well_known(name: &str) -> Option<Json> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Timestamp" => json!({ "type": "string", "format": "date-time" }),
        "Duration" => json!({ "type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$" }),
        "FieldMask" | "StringValue" => json!({ "type": "string" }),
        "BytesValue" => json!({ "type": "string", "contentEncoding": "base64" }),
        "BoolValue" => json!({ "type": "boolean" }),
        "Int32Value" | "UInt32Value" => json!({ "type": "integer" }),
        "Int64Value" | "UInt64Value" => json!({ "type": ["string", "integer"] }),
        "FloatValue" => floating("float"),
        "DoubleValue" => floating("double"),
        "Struct" | "Empty" => json!({ "type": "object" }),
        "ListValue" => json!({ "type": "array", "items": {} }),
        "Value" => json!({}),
        "Any" => json!({ "type": "object", "properties": { "@type": { "type": "string" } } }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn every_kind_of_field_has_the_schema_of_its_json() {
        let comments = Comments::default();
        let mut schemas = Schemas::new(&comments);
        let message = testing::message("UpdateRequest");
        let mut schema = |field: &str| schemas.field(&message.get_field_by_name(field).unwrap());
        for (field, expected) in [
            ("name", json!({ "type": "string" })),
            ("tags", json!({ "type": "array", "items": { "type": "string" } })),
            ("book", json!({ "$ref": "#/components/schemas/library.v1.Book" })),
            ("genre", json!({ "$ref": "#/components/schemas/library.v1.Genre" })),
            ("cover", json!({ "type": "string", "contentEncoding": "base64" })),
            ("when_due", json!({ "type": "string", "format": "date-time" })),
            ("number", json!({ "type": "integer", "format": "uint32", "minimum": 0 })),
            (
                "counts",
                json!({ "type": "object", "additionalProperties": { "type": "integer", "format": "int32" } }),
            ),
        ] {
            assert_eq!(schema(field), expected, "{field}");
        }
    }

    #[test]
    fn a_message_that_contains_itself_is_one_component() {
        let comments = Comments::default();
        let mut schemas = Schemas::new(&comments);
        schemas.message(&testing::message("Book"));
        let components = schemas.into_components();
        assert_eq!(
            components["library.v1.Book"]["properties"]["sequel"]["$ref"],
            "#/components/schemas/library.v1.Book"
        );
        assert_eq!(
            components["library.v1.Book"]["properties"]["id"]["type"],
            json!(["string", "integer"])
        );
        assert_eq!(
            components["library.v1.Genre"]["enum"],
            json!(["GENRE_UNSPECIFIED", "GENRE_POEM"])
        );
    }
}
