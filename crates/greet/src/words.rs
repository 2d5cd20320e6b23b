//! What is said to whom, in the words of either release.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tonic::Status;
use wayside_chassis::Violations;
use wayside_proto::greet::v1::Greeting;

use crate::Release;

/// The longest delay that a request may ask for, in seconds.
const MAX_DELAY_SECONDS: u64 = 30;

/// The words of one replica.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    release: Release,
    replica: Arc<str>,
}

/// A greeting as the two releases say it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The field `result`, of both releases.
    pub(crate) result: String,
    /// The field `greeting`, empty in the first release.
    pub(crate) greeting: String,
}

impl Words {
    pub(crate) fn new(release: Release, pod_name: &str, pod_ip: &str) -> Self {
        Self { release, replica: format!("from pod: name({pod_name}), ip({pod_ip}).").into() }
    }

    pub(crate) fn say(&self, greeting: Option<&Greeting>, delay: Duration) -> Said {
        let (first, last) =
            greeting.map_or(("", ""), |person| (&person.first_name, &person.last_name));
        let result = format!("Hello, {first} {last} {}", self.replica);
        let greeting = match self.release {
            Release::First => String::new(),
            Release::Second => {
                format!("Hello, {first} {last}, after {}s, {}", delay.as_secs(), self.replica)
            }
        };
        Said { result, greeting }
    }

    /// The delay that a request asks for. The first release does not know the field, and ignores it as any unknown field.
    pub(crate) fn delay(&self, seconds: i64) -> Result<Duration, Status> {
        if self.release == Release::First {
            return Ok(Duration::ZERO);
        }
        match u64::try_from(seconds) {
            Ok(seconds) if seconds <= MAX_DELAY_SECONDS => Ok(Duration::from_secs(seconds)),
            _ => Err(bad_field(
                "delay",
                format!("{seconds} is not from 0 to {MAX_DELAY_SECONDS} seconds"),
            )),
        }
    }
}

/// INVALID_ARGUMENT that names the field.
pub(crate) fn bad_field(field: &str, reason: impl Display) -> Status {
    let mut violations = Violations::default();
    violations.add(field, reason);
    violations.into_status()
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    fn ada() -> Greeting {
        Greeting { first_name: "Ada".into(), last_name: "Lovelace".into() }
    }

    #[test]
    fn the_second_release_says_both_sentences() {
        let said = Words::new(Release::Second, "greet-1", "127.0.0.1")
            .say(Some(&ada()), Duration::from_secs(6));
        assert_eq!(said.result, "Hello, Ada Lovelace from pod: name(greet-1), ip(127.0.0.1).");
        assert_eq!(
            said.greeting,
            "Hello, Ada Lovelace, after 6s, from pod: name(greet-1), ip(127.0.0.1)."
        );
    }

    #[test]
    fn the_first_release_knows_neither_delay_nor_greeting() {
        let words = Words::new(Release::First, "", "");
        assert_eq!(words.delay(-5).unwrap(), Duration::ZERO);
        let said = words.say(None, Duration::ZERO);
        assert_eq!(
            (said.result.as_str(), said.greeting.as_str()),
            ("Hello,   from pod: name(), ip().", "")
        );
    }

    #[test]
    fn a_delay_outside_0_to_30_seconds_is_refused_by_name() {
        let words = Words::new(Release::Second, "", "");
        for seconds in [-1, 31, i64::MAX, i64::MIN] {
            let status = words.delay(seconds).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert_eq!(
                status.get_error_details().bad_request().unwrap().field_violations[0].field,
                "delay"
            );
        }
        assert_eq!(words.delay(30).unwrap(), Duration::from_secs(30));
    }
}
