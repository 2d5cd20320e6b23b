//! Metadata that nobody may see.

use std::fmt;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Pairs;

/// The metadata of requests to a collector; among it may be a token, so it is never shown.
#[derive(Clone, Default)]
pub struct Secrets(HeaderMap);

impl Secrets {
    /// What is sent.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.0
    }
}

impl FromStr for Secrets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pairs: Pairs = text.parse()?;
        let pairs = pairs.0.iter().map(|(name, value)| {
            let name: HeaderName =
                name.parse().map_err(|_| "a name is none of a header".to_owned())?;
            let mut value: HeaderValue =
                value.parse().map_err(|_| "a value is none of a header".to_owned())?;
            value.set_sensitive(true);
            Ok((name, value))
        });
        pairs.collect::<Result<_, String>>().map(Self)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secrets({} not shown)", self.0.len())
    }
}
