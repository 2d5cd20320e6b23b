//! `wayside up` as a process, as a person starts it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::net::{SocketAddr, TcpListener};
use std::process::{ExitStatus, Output, Stdio};

use e2e::Printed;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Duration, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

/// The processes use fixed ports, moved by an offset, so they run one after the other.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The offset of a system whose ports are all free at the time of asking.
fn free_offset() -> u16 {
    let ports = [50051, 50061, 50071, 50053, 50055, 20001, 5052, 5051, 9091, 9092, 9100_u16];
    let all_free = |offset: u16| {
        ports.iter().all(|port| TcpListener::bind(("127.0.0.1", port + offset)).is_ok())
    };
    (500..15_000).step_by(97).find(|offset| all_free(*offset)).unwrap()
}

fn wayside(offset: u16, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    command.args(["--port-offset", &offset.to_string()]).args(options);
    command.kill_on_drop(true);
    command
}

/// What a system prints that does not start, or not for long, on both streams.
async fn output(offset: u16, options: &[&str]) -> Output {
    let mut command = wayside(offset, options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = timeout(PATIENCE, command.output()).await.expect("it does not end").unwrap();
    e2e::assert_none("wayside", &[output.stdout.as_slice(), &output.stderr].concat());
    output
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn kill(pid: u32, signal: &str) {
    assert!(
        Command::new("kill")
            .args(["-s", signal, &pid.to_string()])
            .status()
            .await
            .unwrap()
            .success()
    );
}

/// With what the line begins in which `wayside up` tells whoever has started it the token of an account. The log does not tell it.
const TELLS: &str = "Demo account token: ";

/// A system that is up. The test fails at its end if it has printed a secret.
struct Up {
    process: Child,
    offset: u16,
    printed: String,
    _rest: Printed,
    _alone: MutexGuard<'static, ()>,
}

impl Up {
    async fn start(options: &[&str]) -> Self {
        let alone = ALONE.lock().await;
        let offset = free_offset();
        let (process, mut rest) = Printed::telling(wayside(offset, options), TELLS).unwrap();
        let is_up = |printed: &String| printed.contains("Stop with Ctrl-C");
        let printed = rest.stdout(PATIENCE, is_up).await.expect("it is not up");
        Self { process, offset, printed, _rest: rest, _alone: alone }
    }

    fn url(&self, port: u16, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", port + self.offset)
    }

    async fn signal(&mut self, signal: &str) -> ExitStatus {
        kill(self.process.id().unwrap(), signal).await;
        timeout(PATIENCE, self.process.wait()).await.expect("it did not stop").unwrap()
    }
}

async fn text(request: reqwest::RequestBuilder) -> String {
    timeout(PATIENCE, request.send()).await.unwrap().unwrap().text().await.unwrap()
}

#[tokio::test]
async fn three_replicas_answer_in_turn_and_the_printed_addresses_are_right() {
    let mut up = Up::start(&[]).await;
    let client = client();
    let mut pods = Vec::new();
    for _ in 0..6 {
        let greet =
            client.post(up.url(9091, "/greet")).body(r#"{"first_name":"Ada","last_name":"L"}"#);
        let reply = text(greet).await;
        let rest = reply
            .strip_prefix("reponse from Greet rpc: Hello, Ada L from pod: name(")
            .expect(&reply);
        pods.push(rest.split(')').next().unwrap().to_owned());
    }
    pods.sort();
    assert_eq!(pods, ["greet-1", "greet-1", "greet-2", "greet-2", "greet-3", "greet-3"]);
    assert!(up.printed.contains(&up.url(9091, "/greet")), "{}", up.printed);
    assert_eq!(
        up.printed.matches("\n  curl ").count() + up.printed.matches("\n  grpcurl ").count(),
        4
    );
    assert_eq!(up.signal("TERM").await.code(), Some(0));
}

#[tokio::test]
async fn media_may_fetch_the_samples_and_nothing_else_of_this_machine() {
    let mut up = Up::start(&[]).await;
    let client = client();
    let download = |port: u16, path: &str| {
        let url = up.url(port, path);
        client.get(up.url(9091, &format!("/v1/medias:download?url={url}")))
    };
    for (name, height, width) in
        [("png", 360, 640), ("jpg", 450, 800), ("gif", 180, 320), ("webp", 288, 512)]
    {
        let reply = text(download(9092, &format!("/wayside.{name}"))).await;
        assert_eq!(reply, format!(r#"{{"height":{height}.0,"width":{width}.0}}"#), "{name}");
    }
    let refused = download(9091, "/healthz").send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 403);
    assert_eq!(up.signal("INT").await.code(), Some(0));
}

#[tokio::test]
async fn a_port_in_use_is_one_line_with_port_and_service_and_exit_code_1() {
    let _alone = ALONE.lock().await;
    let offset = free_offset();
    let address = SocketAddr::from(([127, 0, 0, 1], 20001 + offset));
    let _taken = TcpListener::bind(address).unwrap();
    let output = output(offset, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    assert!(lines[0].contains(&address.to_string()) && lines[0].contains("movies"), "{stderr}");
    assert_eq!(lines[0].matches("os error").count(), 1, "the reason once: {stderr}");
}

#[tokio::test]
async fn wrong_usage_is_exit_code_2_and_says_what_is_wrong() {
    for (options, part) in [
        (&["--nonsense"][..], "--nonsense"),
        (&["--drain", "soon"], "250ms"),
        (&["--media-allow-cidr", "everything"], "--media-allow-cidr"),
        (&["--movies-faulty", "often"], "first:N"),
    ] {
        let output = output(0, options).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?}: {stderr}");
        assert!(stderr.contains(part), "{options:?}: {stderr}");
    }
}

#[tokio::test]
async fn a_value_that_may_be_a_secret_is_shown_neither_by_help_nor_when_it_is_refused() {
    for (variable, value) in [
        ("ACCOUNTS_ADMIN_TOKEN", "hunter2"),
        ("ACCOUNTS_DATABASE_URL", "postgres://ada:hunter2@db/accounts"),
        ("CACHE_STORE", "redis://:hunter2@redis"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization Bearer hunter2"),
    ] {
        for (options, code) in [(&["up", "--help"][..], 0), (&["up"], 2)] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
            command.args(options).env(variable, value).kill_on_drop(true);
            let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
            let shown = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
            let shown = shown.concat();
            assert_eq!(output.status.code(), Some(code), "{variable}: {shown}");
            assert!(!shown.contains("hunter2"), "{variable}: {shown}");
            let option = variable.to_lowercase().replace('_', "-");
            assert!(shown.contains(&format!("--{option}")), "{variable}: {shown}");
        }
    }
}

#[tokio::test]
async fn an_offset_past_the_last_port_is_an_error_that_says_how_far_it_may_go() {
    let output = output(20_000, &[]).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("--port-offset 20000") && stderr.contains("15464"), "{stderr}");
}

async fn demo_account_id(up: &Up) -> String {
    let token = up.printed.lines().find_map(|line| line.strip_prefix(TELLS)).unwrap();
    let lookup = client()
        .post(up.url(9091, "/v1/accounts:getByToken"))
        .header("content-type", "application/json");
    let reply = text(lookup.body(format!(r#"{{"token":"{token}"}}"#))).await;
    assert!(reply.contains(r#""name":"demo""#), "{reply}");
    reply.split(r#""id":""#).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn accounts_outlive_a_restart_when_there_is_a_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().to_str().unwrap();
    let options = ["--data-dir", data_dir, "--accounts-admin-token", "a-token-of-an-administrator"];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut up = Up::start(&options).await;
        ids.push(demo_account_id(&up).await);
        assert_eq!(up.signal("TERM").await.code(), Some(0));
    }
    assert_eq!(ids[0], ids[1], "the demo account was made anew");
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut up = Up::start(&["--drain", "1h"]).await;
    let client = client();
    let slow = client.post(up.url(9091, "/v1/greet")).header("content-type", "application/json");
    let call = tokio::spawn(slow.body(r#"{"delay":30}"#).send());
    // A drain that would take an hour keeps the process alive for the second signal, whether or not the call has arrived by then.
    text(client.get(up.url(9091, "/healthz"))).await;
    kill(up.process.id().unwrap(), "TERM").await;
    let refused = async { while client.get(up.url(9091, "/healthz")).send().await.is_ok() {} };
    timeout(PATIENCE, refused).await.expect("it still takes connections");
    assert_eq!(up.signal("TERM").await.code(), Some(130));
    call.abort();
}

#[tokio::test]
async fn the_admin_port_tells_that_everything_is_ready() {
    let mut up = Up::start(&[]).await;
    let nowhere = client().get(up.url(9100, "/")).send().await.unwrap();
    assert_eq!(nowhere.status().as_u16(), 404);
    let told = nowhere.text().await.unwrap();
    for path in ["/livez", "/readyz", "/metrics", "/log", "/debug/channels"] {
        let reply = client().get(up.url(9100, path)).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), 200, "{path}");
        assert!(told.contains(path), "{told} does not tell of {path}");
    }
    let pid = up.process.id().unwrap();
    kill(pid, "TERM").await;
    let unready = async {
        loop {
            let reply = client().get(up.url(9100, "/readyz")).send().await.unwrap();
            if reply.status().as_u16() == 503 {
                return reply.text().await.unwrap();
            }
        }
    };
    let unready = timeout(PATIENCE, unready).await.expect("it is still ready");
    assert!(unready.contains("not ready: ") && unready.contains("greet-1"), "{unready}");
    assert_eq!(timeout(PATIENCE, up.process.wait()).await.unwrap().unwrap().code(), Some(0));
}

/// Runs `wayside certs` for a directory, and gives the bytes of a file in it.
async fn certs(directory: &std::path::Path, file: &str) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wayside"));
    let output = command.arg("certs").arg("--certs-dir").arg(directory).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    std::fs::read(directory.join(file)).unwrap()
}

#[tokio::test]
async fn certs_are_renewed_by_the_ca_that_is_there_and_keys_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (ca, leaf) =
        (certs(folder.path(), "ca.pem").await, certs(folder.path(), "greet.pem").await);
    assert_eq!(certs(folder.path(), "ca.pem").await, ca, "the CA was replaced");
    assert_ne!(certs(folder.path(), "greet.pem").await, leaf, "the certificate was not renewed");
    for key in ["ca-key.pem", "greet-key.pem", "client-key.pem"] {
        let mode = std::fs::metadata(folder.path().join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[tokio::test]
async fn with_tls_everything_works_for_who_trusts_the_ca_and_nothing_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::start(&["--tls", "--tls-dir", folder.path().to_str().unwrap()]).await;
    let ca = std::fs::read(folder.path().join("ca.pem")).unwrap();
    let trusting = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .build()
        .unwrap();
    let url = up.url(9091, "/greet").replace("http://", "https://");
    // The gateway's own call to greet is encrypted as well, and verified.
    let reply = text(trusting.post(&url).body("{}")).await;
    assert!(reply.starts_with("reponse from Greet rpc: Hello,"), "{reply}");
    assert!(client().post(&url).body("{}").send().await.is_err(), "a stranger's CA is trusted");
    assert!(
        client().post(up.url(9091, "/greet")).body("{}").send().await.is_err(),
        "plain text is answered"
    );
    assert_eq!(up.signal("TERM").await.code(), Some(0));
}
