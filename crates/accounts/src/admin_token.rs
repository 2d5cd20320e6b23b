//! The token of the administrators, as an option.

use std::fmt;

use tonic::metadata::{Ascii, MetadataValue};

use crate::token::TokenDigest;

/// How long the token may be: at least what can hardly be guessed, at most what fits a header with room to spare.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=256;

/// The token that lets a caller administer accounts. Its Debug output does not show it.
#[derive(Clone)]
pub struct AdminToken {
    bearer: MetadataValue<Ascii>,
    digest: TokenDigest,
}

/// Why a text cannot be an [`AdminToken`]; the text is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an admin token is {} to {} characters that a header can carry: letters, digits and punctuation, no spaces", LENGTH.start(), LENGTH.end())]
pub struct BadAdminToken;

impl AdminToken {
    /// Takes a text as admin token.
    ///
    /// # Errors
    /// When it is shorter than 16 or longer than 256 characters, or has others than visible ASCII ones.
    pub fn try_new(text: &str) -> Result<Self, BadAdminToken> {
        if !LENGTH.contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadAdminToken);
        }
        let mut bearer =
            MetadataValue::try_from(format!("Bearer {text}")).map_err(|_| BadAdminToken)?;
        bearer.set_sensitive(true);
        Ok(Self { bearer, digest: TokenDigest::of(text) })
    }

    /// The `authorization` metadata of a caller that has this token.
    pub fn bearer(&self) -> MetadataValue<Ascii> {
        self.bearer.clone()
    }

    pub(crate) fn digest(&self) -> &TokenDigest {
        &self.digest
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AdminToken(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::AccountsArgs;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: AccountsArgs,
    }

    #[test]
    fn only_16_to_256_visible_ascii_characters_are_a_token() {
        for text in [
            "0123456789abcde",
            "",
            "0123456789 abcdef",
            "0123456789abcdeé",
            "0123456789abcdef\n",
            &"x".repeat(257),
        ] {
            assert_eq!(AdminToken::try_new(text).unwrap_err(), BadAdminToken, "{text:?}");
        }
        for text in ["0123456789abcdef", "!\"#$%&'()*+,-./~", &"x".repeat(256)] {
            assert_eq!(
                AdminToken::try_new(text).unwrap().bearer().to_str().unwrap(),
                format!("Bearer {text}")
            );
        }
    }

    #[test]
    fn a_refused_token_is_not_shown() {
        let error =
            Cli::try_parse_from(["accounts", "--accounts-admin-token", "hunter2"]).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("--accounts-admin-token") && text.contains("16 to 256"), "{text}");
    }

    #[test]
    fn debug_output_of_the_options_does_not_show_the_token() {
        let cli =
            Cli::try_parse_from(["accounts", "--accounts-admin-token", "hunter2-hunter2-hunter2"])
                .unwrap();
        let text =
            format!("{cli:?} {:?}", cli.args.accounts_admin_token.as_ref().unwrap().bearer());
        assert!(text.contains("redacted") && !text.contains("hunter2"), "{text}");
    }
}
