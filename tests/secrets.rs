//! The secrets that tests use, and whether one of them is in a line.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Every secret that a test of this process has used.
static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Shorter ones are in lines by chance, and are no secrets.
const SHORTEST: usize = 16;
/// Of a token, so much of its beginning or end is a help to whoever guesses the rest.
const PART: usize = 12;
/// What a secret is replaced by.
const MASK: &str = "***";

/// Has a secret known, before anybody is given it: from then on no process that a test starts may print it. Gives it back.
///
/// # Panics
/// When it is too short to be told from other text.
pub fn secret<T: AsRef<str>>(text: T) -> T {
    let known = text.as_ref();
    assert!(known.len() >= SHORTEST, "a secret of {} bytes is none", known.len());
    // An insertion is one step, so a panic elsewhere cannot have left half of one.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(known.to_owned());
    text
}

/// The line without its secrets, if it has any: one that is known, the beginning or the end of one, or anything that looks like a JWT.
pub fn masked(line: &str) -> Option<String> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rest = line.to_owned();
    while let Some(at) = known.iter().find_map(|secret| known_in(&rest, secret)).or(jwt_in(&rest)) {
        let at = around(&rest, at);
        rest.replace_range(at, MASK);
    }
    (rest != line).then_some(rest)
}

/// Looks through what `who` has printed, where nobody reads it line by line.
///
/// # Panics
/// When there is a secret.
pub fn assert_none(who: &str, printed: &[u8]) {
    let text = String::from_utf8_lossy(printed);
    if let Some(line) = text.lines().find_map(masked) {
        panic!("{who} has printed a secret: {line}");
    }
}

fn known_in(line: &str, secret: &str) -> Option<Range<usize>> {
    let ends = [secret.get(..PART), secret.get(secret.len() - PART..)];
    let parts = [Some(secret)].into_iter().chain(ends).flatten();
    parts
        .filter_map(|part| Some((line.find(part)?, part.len())))
        .map(|(at, len)| at..at + len)
        .next()
}

/// Three parts with full stops in between, the first of which begins as `{"` does in base64. Source: RFC 7515, section 3.1.
fn jwt_in(line: &str) -> Option<Range<usize>> {
    line.match_indices("eyJ").find_map(|(at, _)| {
        let text = &line[at..];
        let end = text.find(|next| !is_of_token(next)).unwrap_or(text.len());
        let mut parts = text[..end].split('.');
        let has_text = |part: Option<&str>| part.is_some_and(|part| part.len() >= 4);
        // The third, the signature, may be empty.
        (has_text(parts.next()) && has_text(parts.next()) && parts.next().is_some())
            .then_some(at..at + end)
    })
}

/// The whole word that a part of a secret is in.
fn around(line: &str, at: Range<usize>) -> Range<usize> {
    let before = line[..at.start].trim_end_matches(is_of_token).len();
    let after = line.len() - line[at.end..].trim_start_matches(is_of_token).len();
    before..after
}

fn is_of_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_.".contains(character)
}
