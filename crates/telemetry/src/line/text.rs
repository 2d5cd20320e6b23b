//! A line of text: time, level, spans, target, message, fields.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::Level;
use tracing::field::{Field, Visit};

use super::Buffer;
use super::escape::{self, Escaping, Form};
use super::number;

const BOLD: &[u8] = b"\x1b[1m";
const DIMMED: &[u8] = b"\x1b[2m";
const ITALIC: &[u8] = b"\x1b[3m";
const PLAIN: &[u8] = b"\x1b[0m";

/// Adds time and level.
pub(super) fn begin(buffer: &mut Buffer, level: Level, colours: bool) {
    let line = &mut buffer.bytes;
    painted(line, DIMMED, colours, |line| buffer.clock.push_now(line));
    line.push(b' ');
    let (colour, name): (&[u8], &[u8]) = match level {
        Level::ERROR => (b"\x1b[31m", b"ERROR"),
        Level::WARN => (b"\x1b[33m", b" WARN"),
        Level::INFO => (b"\x1b[32m", b" INFO"),
        Level::DEBUG => (b"\x1b[34m", b"DEBUG"),
        Level::TRACE => (b"\x1b[35m", b"TRACE"),
    };
    painted(line, colour, colours, |line| line.extend_from_slice(name));
    line.push(b' ');
}

/// Adds a span that the event is in.
pub(super) fn span(line: &mut Vec<u8>, name: &str, fields: &[u8], colours: bool) {
    painted(line, BOLD, colours, |line| escape::push(line, name, Form::Bare));
    if !fields.is_empty() {
        painted(line, BOLD, colours, |line| line.push(b'{'));
        line.extend_from_slice(fields);
        painted(line, BOLD, colours, |line| line.push(b'}'));
    }
    line.push(b':');
}

/// Adds the target of the event.
pub(super) fn target(line: &mut Vec<u8>, target: &str, colours: bool) {
    painted(line, DIMMED, colours, |line| {
        escape::push(line, target, Form::Bare);
        line.push(b':');
    });
}

fn painted(line: &mut Vec<u8>, how: &[u8], colours: bool, write: impl FnOnce(&mut Vec<u8>)) {
    if colours {
        line.extend_from_slice(how);
    }
    write(line);
    if colours {
        line.extend_from_slice(PLAIN);
    }
}

/// Adds fields, those of an event or of a span.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) line: &'a mut Vec<u8>,
    pub(super) colours: bool,
}

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        if !self.line.is_empty() {
            self.line.push(b' ');
        }
        let name = field.name();
        if name == "message" {
            return;
        }
        // How a field is written that has the name of a keyword.
        let name = name.strip_prefix("r#").unwrap_or(name);
        painted(self.line, ITALIC, self.colours, |line| escape::push(line, name, Form::Bare));
        painted(self.line, DIMMED, self.colours, |line| line.push(b'='));
    }

    fn display(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.name(field);
        // A value that cannot be formatted is cut off where it says so.
        let _ = Escaping { line: self.line, form: Form::Bare }.write_fmt(value);
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        if field.name() == "message" {
            return escape::push(self.line, value, Form::Bare);
        }
        self.line.push(b'"');
        escape::push(self.line, value, Form::Quoted);
        self.line.push(b'"');
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        number::push_integer(self.line, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field);
        number::push_float(self.line, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.display(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.display(field, format_args!("{value:?}"));
    }
}
