//! An account and its parts. What is constructed is valid.

use std::fmt;
use std::ops::RangeInclusive;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// An account. The token is no part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) name: Name,
    pub(crate) max_cache_keys: MaxCacheKeys,
    /// Microseconds since the Unix epoch.
    pub(crate) create_time: i64,
}

/// The id of an account: `acc_` and 20 lower-case letters or digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountId(String);

const ID_PREFIX: &str = "acc_";
/// About 103 bits, so that two accounts never get the same one.
const ID_LENGTH: usize = 20;
const ID_ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl AccountId {
    /// Makes a new id.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub(crate) fn generate() -> Result<Self, Unspecified> {
        // The largest multiple of the alphabet's size: the remainder of a larger byte would favour the first characters.
        const USABLE: u8 = 252;
        let mut id = ID_PREFIX.to_owned();
        let random = SystemRandom::new();
        let mut bytes = [0; 32];
        while id.len() < ID_PREFIX.len() + ID_LENGTH {
            random.fill(&mut bytes)?;
            let left = ID_PREFIX.len() + ID_LENGTH - id.len();
            let usable = bytes.iter().filter(|byte| **byte < USABLE).take(left);
            id.extend(
                usable.map(|byte| char::from(ID_ALPHABET[usize::from(*byte) % ID_ALPHABET.len()])),
            );
        }
        Ok(Self(id))
    }

    /// The id that a text is, if it has the form of one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(ID_PREFIX)?;
        let fits = rest.len() == ID_LENGTH && rest.bytes().all(|byte| ID_ALPHABET.contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }

    /// An id that the store has kept.
    pub(crate) fn from_store(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name of an account: 1 to 128 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

const NAME_LENGTH: RangeInclusive<usize> = 1..=128;

impl Name {
    /// Takes a text as name.
    ///
    /// # Errors
    /// What is wrong with it. The text is not repeated: it may be long, or full of control characters.
    pub(crate) fn try_new(text: String) -> Result<Self, String> {
        let length = text.chars().count();
        if !NAME_LENGTH.contains(&length) {
            let (least, most) = NAME_LENGTH.into_inner();
            Err(format!("has {length} characters; a name has {least} to {most}"))
        } else if text.chars().any(char::is_control) {
            Err("contains a control character; a name has none".to_owned())
        } else {
            Ok(Self(text))
        }
    }

    /// A name that the store has kept.
    pub(crate) fn from_store(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many keys an account may keep in the cache: 0 to 1,000,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxCacheKeys(i64);

const MAX_CACHE_KEYS: RangeInclusive<i64> = 0..=1_000_000_000;

impl MaxCacheKeys {
    /// Takes a number as limit.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn try_new(number: i64) -> Result<Self, String> {
        if MAX_CACHE_KEYS.contains(&number) {
            Ok(Self(number))
        } else {
            let (least, most) = MAX_CACHE_KEYS.into_inner();
            Err(format!("{number} is not from {least} to {most}"))
        }
    }

    /// A limit that the store has kept.
    pub(crate) fn from_store(number: i64) -> Self {
        Self(number)
    }

    pub(crate) fn get(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_have_their_form_and_use_every_character() {
        let ids: BTreeSet<_> = (0..1000).map(|_| AccountId::generate().unwrap()).collect();
        assert_eq!(ids.len(), 1000, "no two are equal");
        assert!(ids.iter().all(|id| AccountId::parse(id.as_str()).as_ref() == Some(id)));
        let used: BTreeSet<_> =
            ids.iter().flat_map(|id| id.as_str()[ID_PREFIX.len()..].bytes()).collect();
        assert_eq!(used.len(), ID_ALPHABET.len());
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "acc_",
            "acc_0123456789abcdefghi",
            "acc_0123456789abcdefghijk",
            "acc_0123456789ABCDEFGHIJ",
            "0123456789abcdefghij",
        ] {
            assert_eq!(AccountId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_has_1_to_128_characters_none_of_them_control_characters() {
        for name in ["a", " ", "Ada Lovelace", "名前", &"ä".repeat(128)] {
            assert_eq!(Name::try_new(name.to_owned()).unwrap().as_str(), name);
        }
        for (name, reason) in [
            ("", "has 0 characters"),
            (&*"ä".repeat(129), "has 129 characters"),
            ("a\0", "control character"),
            ("a\u{85}", "control character"),
        ] {
            let error = Name::try_new(name.to_owned()).unwrap_err();
            assert!(
                error.contains(reason) && (name.is_empty() || !error.contains(name)),
                "{error}"
            );
        }
    }

    #[test]
    fn a_limit_is_0_to_a_thousand_million() {
        for number in [0, 1, 1_000_000_000] {
            assert_eq!(MaxCacheKeys::try_new(number).unwrap().get(), number);
        }
        for number in [-1, 1_000_000_001, i64::MIN, i64::MAX] {
            assert!(MaxCacheKeys::try_new(number).unwrap_err().contains(&number.to_string()));
        }
    }
}
