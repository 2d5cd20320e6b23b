//! Takes a target apart, before anything is made of the parts. Source: RFC 3986, grpc/grpc `doc/naming.md`.

use percent_encoding::percent_decode_str;

use super::TargetError;

/// Schemes that win over a host of the same name in `scheme:123`.
const OF_GRPC: [&str; 6] = ["dns", "ipv4", "ipv6", "static", "unix", "unix-abstract"];

/// The parts of a target, percent-decoded.
#[derive(Debug)]
pub(super) struct Uri<'a> {
    text: &'a str,
    pub(super) scheme: String,
    pub(super) authority: String,
    /// With its leading slash, if it has one.
    pub(super) path: String,
}

impl<'a> Uri<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, TargetError> {
        let Some((scheme, rest)) = split_scheme(text)? else {
            let path = format!("/{text}");
            return Ok(Self { text, scheme: "dns".into(), authority: String::new(), path });
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        if let Some(at) = path.find(['?', '#']) {
            let problem = "would be a query or a fragment, which targets do not have; write %3F for '?' and %23 for '#'";
            return Err(TargetError::invalid(&path[at..], text, problem));
        }
        Ok(Self { text, scheme, authority: decode(authority, text)?, path: decode(path, text)? })
    }

    /// The path without a leading slash.
    pub(super) fn name(&self) -> &str {
        self.path.strip_prefix('/').unwrap_or(&self.path)
    }

    pub(super) fn no_authority(&self) -> Result<(), TargetError> {
        if self.authority.is_empty() {
            return Ok(());
        }
        let problem = format!("is where no authority can be; write {}:…", self.scheme);
        Err(self.invalid(&self.authority, problem))
    }

    pub(super) fn invalid(&self, part: &str, problem: impl Into<String>) -> TargetError {
        TargetError::invalid(part, self.text, problem)
    }
}

/// The scheme in lower case and what follows its colon; `None` for a text that is a host with or without a port.
fn split_scheme(text: &str) -> Result<Option<(String, &str)>, TargetError> {
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(None) };
    let lower = scheme.to_ascii_lowercase();
    let is_port = rest.bytes().all(|byte| byte.is_ascii_digit());
    if is_scheme(scheme) && (!is_port || OF_GRPC.contains(&&*lower)) {
        return Ok(Some((lower, rest)));
    }
    if rest.starts_with("//") {
        let problem = "is not a scheme: a letter, then letters, digits, '+', '-' and '.'";
        return Err(TargetError::invalid(scheme, text, problem));
    }
    Ok(None)
}

/// Source: RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn decode(part: &str, text: &str) -> Result<String, TargetError> {
    let is_escape = |escape: &str| {
        escape.len() >= 2 && escape.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
    };
    if !part.split('%').skip(1).all(is_escape) {
        let problem = "has a '%' that two hexadecimal digits do not follow; write %25 for '%'";
        return Err(TargetError::invalid(part, text, problem));
    }
    let decoded = percent_decode_str(part).decode_utf8();
    decoded.map(Into::into).map_err(|_| TargetError::invalid(part, text, "is not UTF-8"))
}
