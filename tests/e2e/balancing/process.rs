//! Servers as processes.

use std::net::SocketAddr;
use std::process::ExitStatus;

use e2e::Printed;
use tokio::process::{Child, Command};
use tokio::time::{Duration, timeout};

/// How long a process may take to start, and whatever else has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const GREET: &str = env!("CARGO_BIN_EXE_e2e-greet");
const LOOKASIDE: &str = env!("CARGO_BIN_EXE_e2e-lookaside");
const GATEWAY: &str = env!("CARGO_BIN_EXE_e2e-gateway");

/// A server that is killed when it is dropped. The test fails then if it has printed a secret.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: Child,
    printed: Printed,
}

impl Process {
    /// A replica of greet with this name.
    pub(crate) async fn greet(name: &str, options: &[&str]) -> Self {
        let options = [&["--greet-pod-name", name, "--greet-pod-ip", "127.0.0.1"], options];
        Self::start(GREET, &options.concat()).await
    }

    /// A replica of greet that registers itself with these balancers.
    pub(crate) async fn registered(name: &str, balancers: &str, options: &[&str]) -> Self {
        let register = ["--register-with", balancers, "--register-as", SERVICE];
        Self::greet(name, &[&register, options].concat()).await
    }

    pub(crate) async fn lookaside(options: &[&str]) -> Self {
        Self::start(LOOKASIDE, options).await
    }

    /// A gateway for greet.
    pub(crate) async fn gateway(options: &[&str]) -> Self {
        Self::start(GATEWAY, options).await
    }

    /// Starts a server on a free port, unless its options have one, and waits until it serves.
    async fn start(program: &str, options: &[&str]) -> Self {
        let listen: &[&str] =
            if options.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        let mut command = Command::new(program);
        // A variable such as LAME_DUCK in somebody's shell would change what is seen.
        command.env_clear().args(listen).args(options);
        command.args(["--admin-listen", "off", "--log", "info,access=warn,outgoing=warn"]);
        command.args(["--log-format", "json"]).kill_on_drop(true);
        let (child, mut printed) = Printed::by(command).unwrap();
        let log = match printed.stderr(PATIENCE, |log| address(log).is_some()).await {
            Ok(log) => log,
            Err(log) => panic!("{program} did not start: {log}"),
        };
        Self { address: address(&log).unwrap(), child, printed }
    }

    /// Waits until the log has a text.
    pub(crate) async fn says(&mut self, text: &str) {
        let said = self.printed.stderr(PATIENCE, |log| log.contains(text)).await;
        said.unwrap_or_else(|log| panic!("no {text} in: {log}"));
    }

    /// What Ctrl-C and Kubernetes do, nearly.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").arg(id).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("it did not end").unwrap()
    }

    /// SIGKILL: no good-bye.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// What greet is called by those who ask the balancer.
pub(crate) const SERVICE: &str = "default/greet:50051";

/// The address in the line with which a server says that it serves.
fn address(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("\"serving\""))?;
    let (_, rest) = line.split_once("\"address\":\"")?;
    rest.split('"').next()?.parse().ok()
}
