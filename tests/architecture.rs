//! The rules of ARCHITECTURE.md, checked on the workspace as cargo sees it and on the sources as they stand.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

const PROTO: &str = "wayside-proto";
const TELEMETRY: &str = "wayside-telemetry";
const INTERCEPTORS: &str = "wayside-interceptors";
const BALANCE: &str = "wayside-balance";
const CHASSIS: &str = "wayside-chassis";

/// Every library and every server.
const EVERY_ONE: &[&str] = &[
    PROTO,
    TELEMETRY,
    INTERCEPTORS,
    BALANCE,
    CHASSIS,
    "greet",
    "media",
    "movies",
    "accounts",
    "cache",
    "lookaside",
    "gateway",
];

/// Which crates of ours a crate may use. A crate that is not here may not exist: add its line when you add the crate.
const ALLOWED: &[(&str, &[&str])] = &[
    (PROTO, &[]),
    (TELEMETRY, &[]),
    (INTERCEPTORS, &[]),
    (BALANCE, &[]),
    (CHASSIS, &[TELEMETRY, INTERCEPTORS, BALANCE]),
    ("greet", &[PROTO, CHASSIS]),
    ("media", &[PROTO, CHASSIS]),
    // These two make calls, and take the channel to make them with from its own crate.
    ("movies", &[PROTO, CHASSIS, BALANCE]),
    ("cache", &[PROTO, CHASSIS, BALANCE]),
    ("accounts", &[PROTO, CHASSIS]),
    ("lookaside", &[PROTO, CHASSIS, BALANCE]),
    // Of lookaside the resolvers only.
    ("gateway", &[PROTO, CHASSIS, BALANCE, "lookaside"]),
    ("wayside", EVERY_ONE),
    ("e2e", EVERY_ONE),
];

/// Lines of a source file that is not a test.
const MAX_LINES: usize = 300;
/// Lines of a `main.rs`.
const MAX_MAIN_LINES: usize = 12;

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What a package needs to be built and run; what only its tests need is its own affair.
fn built_with(package: &Package) -> impl Iterator<Item = &str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|d| d.name.as_str())
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn is_test(path: &Path) -> bool {
    let folders = ["tests", "benches", "properties"];
    path.components().any(|part| folders.iter().any(|folder| part.as_os_str() == *folder))
        || path.ends_with("tests.rs")
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let metadata = metadata();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let may_use = allowed.get(name).unwrap_or_else(|| panic!("{name} has no line in ALLOWED"));
        for dependency in built_with(package).filter(|dependency| allowed.contains_key(dependency))
        {
            assert!(may_use.contains(&dependency), "{name} may not depend on {dependency}");
        }
    }
    for (name, _) in ALLOWED {
        assert!(
            metadata.packages.iter().any(|package| package.name.as_str() == *name),
            "{name} in ALLOWED does not exist"
        );
    }
}

#[test]
fn hyper_is_used_by_balance_and_chassis_only() {
    for package in metadata().packages {
        let allowed = [BALANCE, CHASSIS].contains(&package.name.as_str());
        for dependency in
            built_with(&package).filter(|name| ["hyper", "hyper-util", "h2"].contains(name))
        {
            assert!(
                allowed,
                "{} may not use {dependency}: serve through chassis, call through balance",
                package.name
            );
        }
    }
}

#[test]
fn message_types_are_unknown_to_the_libraries() {
    for package in metadata().packages {
        // The messages of gRPC itself are no message types of ours: health, load reports, error details.
        let forbidden: &[&str] = match package.name.as_str() {
            TELEMETRY => &["prost", "tonic-prost", PROTO],
            BALANCE | INTERCEPTORS | CHASSIS => &[PROTO],
            _ => continue,
        };
        for dependency in built_with(&package) {
            assert!(!forbidden.contains(&dependency), "{} may not use {dependency}", package.name);
        }
    }
}

#[test]
fn only_chassis_composes_a_stack() {
    for package in metadata().packages {
        let uses = built_with(&package).any(|name| name == INTERCEPTORS);
        assert!(
            !uses || package.name.as_str() == CHASSIS,
            "{} uses interceptors itself",
            package.name
        );
    }
}

#[test]
fn every_hand_written_crate_takes_the_lints_of_the_workspace() {
    for package in metadata().packages.iter().filter(|package| package.name.as_str() != PROTO) {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} does not", package.name);
    }
}

#[test]
fn every_version_stands_in_the_root_manifest() {
    for package in metadata().packages {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        let own_version = manifest.lines().find(|line| {
            line.contains(" = \"")
                && line.starts_with(|c: char| c.is_lowercase())
                && !is_own_field(line)
        });
        assert_eq!(own_version, None, "{} has a version of its own", package.name);
    }
}

fn is_own_field(line: &str) -> bool {
    ["name", "description", "path", "build", "harness"]
        .iter()
        .any(|field| line.starts_with(&format!("{field} =")))
}

#[test]
fn rooms_are_small() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    for file in files.iter().filter(|file| !is_test(file)) {
        let lines = fs::read_to_string(file).unwrap().lines().count();
        let limit = if file.ends_with("src/main.rs") { MAX_MAIN_LINES } else { MAX_LINES };
        assert!(lines <= limit, "{} has {lines} lines, more than {limit}", file.display());
    }
}

#[test]
fn only_clap_reads_the_environment() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    for file in files.iter().filter(|file| !is_test(file) && !file.ends_with("build.rs")) {
        let text = fs::read_to_string(file).unwrap();
        for call in ["env::var(", "env::var_os(", "env::vars("] {
            assert!(!text.contains(call), "{} calls {call}…)", file.display());
        }
    }
}

#[test]
fn error_types_become_a_status_in_one_place_of_a_crate() {
    for package in metadata().packages {
        let folder = package.manifest_path.parent().unwrap().join("src");
        let mut files = Vec::new();
        if folder.exists() {
            sources(folder.as_std_path(), &mut files);
        }
        let count = files
            .iter()
            .map(|file| fs::read_to_string(file).unwrap().matches("for Status {").count())
            .sum::<usize>();
        assert!(count <= 1, "{} turns errors into a Status in {count} places", package.name);
    }
}
