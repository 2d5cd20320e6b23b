//! Finds the field that makes a body wrong, after it was found to be.
//!
//! Walks the JSON beside the descriptors, without keeping any of it, and reads each field as the real reader does: the first that
//! cannot be read is the one. Fields are named as the client wrote them; values are never repeated.

use std::borrow::Cow;
use std::fmt;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::expected::expected;
use super::one_field::OneField;
use crate::binding::has_text_form;

/// What the JSON should be.
#[derive(Clone, Debug)]
pub(super) enum Root {
    Message(MessageDescriptor),
    /// The value of a field.
    Field(FieldDescriptor),
}

/// What is wrong with a value of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not an object.
    NoObject,
    /// This field, for this reason.
    Field { field: String, reason: String },
    /// Every field alone is right.
    Together,
}

/// Finds out what is wrong with one of the values of a body.
pub(super) fn wrong(root: &Root, body: &[u8], index: usize) -> Wrong {
    let mut json = serde_json::Deserializer::from_slice(body);
    for _ in 0..index {
        // These were read already, so this cannot fail.
        let _ = IgnoredAny::deserialize(&mut json);
    }
    let mut walk = Walk { path: Vec::new(), found: Wrong::NoObject };
    let _ = match root {
        Root::Message(message) => InMessage { walk: &mut walk, message }.deserialize(&mut json),
        Root::Field(field) => {
            let message = field.parent_message();
            let mut one = OneField::new(field.json_name(), &mut json);
            InMessage { walk: &mut walk, message }.visit_map(&mut one)
        }
    };
    walk.found
}

/// How long the name of a field may get in an answer: it comes from the client.
const MAX_NAME: usize = 100;

#[derive(Debug)]
struct Walk {
    path: Vec<String>,
    found: Wrong,
}

impl Walk {
    /// Goes on inside of a field. Whatever fails there without being found deeper makes this the wrong one.
    fn inside<T, E>(
        &mut self,
        name: &str,
        reason: &str,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.path.push(name.chars().take(MAX_NAME).collect());
        let result = read(self);
        if result.is_err() && !matches!(self.found, Wrong::Field { .. }) {
            self.found = Wrong::Field { field: self.path.join("."), reason: reason.to_owned() };
        }
        self.path.pop();
        result
    }
}

/// Reads an object as a message.
struct InMessage<'w> {
    walk: &'w mut Walk,
    message: &'w MessageDescriptor,
}

impl<'de> DeserializeSeed<'de> for InMessage<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InMessage<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.walk.path.is_empty() {
            self.walk.found = Wrong::Together;
        }
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let field = self
                .message
                .get_field_by_json_name(&key)
                .or_else(|| self.message.get_field_by_name(&key));
            let reason = match &field {
                Some(field) => format!("expected {}", expected(field)),
                None => format!("{} has no such field", self.message.full_name()),
            };
            self.walk.inside(&key, &reason, |walk| match &field {
                Some(field) => map.next_value_seed(InField { walk, field }),
                None => Err(A::Error::custom("")),
            })?;
        }
        Ok(())
    }
}

/// Reads the value of a field; a null is the same as no field.
struct InField<'w> {
    walk: &'w mut Walk,
    field: &'w FieldDescriptor,
}

impl<'de> DeserializeSeed<'de> for InField<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for InField<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { walk, field } = self;
        match field.kind() {
            Kind::Message(message) if !field.is_map() && has_fields(&message) => {
                if field.is_list() {
                    deserializer.deserialize_seq(InList { walk, message: &message })
                } else {
                    InMessage { walk, message: &message }.deserialize(deserializer)
                }
            }
            _ => {
                let alone = OneField::new(field.json_name(), deserializer);
                DynamicMessage::deserialize(field.parent_message().clone(), alone).map(drop)
            }
        }
    }
}

/// Reads a list of messages.
struct InList<'w> {
    walk: &'w mut Walk,
    message: &'w MessageDescriptor,
}

impl<'de> Visitor<'de> for InList<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { walk, message } = self;
        for index in 0_usize.. {
            let next = |walk: &mut Walk| list.next_element_seed(InMessage { walk, message });
            if walk.inside(&format!("[{index}]"), "expected an object", next)?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Whether the JSON of a message is an object of its fields, rather than a form of its own.
fn has_fields(message: &MessageDescriptor) -> bool {
    let own_form = ["Any", "Struct", "Value", "ListValue", "Empty"]
        .map(|name| format!("google.protobuf.{name}"));
    !has_text_form(&Kind::Message(message.clone()))
        && !own_form.iter().any(|name| name == message.full_name())
}
