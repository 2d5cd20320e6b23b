//! What a movies server says of the calls it gets, so that one can watch it: the demonstrations print it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tonic::Request;
use tonic::metadata::MetadataMap;
use wayside_chassis::Context;

/// The metadata that is remarked on.
const KEY: &str = "key";
/// How much of a value is told: it comes from a stranger.
const MAX_VALUE_CHARACTERS: usize = 100;

/// Something that a server says of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// It came.
    Called {
        /// The name of the method.
        method: &'static str,
        /// How many attempts were made before this one, as the client says (gRFC A6).
        attempt: u32,
        /// What is left of its deadline, if it has one.
        left: Option<Duration>,
    },
    /// It has the metadata `key`, with this value.
    Value(String),
    /// Whoever made it has cancelled it, or has no time left, before there was an answer. Which of the two cannot be told for sure, because a
    /// client whose time is up cancels as well.
    Canceled,
}

impl fmt::Display for Remark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Called { method, attempt, left } => {
                formatter.write_str(method)?;
                if *attempt > 0 {
                    write!(formatter, ", Attempt # {attempt}")?;
                }
                let Some(left) = left else { return Ok(()) };
                // Cut off, not rounded: what is left of 2 s is less than 2 s.
                write!(formatter, ", {}.{:03} s left", left.as_secs(), left.subsec_millis())
            }
            Self::Value(value) => write!(formatter, "Value for {KEY} {value}"),
            Self::Canceled => formatter.write_str("Is Canceled"),
        }
    }
}

/// Who is told the [`Remark`]s of a server. Default: the log, target `movies`, calls at level debug and the rest at level info.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<dyn Fn(Remark) + Send + Sync>>);

impl Observer {
    /// Has this function told, while the server goes on with the call: it should not take long.
    pub fn new(told: impl Fn(Remark) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    fn tell(&self, remark: Remark) {
        match (&self.0, remark) {
            (Some(told), remark) => told(remark),
            (None, called @ Remark::Called { .. }) => tracing::debug!(target: "movies", "{called}"),
            (None, remark) => tracing::info!(target: "movies", "{remark}"),
        }
    }

    /// A call came. What is returned has to be told when it is answered.
    pub(crate) fn called<T>(&self, method: &'static str, request: &Request<T>) -> Called<'_> {
        let (left, metadata) = (Context::of(request).remaining(), request.metadata());
        self.tell(Remark::Called { method, attempt: attempt(metadata), left });
        if let Some(value) = metadata.get(KEY).and_then(|value| value.to_str().ok()) {
            self.tell(Remark::Value(value.chars().take(MAX_VALUE_CHARACTERS).collect()));
        }
        Called { observer: self, answered: false }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Observer(…)" } else { "Observer(log)" })
    }
}

fn attempt(metadata: &MetadataMap) -> u32 {
    let previous = metadata.get("grpc-previous-rpc-attempts");
    previous.and_then(|previous| previous.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// A call that is being served. Dropped before it is answered, it was cancelled: that is how a handler gets to know.
#[derive(Debug)]
pub(crate) struct Called<'a> {
    observer: &'a Observer,
    answered: bool,
}

impl Called<'_> {
    /// There is an answer, whatever it says.
    pub(crate) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Called<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.observer.tell(Remark::Canceled);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What an observer was told of a call, which is answered or dropped.
    fn told(request: &Request<()>, is_answered: bool) -> Vec<String> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = told.clone();
        let observer = Observer::new(move |remark| tell.lock().unwrap().push(remark.to_string()));
        let called = observer.called("GetMovie", request);
        if is_answered {
            called.answered();
        } else {
            drop(called);
        }
        told.lock().unwrap().clone()
    }

    fn with(name: &'static str, value: &str) -> Request<()> {
        let mut request = Request::new(());
        request.metadata_mut().insert(name, value.parse().unwrap());
        request
    }

    #[test]
    fn a_call_that_is_dropped_without_an_answer_was_cancelled() {
        assert_eq!(told(&Request::new(()), true), ["GetMovie"]);
        assert_eq!(told(&Request::new(()), false), ["GetMovie", "Is Canceled"]);
    }

    #[test]
    fn the_value_of_key_is_told_and_only_the_beginning_of_a_long_one() {
        assert_eq!(told(&with("key", "value"), true), ["GetMovie", "Value for key value"]);
        assert_eq!(told(&with("other", "value"), true), ["GetMovie"]);
        let long = told(&with("key", &"x".repeat(101)), true);
        assert_eq!(long[1], format!("Value for key {}", "x".repeat(100)));
    }

    #[test]
    fn attempts_are_counted_by_those_before() {
        for (previous, expected) in [
            ("3", "GetMovie, Attempt # 3"),
            ("0", "GetMovie"),
            ("-1", "GetMovie"),
            ("x", "GetMovie"),
        ] {
            let request = with("grpc-previous-rpc-attempts", previous);
            assert_eq!(told(&request, true), [expected], "{previous}");
        }
    }

    #[test]
    fn of_what_is_left_of_a_deadline_whole_milliseconds_are_told() {
        let left = Some(Duration::from_micros(1_999_999));
        let remark = Remark::Called { method: "GetMovie", attempt: 0, left };
        assert_eq!(remark.to_string(), "GetMovie, 1.999 s left");
    }
}
