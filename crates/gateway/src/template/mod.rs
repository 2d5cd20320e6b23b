//! The path templates of `google.api.http`, and the text of the variables in them.
//!
//! Source of the grammar and of the decoding rules: `google/api/http.proto`, "Path template syntax".

mod decode;
mod parse;

pub(crate) use decode::{decode, decode_literal};

use std::ops::Range;

/// A parsed path template such as `/v1/accounts/{id}:rotateToken`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// What the segments of a path have to be.
    pub(crate) segments: Vec<Segment>,
    /// The literal after the last colon.
    pub(crate) verb: Option<String>,
    /// The parts of the path that are values of fields.
    pub(crate) variables: Vec<Variable>,
}

/// What one segment of a path has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This text, after percent-decoding.
    Literal(String),
    /// `*`: anything but nothing.
    One,
    /// `**`: all segments that are left, also none. Always the last one.
    Rest,
}

/// A part of the path that is the value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The names on the way from the request message to the field.
    pub(crate) field: Vec<String>,
    /// The segments of the template that it covers.
    pub(crate) segments: Range<usize>,
    /// Whether it may cover several segments of a path, which decides how it is decoded.
    pub(crate) multi: bool,
}

impl Variable {
    /// Takes the raw value out of the segments of a path that matched.
    pub(crate) fn of<'p, 's>(&self, template: &Template, path: &'p [&'s str]) -> &'p [&'s str] {
        let covers_rest = template
            .segments
            .get(self.segments.clone())
            .is_some_and(|own| own.contains(&Segment::Rest));
        let end = if covers_rest { path.len() } else { self.segments.end };
        path.get(self.segments.start..end).unwrap_or_default()
    }
}
