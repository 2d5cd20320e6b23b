//! The names of an account's keys in Redis.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Ids of our accounts are letters, digits and `_`. In those of other accounts servers everything else is escaped: a brace would end the hash
/// tag, and a colon could make a key of one account that of another.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// The names of the keys of one account. All have the same hash tag (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags>).
#[derive(Debug)]
pub(in crate::store) struct AccountKeys {
    prefix: String,
}

impl AccountKeys {
    pub(in crate::store) fn of(account: &str) -> Self {
        Self { prefix: format!("cache:{{{}}}:", utf8_percent_encode(account, ESCAPED)) }
    }

    /// Every key, in order.
    pub(in crate::store) fn keys(&self) -> String {
        format!("{}keys", self.prefix)
    }

    /// The keys that expire, by when.
    pub(in crate::store) fn expiries(&self) -> String {
        format!("{}expiries", self.prefix)
    }

    /// The value of a key.
    pub(in crate::store) fn value(&self, key: &str) -> String {
        format!("{}val:{key}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_tag(name: &str) -> &str {
        name.split_once('{').unwrap().1.split_once('}').unwrap().0
    }

    #[test]
    fn all_keys_of_an_account_have_its_hash_tag() {
        for account in ["acc_0123", "}", "a}b{c", "ü:val:x"] {
            let keys = AccountKeys::of(account);
            let names = [keys.keys(), keys.expiries(), keys.value("}{"), keys.value("a:b")];
            assert!(names.iter().all(|name| hash_tag(name) == hash_tag(&names[0])), "{names:?}");
            assert!(!hash_tag(&names[0]).is_empty());
        }
    }

    #[test]
    fn no_id_and_key_make_a_name_of_another_account() {
        let (sly, honest) = (AccountKeys::of("a}:val:b"), AccountKeys::of("a"));
        assert_ne!(sly.keys(), honest.value("b}:keys"));
        assert_eq!(AccountKeys::of("acc_0123").value("k"), "cache:{acc_0123}:val:k");
    }
}
