//! A set of status codes.

use std::fmt;

use tonic::Code;

/// A set of status codes, such as those that a retry policy names. It is a number, so that asking costs nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Codes(u32);

impl Codes {
    /// No code.
    pub const NONE: Self = Self(0);

    /// The set with one code more.
    #[must_use]
    pub const fn with(self, code: Code) -> Self {
        Self(self.0 | 1 << code as u32)
    }

    /// Whether a code is in the set.
    pub const fn contains(self, code: Code) -> bool {
        self.0 & 1 << code as u32 != 0
    }

    /// Whether no code is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Code> for Codes {
    fn from_iter<I: IntoIterator<Item = Code>>(codes: I) -> Self {
        codes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = (0..=16).map(Code::from_i32).filter(|code| self.contains(*code));
        formatter.debug_set().entries(named).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it_and_nothing_else() {
        let codes: Codes = [Code::Unavailable, Code::Cancelled].into_iter().collect();
        for code in (0..=16).map(Code::from_i32) {
            let expected = matches!(code, Code::Unavailable | Code::Cancelled);
            assert_eq!(codes.contains(code), expected, "{code:?}");
        }
        assert_eq!(format!("{codes:?}"), "{Cancelled, Unavailable}");
        assert!(Codes::NONE.is_empty() && !codes.is_empty());
    }
}
