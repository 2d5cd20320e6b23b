//! The body of a request as messages.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use serde_json::de::SliceRead;
use serde_json::error::Category;

use super::explain::{self, Root, Wrong};
use super::one_field::OneField;
use crate::binding::{Binding, BodyRule};
use crate::error::Refusal;

/// Reads one message after the other. JSON objects of a stream may be separated by any white space, so NDJSON and a single object that
/// is spread over several lines are read alike.
pub(super) struct JsonBody<'b> {
    rule: &'b BodyRule,
    input: &'b MessageDescriptor,
    body: &'b [u8],
    json: serde_json::Deserializer<SliceRead<'b>>,
    stream: bool,
    read: usize,
}

impl<'b> JsonBody<'b> {
    pub(super) fn new(binding: &'b Binding, body: &'b [u8], stream: bool) -> Self {
        let json = serde_json::Deserializer::from_slice(body);
        Self { rule: &binding.body, input: &binding.target.input, body, json, stream, read: 0 }
    }

    /// The one message of the body. A body that is empty is a message without fields.
    pub(super) fn only(&mut self) -> Result<DynamicMessage, Refusal> {
        let message = self.next()?.unwrap_or_else(|| DynamicMessage::new(self.input.clone()));
        self.json.end().map_err(|error| {
            Refusal::Syntax(format!("the body has more than one JSON value: {error}"))
        })?;
        Ok(message)
    }

    /// The next message of the body.
    pub(super) fn next(&mut self) -> Result<Option<DynamicMessage>, Refusal> {
        if *self.rule == BodyRule::None {
            if self.json.end().is_err() {
                return Err(Refusal::Syntax(
                    "this route takes no body: fields come in the path and in the query".to_owned(),
                ));
            }
            // So there is always one message.
            self.read += 1;
            return Ok((self.read == 1).then(|| DynamicMessage::new(self.input.clone())));
        }
        if self.json.end().is_ok() {
            return Ok(None);
        }
        let message = self.message().map_err(|error| self.refusal(&error))?;
        self.read += 1;
        Ok(Some(message))
    }

    fn message(&mut self) -> serde_json::Result<DynamicMessage> {
        let BodyRule::Field(field) = self.rule else {
            return DynamicMessage::deserialize(self.input.clone(), &mut self.json);
        };
        let Some(message) = singular_message(field) else {
            return DynamicMessage::deserialize(
                self.input.clone(),
                OneField::new(field.json_name(), &mut self.json),
            );
        };
        let value = DynamicMessage::deserialize(message, &mut self.json)?;
        let mut request = DynamicMessage::new(self.input.clone());
        request.set_field(field, Value::Message(value));
        Ok(request)
    }

    /// The serde error has no path to the field, and may repeat the value, which may be a token: so it is looked for again.
    fn refusal(&self, error: &serde_json::Error) -> Refusal {
        if error.classify() != Category::Data {
            return not_json(error);
        }
        let root = match self.rule {
            BodyRule::Field(field) => match singular_message(field) {
                Some(message) => Root::Message(message),
                None => Root::Field(field.clone()),
            },
            BodyRule::Whole | BodyRule::None => Root::Message(self.input.clone()),
        };
        match explain::wrong(&root, self.body, self.read) {
            Wrong::Field { field, reason } if self.stream => Refusal::field(
                field,
                format!("{reason} (in message {} of the stream)", self.read + 1),
            ),
            Wrong::Field { field, reason } => Refusal::field(field, reason),
            Wrong::NoObject => Refusal::Syntax("the body is JSON, but not an object".to_owned()),
            Wrong::Together => {
                Refusal::Syntax(format!("the fields of the body do not fit together: {error}"))
            }
        }
    }
}

fn not_json(error: &serde_json::Error) -> Refusal {
    Refusal::Syntax(format!("the body is not JSON: {error}"))
}

fn singular_message(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    match field.kind() {
        Kind::Message(message) if !field.is_list() && !field.is_map() => Some(message),
        _ => None,
    }
}
