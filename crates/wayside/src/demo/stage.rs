//! What demonstrations have in common: servers in this process, clients of them, lines of text, and checks.

use std::future::pending;
use std::io::{Write, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser};
use movies::{Movies, MoviesArgs, Observer};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout};
use tonic::{Request, Status};
use wayside_balance::{Channel, ChannelBuilder};
use wayside_chassis::{Outgoing, ProcessArgs, bind, outgoing, prepare};
use wayside_proto::movies::v1::movies_service_client::MoviesServiceClient;
use wayside_proto::movies::v1::{GetMovieRequest, Movie};

/// What calls are made with: the generated client, around it the client's interceptors, and in them the channel.
pub(crate) type Client = MoviesServiceClient<Outgoing>;

/// How long something may take that takes milliseconds.
const SOON: Duration = Duration::from_secs(5);

/// Where a demonstration happens. Its servers end with it.
#[derive(Debug)]
pub(crate) struct Stage {
    board: Arc<Board>,
    servers: JoinSet<()>,
}

/// What was said so far.
#[derive(Debug)]
struct Board {
    began: Instant,
    said: Mutex<Vec<(String, String)>>,
    news: Notify,
}

/// The command line of a movies server.
#[derive(Debug, Parser)]
struct MoviesOptions {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    movies: MoviesArgs,
}

impl Stage {
    /// An empty stage, after a line that says what will be shown.
    pub(crate) fn open(name: &str, about: &str) -> Result<Self> {
        writeln!(stdout().lock(), "{name}: {about}\n")?;
        let (said, news) = (Mutex::default(), Notify::new());
        let board = Arc::new(Board { began: Instant::now(), said, news });
        Ok(Self { board, servers: JoinSet::new() })
    }

    /// Starts a movies server with options as on its command line. What it says of its calls is printed under its name.
    pub(crate) async fn movies(&mut self, name: &str, options: &[&str]) -> Result<SocketAddr> {
        let listener = bind(name, (Ipv4Addr::LOCALHOST, 0).into()).await?;
        let address = listener.local_addr()?;
        let mut parsed = parse(options)?;
        let (board, speaker) = (self.board.clone(), name.to_owned());
        parsed.movies.movies_observer =
            Observer::new(move |remark| board.say(&speaker, &remark.to_string()));
        let server = prepare::<Movies>(name, parsed.movies, &parsed.process).await?;
        self.servers.spawn(async move {
            // It has a listener, so it serves until it is dropped.
            let _ = server.serve(listener, pending()).await;
        });
        let command = [&["movies"], options].concat().join(" ");
        self.say(name, &format!("listens on {address}: {command}"));
        Ok(address)
    }

    /// Has a task run as long as the stage is open.
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.servers.spawn(task);
    }

    /// Prints a line, with the time since the beginning and who says it.
    pub(crate) fn say(&self, who: &str, text: &str) {
        self.board.say(who, text);
    }

    /// How often somebody has said something that begins like this.
    pub(crate) fn count(&self, who: &str, beginning: &str) -> usize {
        let said = self.board.said();
        said.iter().filter(|line| line.0 == who && line.1.starts_with(beginning)).count()
    }

    /// What somebody has said first that begins like this, without the beginning.
    pub(crate) fn said(&self, who: &str, beginning: &str) -> Option<String> {
        let said = self.board.said();
        let mut by_them = said.iter().filter(|line| line.0 == who);
        by_them.find_map(|line| line.1.strip_prefix(beginning).map(str::to_owned))
    }

    /// Whether somebody says this, now or soon.
    pub(crate) async fn hears(&self, who: &str, beginning: &str) -> bool {
        let heard = async {
            loop {
                let news = self.board.news.notified();
                if self.count(who, beginning) > 0 {
                    return;
                }
                news.await;
            }
        };
        timeout(SOON, heard).await.is_ok()
    }

    /// Says that something is as it should be.
    ///
    /// # Errors
    /// When it is not, with the same words.
    pub(crate) fn check(&self, is_so: bool, what: &str) -> Result<()> {
        if !is_so {
            bail!("expected, and not so: {what}");
        }
        self.say("✓", what);
        Ok(())
    }
}

impl Board {
    fn say(&self, who: &str, text: &str) {
        let at = self.began.elapsed().as_secs_f64();
        let mut said = self.said();
        // Nobody is there to be told when standard output is closed; the checks go on.
        let _ = writeln!(stdout().lock(), "{at:>6.2} s  {who:<9} {text}");
        said.push((who.to_owned(), text.to_owned()));
        self.news.notify_waiters();
    }

    fn said(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads options as a server does, except that the environment does not count: a demonstration is the same for everybody.
fn parse(options: &[&str]) -> Result<MoviesOptions> {
    let command = MoviesOptions::command().mut_args(|arg| arg.env(Resettable::Reset));
    let matches = command.try_get_matches_from(["movies"].iter().chain(options))?;
    Ok(MoviesOptions::from_arg_matches(&matches)?)
}

/// A client of one server.
pub(crate) fn client(server: SocketAddr) -> Result<Client> {
    client_of(builder(server)?)
}

/// What makes a channel to one server.
pub(crate) fn builder(server: SocketAddr) -> Result<ChannelBuilder> {
    Ok(Channel::builder(&format!("ipv4:{server}").parse()?))
}

/// A client with a channel of one's own.
pub(crate) fn client_of(channel: ChannelBuilder) -> Result<Client> {
    Ok(MoviesServiceClient::new(outgoing(channel.build()?)))
}

/// A request for a movie.
pub(crate) fn get(mid: i32) -> Request<GetMovieRequest> {
    Request::new(GetMovieRequest { mid })
}

/// A movie, or why there is none, in one line.
pub(crate) fn told(answer: &Result<Option<Movie>, Status>) -> String {
    match answer {
        Ok(Some(movie)) => format!("{} {} ({})", movie.mid, movie.movie_name, movie.movie_style),
        Ok(None) => "an answer without a movie".to_owned(),
        Err(status) => format!("{:?} {:?}", status.code(), status.message()),
    }
}

/// Gets a movie.
pub(crate) async fn movie(
    client: &mut Client,
    request: Request<GetMovieRequest>,
) -> Result<Option<Movie>, Status> {
    Ok(client.get_movie(request).await?.into_inner().movie)
}

/// The status of a call that should fail.
pub(crate) fn failure<T>(answer: Result<T, Status>) -> Result<Status> {
    answer.err().context("not as expected: the call succeeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_check_that_fails_says_what_was_expected() {
        let stage = Stage::open("test", "a stage without a play").unwrap();
        stage.check(true, "one is one").unwrap();
        let error = stage.check(false, "one is two").unwrap_err();
        assert_eq!(error.to_string(), "expected, and not so: one is two");
        assert_eq!((stage.count("✓", "one is"), stage.count("✓", "one is two")), (1, 0));
    }

    #[tokio::test]
    async fn what_was_said_is_found_by_who_and_how_it_begins() {
        let stage = Stage::open("test", "a stage without a play").unwrap();
        stage.say("server", "GetMovie, 2.000 s left");
        stage.say("server", "GetMovie, 1.000 s left");
        assert_eq!(stage.said("server", "GetMovie, ").unwrap(), "2.000 s left");
        assert!(stage.hears("server", "GetMovie, 1").await);
        assert_eq!((stage.count("server", "GetMovie"), stage.count("client", "GetMovie")), (2, 0));
    }

    #[test]
    fn options_of_a_server_that_are_wrong_are_told() {
        assert!(parse(&["--movies-work", "1s"]).is_ok());
        let error = parse(&["--movies-work", "2h"]).unwrap_err().to_string();
        assert!(error.contains("at most 60s"), "{error}");
    }
}
