//! `wayside token` as a process, as a person and a shell use it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use wayside_chassis::auth::{Identity, KeySet, KeyStore, Rejection, TokenRules, Verifier};
use wayside_chassis::jwt::{DEFAULT_AUDIENCE, DEFAULT_ISSUER};

/// `wayside token` for ann in a directory, with further options.
fn run(directory: &TempDir, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    command.current_dir(directory.path()).args(["token", "--subject", "ann"]).args(options);
    let output = command.output().unwrap();
    // Standard output is for the token.
    e2e::assert_none("wayside token", &output.stderr);
    output
}

/// The token of a run that went well: all of standard output but the end of its line.
fn token(directory: &TempDir, options: &[&str]) -> String {
    let output = run(directory, options);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    printed.strip_suffix('\n').unwrap().to_owned()
}

/// What a run that must not go well says, in one line.
fn refusal(directory: &TempDir, options: &[&str], code: i32) -> String {
    let output = run(directory, options);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(code), ""), "{said}");
    said
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn verifier(jwks: &Path, issuer: &str, audience: &str) -> Verifier {
    let keys = KeySet::parse(&fs::read(jwks).unwrap()).unwrap();
    Verifier::new(KeyStore::fixed(keys), TokenRules::new(issuer, [audience]).unwrap())
}

/// Who a server with the default settings takes the token for.
fn check(directory: &TempDir, token: &str) -> Result<Identity, Rejection> {
    let jwks = directory.path().join("certs/jwks.json");
    verifier(&jwks, DEFAULT_ISSUER, DEFAULT_AUDIENCE).check(token)
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_server_with_the_key_and_the_default_rules_takes_the_token_for_who_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let token = token(&directory, &["--role", "admin", "--role", "operator"]);
    let identity = check(&directory, &token).unwrap();
    assert_eq!((identity.subject(), identity.issuer()), ("ann", DEFAULT_ISSUER));
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["admin", "operator"]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let left = identity.expires_at().abs_diff(now);
    assert!(left.abs_diff(Duration::from_secs(3600)) < Duration::from_secs(30), "{left:?}");
    assert_eq!(mode(&directory.path().join("certs/jwt-key.pem")), 0o600);
}

#[test]
fn issuer_audiences_and_lifetime_are_what_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let options = ["--issuer", "https://issuer.example", "--lifetime", "24h"];
    let audiences = ["--audience", "cache", "--audience", "accounts"];
    let token = token(&directory, &[&options[..], &audiences].concat());
    let jwks = directory.path().join("certs/jwks.json");
    for audience in ["cache", "accounts"] {
        let checked = verifier(&jwks, "https://issuer.example", audience).check(&token);
        checked.expect(audience);
    }
    assert!(matches!(check(&directory, &token), Err(Rejection::Issuer)));
    let later = SystemTime::now() + Duration::from_secs(23 * 3600);
    let tomorrow = verifier(&jwks, "https://issuer.example", "cache").with_clock(move || later);
    tomorrow.check(&token).unwrap();
}

#[test]
fn the_key_is_used_again_and_a_new_one_replaces_what_servers_know() {
    let directory = tempfile::tempdir().unwrap();
    let first = token(&directory, &[]);
    let jwks = directory.path().join("certs/jwks.json");
    let written = fs::metadata(&jwks).unwrap().modified().unwrap();
    let second = token(&directory, &["--role", "admin"]);
    assert_eq!(fs::metadata(&jwks).unwrap().modified().unwrap(), written);
    check(&directory, &first).unwrap();
    check(&directory, &second).unwrap();

    fs::remove_file(directory.path().join("certs/jwt-key.pem")).unwrap();
    let third = token(&directory, &[]);
    check(&directory, &third).unwrap();
    // Its key has another id: a server that does not know it yet would look for it at once.
    assert!(matches!(check(&directory, &first), Err(Rejection::UnknownKey)));
}

#[test]
fn only_the_token_goes_to_standard_output_and_the_private_key_goes_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(&directory, &["--role", "admin"]);
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(printed.lines().count(), 1);
    assert_eq!(printed.trim_end().split('.').count(), 3, "{printed}");
    for part in [
        r#"grpcurl -plaintext -H "authorization: Bearer $TOKEN" 127.0.0.1:5052 accounts.v1."#,
        "ann with the role admin, valid for 3600 s",
        "--jwt-keys certs/jwks.json\n",
    ] {
        assert!(said.contains(part), "{part} in: {said}");
    }
    let key = fs::read_to_string(directory.path().join("certs/jwt-key.pem")).unwrap();
    for line in key.lines() {
        assert!(!printed.contains(line) && !said.contains(line), "{printed}{said}");
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    token(&directory, &[]);
    let key = directory.path().join("certs/jwt-key.pem");
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let said = refusal(&directory, &[], 1);
        for part in ["--key certs/jwt-key.pem", &format!("{mode:o}"), "chmod 600"] {
            assert!(said.contains(part), "{part} in: {said}");
        }
    }
}

#[test]
fn a_key_file_that_is_none_is_refused_without_a_word_of_what_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    let damaged = "-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n";
    for contents in ["", "SECRET", damaged] {
        fs::write(&file, contents).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let said = refusal(&directory, &["--key", "key"], 1);
        assert!(said.contains("--key key cannot be used") && said.contains("Ed25519"), "{said}");
        assert!(!said.contains("SECRET") && !said.contains("U0VD"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), contents, "it was replaced");
    }
    let said = refusal(&directory, &["--key", "."], 1);
    assert!(said.contains("--key . cannot be used: it is not a file"), "{said}");
}

#[test]
fn a_file_that_is_no_key_set_of_ours_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    token(&directory, &["--key", "a.pem", "--jwks", "a.json"]);
    token(&directory, &["--key", "b.pem", "--jwks", "b.json"]);
    let key_of = |file: &str| {
        let jwks = fs::read_to_string(directory.path().join(file)).unwrap();
        jwks.trim_start_matches(r#"{"keys":["#).trim_end().trim_end_matches("]}").to_owned()
    };
    let both = format!(r#"{{"keys":[{},{}]}}"#, key_of("a.json"), key_of("b.json"));
    for contents in ["precious", both.as_str()] {
        fs::write(directory.path().join("file"), contents).unwrap();
        let said = refusal(&directory, &["--jwks", "file"], 1);
        assert!(said.contains("--jwks file cannot be used"), "{said}");
        assert_eq!(fs::read_to_string(directory.path().join("file")).unwrap(), contents);
    }
}

#[test]
fn wrong_options_are_named() {
    let directory = tempfile::tempdir().unwrap();
    for (options, part) in [
        (&["--lifetime", "25h"][..], "'--lifetime <DURATION>': a token is valid for 1s to 24h"),
        (&["--lifetime", "0s"], "--lifetime"),
        (&["--role", ""], "--role"),
        (&["--audience", ""], "--audience"),
        (&["--issuer", ""], "--issuer"),
    ] {
        let said = refusal(&directory, options, 2);
        assert!(said.contains(part), "{part} in: {said}");
    }
    let said = refusal(&directory, &["--role", &"x".repeat(8192)], 1);
    assert!(said.contains("servers take at most 8192") && said.contains("--role"), "{said}");
}

#[test]
fn help_shows_how_a_shell_takes_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let help = text(&run(&directory, &["--help"]).stdout);
    for part in ["TOKEN=$(cargo run -q -- token --subject ann", "--jwt-keys certs/jwks.json"] {
        assert!(help.contains(part), "{part} in: {help}");
    }
}
