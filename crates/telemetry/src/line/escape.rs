//! Text from anywhere, made harmless.

use std::fmt;

/// How a text is written, and with that what has to be escaped in it beside what is never left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Between the quotes of a JSON string.
    Json,
    /// Between quotes in a line of text.
    Quoted,
    /// In a line of text as it is.
    Bare,
}

/// What [`is_clean`] looks at in one step.
const STEP: usize = 16;

/// Adds `text` in a form that stays on one line and shows no other than its own characters.
pub(super) fn push(line: &mut Vec<u8>, text: &str, form: Form) {
    if is_clean(text.as_bytes()) {
        line.extend_from_slice(text.as_bytes());
    } else {
        text.chars().for_each(|character| push_char(line, character, form));
    }
}

/// Whether nothing has to be escaped in any form. Says no to harmless text as well, all that is not ASCII above all.
fn is_clean(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<STEP>() else {
        return text.iter().all(|byte| CLEAN[usize::from(*byte)]);
    };
    // The last step may look at some bytes again: cheaper than to look at what is left over byte by byte.
    text.as_chunks::<STEP>().0.iter().all(is_clean_step) && is_clean_step(last)
}

/// What [`is_clean_byte`] says of each byte.
const CLEAN: [bool; 256] = {
    let mut clean = [false; 256];
    let mut byte = 0;
    while byte < clean.len() {
        clean[byte] = is_clean_byte(byte as u8);
        byte += 1;
    }
    clean
};

const fn is_clean_byte(byte: u8) -> bool {
    byte >= b' ' && byte < 0x7f && byte != b'"' && byte != b'\\'
}

/// Has no branch within, so that the compiler makes a few vector instructions of it.
fn is_clean_step(step: &[u8; STEP]) -> bool {
    step.iter().fold(true, |clean, byte| clean & is_clean_byte(*byte))
}

fn push_char(line: &mut Vec<u8>, character: char, form: Form) {
    let short = match character {
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '"' | '\\' if form != Form::Bare => character as u8,
        _ if is_deceptive(character) => return push_code(line, character, form),
        _ => return line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    line.extend_from_slice(&[b'\\', short]);
}

/// Whether a character can end a line, tell a terminal what to do, or make text look like another: controls (C0, DEL, C1), line and
/// paragraph separators, and everything of the property `Bidi_Control`. Source: Unicode Technical Report 36, section 3.1, and
/// Unicode Standard Annex 9, section 2.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Every one of these characters has four hexadecimal digits, so that JSON needs no surrogates.
fn push_code(line: &mut Vec<u8>, character: char, form: Form) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let code = character as usize;
    let digits = [12, 8, 4, 0].map(|shift| DIGITS[code >> shift & 0xf]);
    line.extend_from_slice(b"\\u");
    if form == Form::Json {
        line.extend_from_slice(&digits);
    } else {
        let first = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len() - 1);
        line.push(b'{');
        line.extend_from_slice(&digits[first..]);
        line.push(b'}');
    }
}

/// Escapes what a value writes of itself.
#[derive(Debug)]
pub(super) struct Escaping<'a> {
    pub(super) line: &'a mut Vec<u8>,
    pub(super) form: Form,
}

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push(self.line, text, self.form);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pushed(text: &str, form: Form) -> String {
        let mut line = Vec::new();
        push(&mut line, text, form);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn each_form_escapes_what_it_has_to() {
        for (text, json, quoted, bare) in [
            ("plain text, of more than one step", None, None, None),
            ("Größe 😈 ☺ \u{200d}", None, None, None),
            ("a\r\n\tb", Some(r"a\r\n\tb"), Some(r"a\r\n\tb"), Some(r"a\r\n\tb")),
            (r#"a "b" \c"#, Some(r#"a \"b\" \\c"#), Some(r#"a \"b\" \\c"#), None),
            ("\0", Some(r"\u0000"), Some(r"\u{0}"), Some(r"\u{0}")),
            ("\x1b[31m", Some(r"\u001b[31m"), Some(r"\u{1b}[31m"), Some(r"\u{1b}[31m")),
            ("\x7f\u{9b}", Some(r"\u007f\u009b"), Some(r"\u{7f}\u{9b}"), Some(r"\u{7f}\u{9b}")),
            ("\u{2028}", Some(r"\u2028"), Some(r"\u{2028}"), Some(r"\u{2028}")),
            ("\u{61c}", Some(r"\u061c"), Some(r"\u{61c}"), Some(r"\u{61c}")),
        ] {
            assert_eq!(pushed(text, Form::Json), json.unwrap_or(text));
            assert_eq!(pushed(text, Form::Quoted), quoted.unwrap_or(text));
            assert_eq!(pushed(text, Form::Bare), bare.unwrap_or(text));
        }
    }

    #[test]
    fn one_character_is_found_wherever_it_stands() {
        for length in 1..=3 * STEP {
            for at in 0..length {
                for character in ['\n', '"', '\\', '\x7f', '\x1f', '\u{202e}'] {
                    let text: String =
                        (0..length).map(|i| if i == at { character } else { 'x' }).collect();
                    assert_ne!(pushed(&text, Form::Json), text, "{length} {at}");
                }
            }
        }
    }

    #[test]
    fn whatever_controls_a_terminal_or_the_direction_of_text_is_deceptive() {
        let controls = ('\0'..' ').chain('\x7f'..='\u{9f}');
        let directions = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        for character in controls.chain(directions.chars()).chain(['\u{2028}', '\u{2029}']) {
            assert!(is_deceptive(character), "{character:?}");
        }
        for character in
            [' ', '~', '\u{a0}', 'ü', '\u{200d}', '\u{2027}', '\u{202f}', '\u{206a}', '😈']
        {
            assert!(!is_deceptive(character), "{character:?}");
        }
    }

    #[test]
    fn every_deceptive_character_has_at_most_four_digits() {
        assert!(('\u{10000}'..=char::MAX).all(|character| !is_deceptive(character)));
    }

    proptest! {
        #[test]
        fn json_is_read_as_the_text_that_it_was(text in any::<String>()) {
            let json = format!("\"{}\"", pushed(&text, Form::Json));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn no_form_leaves_a_deceptive_character(text in any::<Vec<char>>(), rest in "[\\x00-\\u{a0}\\u{2000}-\\u{2070}]*") {
            let text: String = text.into_iter().chain(rest.chars()).collect();
            for form in [Form::Json, Form::Quoted, Form::Bare] {
                prop_assert!(!pushed(&text, form).contains(is_deceptive));
            }
        }
    }
}
