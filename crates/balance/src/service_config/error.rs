//! Why a service config is not valid.

use std::fmt;

/// Why a service config was rejected, as a whole: which field, and what is wrong with it. Source: gRFC A21.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfigError {
    field: String,
    problem: String,
}

impl ServiceConfigError {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The path of the field, as `methodConfig[0].retryPolicy.maxAttempts`; empty when the text is not a JSON object.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for ServiceConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("invalid service config: ")?;
        if !self.field.is_empty() {
            write!(formatter, "{} ", self.field)?;
        }
        formatter.write_str(&self.problem)
    }
}

impl std::error::Error for ServiceConfigError {}
