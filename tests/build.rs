//! Generates clients and servers from the frozen protos of earlier releases, which only the tests know.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=frozen");
    let set = protox::compile(["greet/v1/greet.proto"], ["frozen/greet-release-1"])?;
    tonic_prost_build::configure().compile_fds(set)?;
    Ok(())
}
