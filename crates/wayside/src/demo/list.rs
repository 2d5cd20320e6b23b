//! The demonstrations there are.

use std::fmt::{Debug, Formatter, Write};

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::stage::Stage;
use super::{
    cancellation, deadline, error_handling, keepalive, load_balancing, metadata, retry, simple,
    streaming, tokens,
};

/// A demonstration.
pub(crate) struct Demo {
    pub(crate) name: &'static str,
    /// What it was called in the talk that it is from, if that was something else.
    pub(crate) former_name: Option<&'static str>,
    /// What is shown, and why: one line.
    pub(crate) about: &'static str,
    /// What is done, in lines of at most 100 characters.
    pub(crate) steps: &'static [&'static str],
    pub(crate) run: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Result<()>>,
}

/// Every demonstration, in the order of the talk, and after them what it does not have.
pub(crate) const DEMOS: [Demo; 10] = [
    Demo {
        name: "simple",
        former_name: None,
        about: "A call and its answer. What cannot be answered ends in a code, so that a program can tell why.",
        steps: &["Gets movie 1, then movie 99, which is NOT_FOUND."],
        run: |stage| Box::pin(simple::run(stage)),
    },
    Demo {
        name: "streaming",
        former_name: None,
        about: "One request, many answers, each as soon as it is there: nobody waits for the last to see the first.",
        steps: &[
            "Queries the movies for \"and\"; the server needs 0.4 s for each of the three that it finds.",
            "Then leaves a stream after the first movie.",
        ],
        run: |stage| Box::pin(streaming::run(stage)),
    },
    Demo {
        name: "keepalive",
        former_name: None,
        about: "PINGs find out that a silent server is gone; a client that sends too many of them is sent away.",
        steps: &[
            "Pings every 0.3 s a server that permits one PING in 5 minutes: GOAWAY \"too_many_pings\", as the",
            "talk's 10 s would end. Then no more often than is permitted; then the server freezes, and the call",
            "ends after time + timeout, while one without keepalive would wait for ever.",
        ],
        run: |stage| Box::pin(keepalive::run(stage)),
    },
    Demo {
        name: "error-handling",
        former_name: Some("errorhandling"),
        about: "An error brings a message of its own type along, so that nobody has to take its text apart.",
        steps: &["Gets movies 99 and 0, and reads the MovieError in grpc-status-details-bin."],
        run: |stage| Box::pin(error_handling::run(stage)),
    },
    Demo {
        name: "deadline",
        former_name: Some("deadlinepropagation"),
        about: "A deadline covers the whole chain: each server knows what is left, and none works for nobody.",
        steps: &[
            "A client with 2 s calls a middle that works for 5 s before it would call the server; then one that",
            "works for 1 s, so that the server is called with the second that is left.",
        ],
        run: |stage| Box::pin(deadline::run(stage)),
    },
    Demo {
        name: "cancellation",
        former_name: None,
        about: "A client that loses interest says so, and no server goes on working for it.",
        steps: &[
            "Cancels after 2 s a call to a middle that works for 5 s before it would call the server.",
        ],
        run: |stage| Box::pin(cancellation::run(stage)),
    },
    Demo {
        name: "metadata",
        former_name: None,
        about: "What a call needs to tell beside its message travels as metadata, through a middle as well.",
        steps: &["Sends key=value; the middle and the server behind it say what they got."],
        run: |stage| Box::pin(metadata::run(stage)),
    },
    Demo {
        name: "retry",
        former_name: Some("retry_interceptor"),
        about: "A service config says which calls are worth another attempt; all others fail at once.",
        steps: &[
            "The server fails three calls, then answers: Attempt # 3, counted from 0, succeeds. A movie that is",
            "not there is asked for once, as is anything that is marked NotIdempotent.",
        ],
        run: |stage| Box::pin(retry::run(stage)),
    },
    Demo {
        name: "load-balancing",
        former_name: Some("loadbalancing"),
        about: "A resolver of one's own names the servers; round_robin calls those in turn that are connected.",
        steps: &[
            "myResolverScheme names two servers, one that answers once and then fails, and foo:1234, which is",
            "nowhere. 10 calls: a server that is not there costs none of them, one that fails costs its own.",
        ],
        run: |stage| Box::pin(load_balancing::run(stage)),
    },
    Demo {
        name: "tokens",
        former_name: None,
        about: "A signed token says who calls and what they may do; one that is not good is not told why.",
        steps: &[
            "Asks a server that answers viewers only: without a token, with tokens that are forged, altered, of",
            "another server or too old (UNAUTHENTICATED), with one of a cook (PERMISSION_DENIED), of a viewer. A",
            "middle passes the token on, and a client that has a source of tokens renews one that has expired.",
        ],
        run: |stage| Box::pin(tokens::run(stage)),
    },
];

impl Demo {
    /// The demonstration with this name, or with this name in the talk.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        static ALL: &[Demo] = &DEMOS;
        ALL.iter().find(|demo| demo.name == name || demo.former_name == Some(name))
    }
}

impl Debug for Demo {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

/// A line for each demonstration.
pub(crate) fn overview() -> String {
    let mut text = "Demonstrations:\n".to_owned();
    for Demo { name, about, .. } in &DEMOS {
        let _ = writeln!(text, "  {name:<16}{about}");
    }
    text + "\n`wayside demo NAME` runs one, `wayside demo all` every one; `wayside demo --help` says what each does.\n"
}

/// What each demonstration does, for `--help`.
pub(crate) fn explanations() -> String {
    let mut text = "Demonstrations:\n".to_owned();
    for Demo { name, about, steps, .. } in &DEMOS {
        let _ = writeln!(text, "  {name:<16}{about}");
        for line in *steps {
            let _ = writeln!(text, "{:18}{line}", "");
        }
    }
    text + "\nExit code 0: everything was as expected. 1: something was not, and which."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demonstration_is_found_by_its_name_and_by_that_of_the_talk() {
        for (name, expected) in [
            ("error-handling", "error-handling"),
            ("errorhandling", "error-handling"),
            ("deadlinepropagation", "deadline"),
            ("retry_interceptor", "retry"),
            ("loadbalancing", "load-balancing"),
        ] {
            assert_eq!(Demo::named(name).unwrap().name, expected);
        }
        assert!(Demo::named("opentracing").is_none());
    }

    #[test]
    fn the_texts_fit_in_120_columns() {
        for line in overview().lines().chain(explanations().lines()) {
            assert!(line.chars().count() <= 120, "{line}");
        }
    }
}
