//! What is known of a service, over all sources.

use std::sync::Arc;

use tonic::Status;
use wayside_balance::Endpoint;
use wayside_balance::resolver::NoSuchName;

use super::List;

/// What clients are told of a service.
#[derive(Clone, Debug)]
pub(crate) enum View {
    /// No source has said anything yet.
    Pending,
    /// There are endpoints.
    List(Arc<List>),
    /// There is none.
    Nothing(Arc<Nothing>),
}

/// Why a service has no endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nothing {
    /// Whether every source has said that it does not know the service.
    pub(crate) unknown: bool,
    /// For whoever asked.
    pub(crate) reason: String,
}

/// What one source has said last.
#[derive(Debug, Default)]
pub(super) enum Said {
    #[default]
    Silent,
    List(Vec<Endpoint>),
    Unknown(String),
    Failed(String),
}

impl Said {
    /// Takes an answer over. A source that fails has not said that its endpoints are gone: the last list stays. Returns whether it has begun to fail.
    pub(super) fn take(&mut self, answer: Result<Vec<Endpoint>, Status>) -> bool {
        match (answer, &self) {
            (Ok(list), _) => *self = Self::List(list),
            (Err(_), Self::List(list)) if !list.is_empty() => return true,
            (Err(status), _) if NoSuchName::is_cause_of(&status) => {
                *self = Self::Unknown(status.message().to_owned());
            }
            (Err(status), _) => *self = Self::Failed(status.message().to_owned()),
        }
        false
    }
}

/// The endpoints of the first source that has any; sources that are silent are waited for, unless they are `overdue`.
///
/// # Errors
/// Why there are none; `None` as long as an answer is waited for.
pub(super) fn decide(said: &[Said], overdue: bool) -> Result<&[Endpoint], Option<Nothing>> {
    let (mut unknown, mut reasons) = (true, Vec::new());
    for source in said {
        match source {
            Said::Silent if !overdue => return Err(None),
            Said::Silent => {
                unknown = false;
                reasons.push("a source does not answer");
            }
            Said::List(list) if !list.is_empty() => return Ok(list),
            Said::List(_) => {
                unknown = false;
                reasons.push("its list of endpoints is empty");
            }
            Said::Unknown(reason) => reasons.push(reason),
            Said::Failed(reason) => {
                unknown = false;
                reasons.push(reason);
            }
        }
    }
    Err(Some(Nothing { unknown, reason: reasons.join("; ") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(number: u8) -> Endpoint {
        let address = std::net::SocketAddr::from(([10, 0, 0, number], 1));
        Endpoint::new(address, "greet".parse().unwrap())
    }

    fn list(numbers: &[u8]) -> Said {
        Said::List(numbers.iter().map(|number| endpoint(*number)).collect())
    }

    fn why(said: &[Said], overdue: bool) -> Option<(bool, String)> {
        let nothing = decide(said, overdue).unwrap_err()?;
        Some((nothing.unknown, nothing.reason))
    }

    #[test]
    fn the_first_source_that_has_endpoints_counts() {
        let unknown = || Said::Unknown("no such name".into());
        let failed = || Said::Failed("refused".into());
        for first in [unknown(), failed(), list(&[])] {
            assert_eq!(decide(&[first, list(&[2]), list(&[3])], false), Ok(&[endpoint(2)][..]));
        }
        assert_eq!(why(&[Said::Silent, list(&[2])], false), None, "the first may yet have some");
        assert_eq!(decide(&[Said::Silent, list(&[2])], true), Ok(&[endpoint(2)][..]));
    }

    #[test]
    fn a_service_is_unknown_only_if_every_source_says_so() {
        let unknown = || Said::Unknown("no such name".into());
        assert!(why(&[unknown(), unknown()], false).unwrap().0);
        for other in [list(&[]), Said::Failed("refused".into()), Said::Silent] {
            let (is_unknown, reason) = why(&[unknown(), other], true).unwrap();
            assert!(!is_unknown && reason.starts_with("no such name; "), "{reason}");
        }
    }

    #[test]
    fn failures_leave_the_last_list_and_an_empty_list_replaces_it() {
        let mut said = list(&[1]);
        assert!(said.take(Err(Status::unavailable("refused"))));
        assert!(said.take(Err(NoSuchName::status("gone"))));
        assert_eq!(decide(&[said], false), Ok(&[endpoint(1)][..]));
        let mut said = list(&[1]);
        assert!(!said.take(Ok(Vec::new())));
        assert_eq!(why(&[said], false), Some((false, "its list of endpoints is empty".into())));
    }
}
