//! Pages of a list: how large, and where they start.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::account::AccountId;

/// How many accounts a page has when the caller does not say.
const DEFAULT_SIZE: usize = 50;
/// How many accounts a page has at most.
const MAX_SIZE: usize = 1000;

/// The size of a page that a caller asks for with `page_size`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn size(page_size: i32) -> Result<usize, String> {
    match usize::try_from(page_size) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
        Err(_) => Err(format!(
            "{page_size} is negative; 0 means {DEFAULT_SIZE}, and a page has at most {MAX_SIZE}"
        )),
    }
}

/// The `page_token` of the page after the account `last`. It has no form that a caller may rely on.
pub(crate) fn token_after(last: &AccountId) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last.as_str())
}

/// The account after which the page of a `page_token` starts; `None` is the first page.
///
/// # Errors
/// What is wrong with the token. It is not repeated: it may be anything, even a token of another kind.
pub(crate) fn after(page_token: &str) -> Result<Option<AccountId>, String> {
    if page_token.is_empty() {
        return Ok(None);
    }
    let id = BASE64_URL_SAFE_NO_PAD
        .decode(page_token)
        .ok()
        .and_then(|bytes| AccountId::parse(str::from_utf8(&bytes).ok()?));
    id.map(Some).ok_or_else(|| {
        "is no next_page_token of ListAccounts; leave it empty to start from the first account"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_defaulted_capped_or_refused() {
        for (asked, expected) in [(0, 50), (1, 1), (1000, 1000), (1001, 1000), (i32::MAX, 1000)] {
            assert_eq!(size(asked), Ok(expected));
        }
        assert!(size(-1).is_err() && size(i32::MIN).is_err());
    }

    #[test]
    fn a_page_token_leads_back_to_its_account() {
        let id = AccountId::generate().unwrap();
        let token = token_after(&id);
        assert!(!token.contains("acc_"), "a token is opaque");
        assert_eq!(after(&token), Ok(Some(id)));
        assert_eq!(after(""), Ok(None));
    }

    #[test]
    fn other_texts_are_no_page_tokens() {
        let padded = format!("{}=", token_after(&AccountId::generate().unwrap()));
        for text in ["x", "way_secret", "acc_0123456789abcdefghij", "YWNjXw", "_w", &padded] {
            let error = after(text).unwrap_err();
            assert!(!error.contains(text) || text == "x", "{error}");
        }
    }
}
