//! The greet server as a process of a test.

use std::process::ExitCode;

fn main() -> ExitCode {
    wayside_chassis::main::<greet::Greet>()
}
