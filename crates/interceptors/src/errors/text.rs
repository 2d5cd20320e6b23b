//! Text that may hold what a client sent.

use std::fmt::{self, Display, Write};

/// Stands for what was cut off.
const ELLIPSIS: &str = "…";

/// The text of `value` with its control characters escaped, cut to at most `max_bytes`.
pub(super) fn bounded(value: impl Display, max_bytes: usize) -> String {
    let mut text = Bounded { text: String::new(), max_bytes };
    // The only error is the one that `Bounded` gives when it is full.
    if write!(text, "{value}").is_err() {
        text.text.push_str(ELLIPSIS);
    }
    text.text
}

/// Stops whoever writes to it as soon as it is full, so that a long text is not built first.
struct Bounded {
    text: String,
    max_bytes: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            if char.is_control() {
                self.push(char.escape_debug())?;
            } else {
                self.push([char])?;
            }
        }
        Ok(())
    }
}

impl Bounded {
    /// Adds one character, which may be written as several; it is never cut in two.
    fn push(&mut self, written: impl IntoIterator<Item = char> + Clone) -> fmt::Result {
        let length: usize = written.clone().into_iter().map(char::len_utf8).sum();
        if self.text.len() + length + ELLIPSIS.len() > self.max_bytes {
            return Err(fmt::Error);
        }
        self.text.extend(written);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_escaped_and_everything_else_is_kept() {
        for (text, expected) in [
            ("plain", "plain"),
            ("Größe 😈 ☺", "Größe 😈 ☺"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("\u{1b}[2J\u{7f}\0", r"\u{1b}[2J\u{7f}\0"),
            ("\u{85}", r"\u{85}"),
        ] {
            assert_eq!(bounded(text, 100), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(bounded("ääää", 8), "ää…");
        assert_eq!(bounded("\n\n\n\n", 8), r"\n\n…");
    }

    proptest! {
        #[test]
        fn no_text_outgrows_its_bound_or_keeps_a_control_character(
            text in "\\PC*|(.|\n)*",
            max_bytes in 3_usize..80,
        ) {
            let text = bounded(text, max_bytes);
            prop_assert!(text.len() <= max_bytes);
            prop_assert!(!text.chars().any(char::is_control));
        }
    }
}
