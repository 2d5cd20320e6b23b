//! The look-aside balancer as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    wayside_chassis::main::<lookaside::Lookaside>()
}
