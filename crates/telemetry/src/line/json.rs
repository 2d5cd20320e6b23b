//! A JSON object a line, with the fields of the event at the top level.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::Level;
use tracing::field::{Field, Visit};

use super::Buffer;
use super::escape::{self, Escaping, Form};
use super::number;

/// Adds everything up to the first field.
pub(super) fn begin(buffer: &mut Buffer, level: Level) {
    let line = &mut buffer.bytes;
    line.extend_from_slice(b"{\"timestamp\":\"");
    buffer.clock.push_now(line);
    line.extend_from_slice(b"\",\"level\":\"");
    line.extend_from_slice(level.as_str().as_bytes());
    line.push(b'"');
}

/// Adds everything after the last field.
pub(super) fn end(buffer: &mut Buffer, target: &str) {
    let line = &mut buffer.bytes;
    line.extend_from_slice(b",\"target\":\"");
    escape::push(line, target, Form::Json);
    line.extend_from_slice(b"\"}\n");
}

/// Adds fields.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a mut Vec<u8>);

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        let name = field.name();
        self.0.extend_from_slice(b",\"");
        // How a field is written that has the name of a keyword.
        escape::push(self.0, name.strip_prefix("r#").unwrap_or(name), Form::Json);
        self.0.extend_from_slice(b"\":");
    }

    fn display(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.name(field);
        self.0.push(b'"');
        // A value that cannot be formatted is cut off where it says so.
        let _ = Escaping { line: self.0, form: Form::Json }.write_fmt(value);
        self.0.push(b'"');
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        self.0.push(b'"');
        escape::push(self.0, value, Form::Json);
        self.0.push(b'"');
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        number::push_integer(self.0, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.name(field);
        number::push_integer(self.0, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field);
        if value.is_finite() {
            number::push_float(self.0, value);
        } else {
            self.0.extend_from_slice(b"null");
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.name(field);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.display(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.display(field, format_args!("{value:?}"));
    }
}
