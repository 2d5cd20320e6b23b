//! What a process prints, line by line, and that no secret is in it.

use std::convert::Infallible;
use std::io::{self, BufRead, BufReader, PipeReader, pipe};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Duration, timeout};

use super::secrets::{masked, secret};

/// How long what a process has printed may be on its way when it has ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that a process prints.
///
/// Dropped, it fails the test when a secret that is known by then is in a line of either stream. Drop it after the process has ended: have it in a field
/// after that of the process, or drop the process first.
#[derive(Debug)]
pub struct Printed {
    program: String,
    stdout: watch::Receiver<String>,
    stderr: watch::Receiver<String>,
    /// What the line of standard output begins with that tells a secret.
    telling: Option<&'static str>,
    /// Closed when everything is read.
    reading: Receiver<Infallible>,
}

impl Printed {
    /// Starts a process, and reads what it prints. The values of options such as `--accounts-admin-token` are secrets.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn by(command: Command) -> io::Result<(Child, Self)> {
        Self::start(command, None)
    }

    /// As [`by`](Self::by), of a process that tells whoever has started it a secret: in the rest of the line of standard output that begins like this. That one may be in
    /// other lines of standard output too.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn telling(command: Command, begins: &'static str) -> io::Result<(Child, Self)> {
        Self::start(command, Some(begins))
    }

    fn start(mut command: Command, telling: Option<&'static str>) -> io::Result<(Child, Self)> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        options_are_secrets(&command);
        let (out, out_end) = pipe()?;
        let (err, err_end) = pipe()?;
        let child = command.stdout(out_end).stderr(err_end).spawn()?;
        // It has the other ends of the pipes, which are at an end when nobody has.
        drop(command);
        let (done, reading) = channel();
        let stdout = read(out, done.clone(), telling);
        let stderr = read(err, done, None);
        Ok((child, Self { program, stdout, stderr, telling, reading }))
    }

    /// Waits until standard output is as it should be, and gives it.
    ///
    /// # Errors
    /// What there was, when the process has ended or the time is over before.
    pub async fn stdout(
        &mut self,
        patience: Duration,
        is_so: impl FnMut(&String) -> bool,
    ) -> Result<String, String> {
        until(&mut self.stdout, patience, is_so).await
    }

    /// Waits until standard error is as it should be, and gives it.
    ///
    /// # Errors
    /// What there was, when the process has ended or the time is over before.
    pub async fn stderr(
        &mut self,
        patience: Duration,
        is_so: impl FnMut(&String) -> bool,
    ) -> Result<String, String> {
        until(&mut self.stderr, patience, is_so).await
    }

    /// The first line with a secret, which is not shown.
    fn leak(&self) -> Option<String> {
        let (stdout, stderr) = (self.stdout.borrow(), self.stderr.borrow());
        let told = self.telling.and_then(|begins| {
            stdout.lines().find_map(|line| line.strip_prefix(begins)).map(str::trim)
        });
        let without = |line: &str| told.map_or(line.to_owned(), |told| line.replace(told, ""));
        let in_stdout = stdout.lines().find_map(|line| masked(&without(line)));
        let in_stdout = in_stdout.map(|line| ("output", line));
        let in_stderr = || stderr.lines().find_map(masked).map(|line| ("error", line));
        let (stream, line) = in_stdout.or_else(in_stderr)?;
        Some(format!("{} has printed a secret to standard {stream}: {line}", self.program))
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        let is_read = self.reading.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected);
        let wrong = match self.leak() {
            None if is_read => return,
            None => format!("{} prints on: drop the process first", self.program),
            Some(leak) => leak,
        };
        // The test fails for another reason already, and a second panic would end all of them.
        if thread::panicking() {
            report(&wrong);
        } else {
            panic!("{wrong}");
        }
    }
}

#[expect(clippy::print_stderr, reason = "for whoever reads why a test has failed")]
fn report(wrong: &str) {
    eprintln!("{wrong}");
}

/// Reads lines on a thread of its own, which needs no runtime to be there when the test ends.
fn read(
    stream: PipeReader,
    done: Sender<Infallible>,
    telling: Option<&'static str>,
) -> watch::Receiver<String> {
    let (sender, lines) = watch::channel(String::new());
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut bytes = Vec::new();
        while stream.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(&bytes);
            if let Some(told) = telling.and_then(|begins| line.strip_prefix(begins)) {
                secret(told.trim());
            }
            sender.send_modify(|all| all.push_str(&line));
            bytes.clear();
        }
        drop((sender, done));
    });
    lines
}

async fn until(
    lines: &mut watch::Receiver<String>,
    patience: Duration,
    is_so: impl FnMut(&String) -> bool,
) -> Result<String, String> {
    let found = timeout(patience, lines.wait_for(is_so)).await;
    let found = found.ok().and_then(Result::ok).map(|all| all.clone());
    found.ok_or_else(|| lines.borrow().clone())
}

/// The values of options and variables whose name says that they are secrets.
fn options_are_secrets(command: &Command) {
    let command = command.as_std();
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let arguments: Vec<_> = command.get_args().map(text).collect();
    let spaced = arguments.windows(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let joined = arguments.iter().filter_map(|argument| argument.split_once('='));
    let joined = joined.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let variables = command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?))));
    for (name, value) in spaced.chain(joined).chain(variables) {
        let name = name.to_lowercase();
        let is_secret = ["token", "password", "secret"].iter().any(|end| name.ends_with(end));
        if is_secret && value.len() >= 16 && !value.starts_with("--") {
            secret(value);
        }
    }
}
