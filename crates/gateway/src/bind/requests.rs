//! Puts the message together: first the body, then the path, then the query.

use bytes::{Buf, Bytes};
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor};

use super::json::JsonBody;
use super::{query, text};
use crate::binding::Binding;
use crate::error::Refusal;
use crate::template::decode;

/// The encoded messages of a call, in their order.
///
/// Those of a stream are kept in one buffer, each after its length, so that many small ones do not take more memory than they are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Requests {
    /// The one message of a call that is not a client stream; `None` once it is taken.
    One(Option<Bytes>),
    /// What is left of the messages of a client stream.
    Many(Bytes),
}

impl Iterator for Requests {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::One(message) => message.take(),
            Self::Many(rest) => {
                let length = prost::decode_length_delimiter(&mut *rest)
                    .ok()
                    .filter(|length| *length <= rest.remaining())?;
                Some(rest.split_to(length))
            }
        }
    }
}

/// Makes the messages of a call from the segments of the path, the query and the body of a request.
pub(crate) fn requests(
    binding: &Binding,
    segments: &[&str],
    query: Option<&str>,
    body: &[u8],
) -> Result<Requests, Refusal> {
    let stream = binding.target.method.is_client_streaming();
    let mut json = JsonBody::new(binding, body, stream);
    if !stream {
        let mut message = json.only()?;
        fill(&mut message, binding, segments, query)?;
        return Ok(Requests::One(Some(message.encode_to_vec().into())));
    }
    let mut encoded = Vec::new();
    while let Some(mut message) = json.next()? {
        fill(&mut message, binding, segments, query)?;
        encoded.reserve(message.encoded_len());
        // A Vec grows, so there is always room.
        let _ = message.encode_length_delimited(&mut encoded);
    }
    Ok(Requests::Many(encoded.into()))
}

fn fill(
    message: &mut DynamicMessage,
    binding: &Binding,
    segments: &[&str],
    query: Option<&str>,
) -> Result<(), Refusal> {
    for (variable, path) in binding.template.variables.iter().zip(&binding.variables) {
        let raw = variable.of(&binding.template, segments);
        let value = decode(raw, variable.multi).map_err(|_| {
            Refusal::field(path.name(), "the text in the path is not percent-encoded UTF-8")
        })?;
        let parent = descend(message, &path.parents);
        if parent.has_field(&path.field) {
            return Err(Refusal::field(
                path.name(),
                "it is in the path already; leave it out of the body",
            ));
        }
        let value = text::value(&path.field, value)
            .map_err(|reason| Refusal::field(path.name(), reason))?;
        parent.set_field(&path.field, value);
    }
    query.map_or(Ok(()), |query| query::fill(message, binding, query))
}

/// The message at the end of a way of singular message fields, made where it is missing.
pub(super) fn descend<'m>(
    message: &'m mut DynamicMessage,
    parents: &[FieldDescriptor],
) -> &'m mut DynamicMessage {
    parents.iter().fold(message, |message, field| match message.get_field_mut(field) {
        prost_reflect::Value::Message(inner) => inner,
        other => unreachable!("{field:?} was resolved as a message and is {other:?}"),
    })
}
