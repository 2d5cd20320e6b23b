use std::fmt::Display;

use tonic::{Code, Status};
use tonic_types::pb::bad_request::FieldViolation;

use super::StatusBuilder;
use super::text::bounded;

/// How much the violations of one request may take, as text.
const MAX_BYTES: usize = 2048;
const MAX_FIELD_BYTES: usize = 128;
const MAX_DESCRIPTION_BYTES: usize = 256;

/// Everything that is wrong with a request, so that its sender learns all of it at once.
///
/// About 2 KiB of violations are listed; the rest of them is counted.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    listed: Vec<FieldViolation>,
    bytes: usize,
    unlisted: usize,
}

impl Violations {
    /// Adds a violation unless `holds`. `description` says what `field` has to be, or what it was.
    pub fn check(&mut self, holds: bool, field: &str, description: impl Display) {
        if !holds {
            self.add(field, description);
        }
    }

    /// Takes the value of `field`, or adds what is wrong with it.
    pub fn value<T>(&mut self, field: &str, value: Result<T, impl Display>) -> Option<T> {
        value.map_err(|description| self.add(field, description)).ok()
    }

    /// Adds a violation. `field` is a path such as `entries[3].key`.
    pub fn add(&mut self, field: &str, description: impl Display) {
        let field = bounded(field, MAX_FIELD_BYTES);
        let description = bounded(description, MAX_DESCRIPTION_BYTES);
        let bytes = field.len() + description.len();
        if self.bytes + bytes > MAX_BYTES {
            self.unlisted += 1;
            return;
        }
        self.bytes += bytes;
        self.listed.push(FieldViolation { field, description, ..FieldViolation::default() });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Lets a good request pass.
    ///
    /// # Errors
    /// [`into_status`](Self::into_status) of all violations.
    pub fn into_result(self) -> Result<(), Status> {
        if self.is_empty() { Ok(()) } else { Err(self.into_status()) }
    }

    /// The refusal of the request: INVALID_ARGUMENT with a BadRequest of all violations, which its message names as well.
    pub fn into_status(self) -> Status {
        let each = |violation: &FieldViolation| {
            format!("field {}: {}", violation.field, violation.description)
        };
        let mut message = self.listed.iter().map(each).collect::<Vec<_>>().join("; ");
        if self.unlisted > 0 {
            message = format!("{} more than are listed; {message}", self.unlisted);
        }
        StatusBuilder::new(Code::InvalidArgument, message).violations(self).build()
    }

    pub(super) fn into_listed(self) -> Vec<FieldViolation> {
        self.listed
    }
}
