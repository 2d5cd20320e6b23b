//! A PostgreSQL that is killed, halted or that does not let the server in.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tokio::time::{Duration, Instant, sleep, timeout};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use wayside_proto::accounts::v1::GetByTokenRequest;

use crate::support::{Client, Server, create, prepared};

/// How long a call may take of which the database knows nothing: well within its deadline.
const IN_TIME: Duration = Duration::from_secs(3);

/// A PostgreSQL of a test's own.
struct Postgres {
    directory: TempDir,
    authentication: &'static str,
}

impl Postgres {
    fn start(authentication: &'static str) -> Self {
        let postgres = Self { directory: tempfile::tempdir().unwrap(), authentication };
        postgres.tell("start");
        postgres
    }

    /// Starts, stops, kills, pauses or resumes it.
    fn tell(&self, action: &str) {
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/postgres");
        let mut command = Command::new(tool);
        command.arg(action).arg(self.directory.path()).arg(self.authentication);
        assert!(command.status().unwrap().success(), "{action}");
    }

    /// The options of a server that uses it.
    fn options(&self) -> [String; 4] {
        let port = std::fs::read_to_string(self.directory.path().join("port")).unwrap();
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", port.trim());
        let file = self.directory.path().join("password").to_str().unwrap().to_owned();
        ["--accounts-database-url".into(), url, "--accounts-database-password-file".into(), file]
    }

    async fn server(&self) -> Server {
        Server::start(&self.options().each_ref().map(String::as_str)).await
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.tell("kill");
    }
}

/// Finds the account of a token, in time.
async fn find(client: &mut Client, token: &str) -> Result<(), Status> {
    let mut request = Request::new(GetByTokenRequest { token: token.to_owned() });
    request.set_timeout(Duration::from_secs(5));
    let start = Instant::now();
    let answer = client.get_by_token(request).await.map(drop);
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    answer
}

fn assert_unavailable(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "DATABASE_UNAVAILABLE");
    assert!(status.get_details_retry_info().is_some());
}

async fn until_found(client: &mut Client, token: &str) {
    let found = async {
        while let Err(status) = find(client, token).await {
            assert_unavailable(&status);
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), found).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_killed_under_load_is_unavailable_in_time_and_found_again() {
    let postgres = Postgres::start("trust");
    let server = postgres.server().await;
    let (mut client, mut names) = (server.client(), 0);
    let (_, token) = create(&mut client, "ada", 3).await;
    for _ in 0..2 {
        let load = async {
            // Four at a time, until the database is gone.
            let calls = (0..4).map(|_| {
                let (mut client, token) = (server.client(), token.clone());
                tokio::spawn(async move {
                    loop {
                        if let Err(status) = find(&mut client, &token).await {
                            return status;
                        }
                    }
                })
            });
            calls.collect::<Vec<_>>()
        };
        let calls = load.await;
        names += 1;
        let (_, kept) = create(&mut client, &format!("kept {names}"), 3).await;
        postgres.tell("kill");
        for call in calls {
            assert_unavailable(&timeout(IN_TIME, call).await.unwrap().unwrap());
        }
        assert_unavailable(&find(&mut client, &token).await.unwrap_err());
        postgres.tell("start");
        until_found(&mut client, &token).await;
        // What was told to be done is done.
        until_found(&mut client, &kept).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_halted_is_unavailable_in_time_and_costs_no_connections() {
    let postgres = Postgres::start("trust");
    let server = postgres.server().await;
    let mut client = server.client();
    let (_, token) = create(&mut client, "ada", 3).await;
    postgres.tell("pause");
    // More calls than there are connections, some of whose callers go away.
    for round in 0..3 {
        let calls = (0..20).map(|number| {
            let (mut client, token) = (server.client(), token.clone());
            tokio::spawn(async move {
                let call = find(&mut client, &token);
                if number % 4 == 0 {
                    let _ = timeout(Duration::from_millis(100 * round), call).await;
                } else {
                    assert_unavailable(&call.await.unwrap_err());
                }
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
    }
    postgres.tell("resume");
    until_found(&mut client, &token).await;
    let calls = (0..20).map(|_| {
        let (mut client, token) = (server.client(), token.clone());
        tokio::spawn(async move { find(&mut client, &token).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_at_the_start_and_shown_nowhere() {
    let postgres = Postgres::start("scram-sha-256");
    let right = postgres.server().await;
    create(&mut right.client(), "ada", 3).await;
    right.stop().await;
    let mut options = postgres.options();
    let wrong = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(wrong.path(), "hunter2").unwrap();
    options[3] = wrong.path().to_str().unwrap().to_owned();
    let error = prepared(&options.each_ref().map(String::as_str)).await.map(drop).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("password authentication failed") && !text.contains("hunter2"), "{text}");
    options[3] = "/missing".to_owned();
    let error = prepared(&options.each_ref().map(String::as_str)).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("--accounts-database-password-file"), "{error}");
}
