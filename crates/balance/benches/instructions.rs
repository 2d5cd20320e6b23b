//! Makes picks for valgrind to count: `POLICY ENDPOINTS PICKS`. See `instructions.sh`.

use std::env;

mod support;

use support::{Current, POLICIES};

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    // `cargo bench` runs it with arguments of its own, and has nothing to learn from it.
    let [policy, endpoints, picks] = &arguments[..] else { return };
    let (_, policy) =
        POLICIES.into_iter().find(|(name, _)| name == policy).expect("the name of a policy");
    let endpoints = endpoints.parse().expect("a number of endpoints");
    Current::new(policy, endpoints).pick(picks.parse().expect("a number of picks"));
}
