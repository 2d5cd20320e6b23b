//! Sources as they are written on a command line.

use std::path::PathBuf;
use std::str::FromStr;

use wayside_balance::Target;

/// Where endpoints come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `kubernetes`: the EndpointSlices of the cluster, by watch.
    Kubernetes,
    /// `dns:PATTERN`: the addresses of a name. The target that the pattern makes.
    Dns(String),
    /// `static:FILE`: a JSON file, read again when it changes.
    Static(PathBuf),
    /// `registry`: the servers that register themselves.
    Registry,
}

/// Why a text is no [`Source`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no source: {problem}")]
pub struct InvalidSource {
    text: String,
    problem: String,
}

impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let invalid = |problem: String| InvalidSource { text: text.to_owned(), problem };
        match text.split_once(':') {
            None if text == "kubernetes" => Ok(Self::Kubernetes),
            None if text == "registry" => Ok(Self::Registry),
            Some(("static", path)) if !path.is_empty() => Ok(Self::Static(path.into())),
            Some(("dns", pattern)) => dns(pattern).map(Self::Dns).map_err(invalid),
            _ => Err(invalid(
                "write kubernetes, dns:{service}, dns:{service}.{namespace}.svc, static:FILE or registry".into(),
            )),
        }
    }
}

/// The pattern as a target of the scheme `dns`: `{service}` alone, or `//nameserver/{service}`.
fn dns(pattern: &str) -> Result<String, String> {
    if !pattern.contains("{service}") {
        return Err("the pattern has no {service}".into());
    }
    let pattern = match pattern.starts_with("//") {
        true => format!("dns:{pattern}:{{port}}"),
        false => format!("dns:///{pattern}:{{port}}"),
    };
    // A slip in it is told at the start, and not to the first client.
    let example = pattern
        .replace("{service}", "service")
        .replace("{namespace}", "namespace")
        .replace("{port}", "1");
    match example.parse::<Target>() {
        Ok(_) => Ok(pattern),
        Err(error) => Err(format!("the pattern makes no name: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_read() {
        for (text, expected) in [
            ("kubernetes", Source::Kubernetes),
            ("registry", Source::Registry),
            ("static:/etc/endpoints.json", Source::Static("/etc/endpoints.json".into())),
            ("dns:{service}", Source::Dns("dns:///{service}:{port}".into())),
            (
                "dns://127.0.0.1:5353/{service}.{namespace}.svc",
                Source::Dns("dns://127.0.0.1:5353/{service}.{namespace}.svc:{port}".into()),
            ),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_source_is_told() {
        for (text, part) in [
            ("", "registry"),
            ("etcd", "registry"),
            ("static:", "static:FILE"),
            ("dns:greet", "no {service}"),
            ("dns:{service}..svc", "makes no name"),
            ("dns:{service}.{cluster}", "makes no name"),
        ] {
            let error = text.parse::<Source>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
