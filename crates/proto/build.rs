//! Compiles `proto/` in Rust: no protoc is needed.

use std::error::Error;
use std::path::{Path, PathBuf};

const ROOT: &str = "../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let files = protos(Path::new(ROOT))?;
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;

    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is set by cargo")?);
    // The encoded set keeps the google.api.http options, which `prost_types` would drop.
    std::fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .bytes(".cache.v1")
        // Their Debug output would print tokens.
        .skip_debug(SECRET.iter().copied())
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// The messages that carry an account token; `src/redacted.rs` implements Debug for them.
const SECRET: &[&str] = &[
    "accounts.v1.GetByTokenRequest",
    "accounts.v1.CreateAccountResponse",
    "accounts.v1.RotateTokenResponse",
    "cache.v1.StoreRequest",
    "cache.v1.GetRequest",
    "cache.v1.DeleteRequest",
    "cache.v1.DumpRequest",
    "cache.v1.RestoreRequest",
];

/// Every `<package>/v1/<package>.proto`; the files of google/api come in as imports.
fn protos(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for package in std::fs::read_dir(root)? {
        let version = package?.path().join("v1");
        if version.is_dir() {
            for file in std::fs::read_dir(version)? {
                found.push(file?.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
