//! A child process.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::Core;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};

/// How many lines of a child's standard error are kept, to be told when it fails.
const LAST_WORDS: usize = 20;
/// How long a child that has closed a pipe may take to end.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// A child that takes orders and gives answers, a line each.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    listening: JoinHandle<()>,
}

impl Process {
    /// A command that runs this program itself.
    pub(crate) fn of_this_program(subcommand: &str) -> Result<Command> {
        Self::of_this_program_under(&[], subcommand)
    }

    /// A command that lets another program, with its options, run this one.
    pub(crate) fn of_this_program_under(watcher: &[&str], subcommand: &str) -> Result<Command> {
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        let mut command = match watcher {
            [] => Command::new(program),
            [watcher, options @ ..] => {
                let mut command = Command::new(watcher);
                command.args(options).arg(program);
                command
            }
        };
        // A variable such as LAME_DUCK in somebody's shell would change the figures.
        command.arg(subcommand).env_clear();
        Ok(command)
    }

    /// Starts a child, on one core if there is one for it.
    pub(crate) fn start(
        name: impl Into<String>,
        mut command: Command,
        core: Option<Core>,
    ) -> Result<Self> {
        let name = name.into();
        // In a process group of its own, so that Ctrl-C on a terminal reaches the lab only, which ends its children in order. When the
        // lab is killed, the system wakes stopped processes of such a group, and they see that their input has ended.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let pinned = core.map(Core::pin_this_thread).transpose();
        let _pinned = pinned.with_context(|| format!("cannot start {name} on a core"))?;
        let mut child = command
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(orders), Some(answers), Some(errors)) = pipes else {
            bail!("{name} was started without pipes");
        };
        let last_words = Arc::new(Mutex::new(VecDeque::with_capacity(LAST_WORDS)));
        let listening = tokio::spawn(listen(errors, last_words.clone()));
        let answers = BufReader::new(answers).lines();
        Ok(Self { name, child, orders, answers, last_words, listening })
    }

    /// Writes a line to the child.
    pub(crate) async fn order(&mut self, line: &str) -> Result<()> {
        let line = format!("{line}\n");
        if self.orders.write_all(line.as_bytes()).await.is_err() {
            return Err(self.early_end().await);
        }
        Ok(())
    }

    /// The next line of the child.
    pub(crate) async fn answer(&mut self, patience: Duration) -> Result<String> {
        match timeout(patience, self.answers.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(Ok(None)) => Err(self.early_end().await),
            Ok(Err(error)) => Err(self.failure(&format!("cannot be read: {error}"))),
            Err(_) => Err(self.failure(&format!("gave no answer within {patience:?}"))),
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let pid = pid.with_context(|| format!("{} has ended already", self.name))?;
        kill_process(pid, signal).with_context(|| format!("cannot send a signal to {}", self.name))
    }

    /// The memory that it has, as the system counts it.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let pid = self.child.id().with_context(|| format!("{} has ended already", self.name))?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        Ok(kib.context("the system does not tell the memory of a process")? / 1024.0)
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self, patience: Duration) -> Result<ExitStatus> {
        match timeout(patience, self.child.wait()).await {
            Ok(status) => status.with_context(|| format!("cannot wait for {}", self.name)),
            Err(_) => Err(self.failure(&format!("did not end within {patience:?}"))),
        }
    }

    /// Kills the child and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }

    /// The last lines of its standard error, each on a line of its own, after its end.
    pub(crate) async fn last_words(&mut self) -> String {
        // They may still be on their way; a child of its own may hold the pipe for longer.
        if !self.listening.is_finished() {
            let _ = timeout(LAST_PATIENCE, &mut self.listening).await;
        }
        self.words_so_far()
    }

    /// What to say when a pipe is closed at the other end.
    async fn early_end(&mut self) -> anyhow::Error {
        let ended = timeout(LAST_PATIENCE, self.child.wait()).await;
        self.last_words().await;
        match ended {
            Ok(Ok(status)) => self.failure(&format!("ended, {status}")),
            _ => self.failure("closed its pipes"),
        }
    }

    fn failure(&self, how: &str) -> anyhow::Error {
        anyhow::anyhow!("{} {how}{}", self.name, self.words_so_far())
    }

    fn words_so_far(&self) -> String {
        let last_words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        last_words.iter().map(|line| format!("\n    {line}")).collect()
    }
}

/// Keeps the last lines; a pipe that nobody reads would fill up and stop the child.
async fn listen(errors: ChildStderr, last_words: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(errors).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut last_words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if last_words.len() == LAST_WORDS {
            last_words.pop_front();
        }
        last_words.push_back(line);
    }
}
