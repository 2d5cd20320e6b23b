//! The program `wayside`.

use std::process::ExitCode;

fn main() -> ExitCode {
    wayside::main()
}
