//! Query parameters: every field that is neither in the path nor in the body.
//!
//! The name of a parameter is the way to the field, `outer.inner`, by proto names or JSON names; a repeated field is a parameter that
//! comes several times. Source: `google/api/http.proto`, "Rules for HTTP mapping".

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

use super::requests::descend;
use super::text;
use crate::binding::{Binding, FieldPath, has_text_form};
use crate::error::Refusal;

/// How many names the way to a field may have.
const MAX_DEPTH: usize = 32;
/// How much of the name of an unknown parameter is repeated.
const MAX_NAME: usize = 100;

/// Sets the fields that a query names.
pub(super) fn fill(
    message: &mut DynamicMessage,
    binding: &Binding,
    query: &str,
) -> Result<(), Refusal> {
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = decoded(name)
            .ok_or_else(|| Refusal::field("query", "a name is not percent-encoded UTF-8"))?;
        let refused =
            |reason: &str| Refusal::field(name.chars().take(MAX_NAME).collect::<String>(), reason);
        let path = resolve(&binding.target.input, &name)
            .ok_or_else(|| refused("there is no such query parameter"))?;
        if !binding.in_query(&path) {
            return Err(refused(
                "it is not a query parameter: here it comes in the path or in the body",
            ));
        }
        if path.field.is_map() || !has_text_form(&path.field.kind()) {
            return Err(refused("a field of this type cannot be a query parameter"));
        }
        let value =
            decoded(value).ok_or_else(|| refused("the value is not percent-encoded UTF-8"))?;
        let value = text::value(&path.field, value).map_err(|reason| refused(&reason))?;
        set(descend(message, &path.parents), &path.field, value).map_err(refused)?;
    }
    Ok(())
}

fn set(
    message: &mut DynamicMessage,
    field: &FieldDescriptor,
    value: Value,
) -> Result<(), &'static str> {
    if field.is_list() {
        if let Value::List(items) = message.get_field_mut(field) {
            items.push(value);
        }
        return Ok(());
    }
    if message.has_field(field) {
        return Err("it was given more than once");
    }
    let other = field
        .containing_oneof()
        .and_then(|oneof| oneof.fields().find(|other| message.has_field(other)));
    if other.is_some() {
        return Err("another field was given that excludes it");
    }
    message.set_field(field, value);
    Ok(())
}

fn resolve(message: &MessageDescriptor, name: &str) -> Option<FieldPath> {
    let mut message = message.clone();
    let mut parents = Vec::new();
    let mut names = name.split('.');
    let mut field = by_name(&message, names.next()?)?;
    for name in names {
        if field.is_list() || field.is_map() || parents.len() == MAX_DEPTH {
            return None;
        }
        message = field.kind().as_message()?.clone();
        parents.push(field);
        field = by_name(&message, name)?;
    }
    Some(FieldPath { parents, field })
}

fn by_name(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name))
}

/// Decodes a part of a query, in which a plus is a space.
fn decoded(text: &str) -> Option<String> {
    let text =
        if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}
