//! Movies as an [`App`].

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Args};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use wayside_balance::Target;
use wayside_chassis::auth::Policy;
use wayside_chassis::metadata::{AllowList, NotToBeHandedOn};
use wayside_chassis::{
    App, Auth, DryRunSupport, Needs, Setup, StartError, Timeouts, parse_duration,
};
use wayside_proto::movies::v1::movies_service_server::MoviesServiceServer;

use crate::catalogue::Catalogue;
use crate::fault::Faults;
use crate::middle::Middle;
use crate::service::{Answers, Service};
use crate::{FaultPlan, Observer};

const EVERY_METHOD: &str = "/movies.v1.MoviesService/*";
const GET_MOVIE: &str = "/movies.v1.MoviesService/GetMovie";
const QUERY_MOVIES: &str = "/movies.v1.MoviesService/QueryMovies";

/// The longest work that can be simulated.
const MAX_WORK: Duration = Duration::from_secs(60);

/// How long a lookup may take when its caller does not say: twice the longest work, so that a middle and the server behind it can both do it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// The movies server.
#[derive(Debug)]
pub struct Movies;

/// What the movies server can be told.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct MoviesArgs {
    /// Another movies server that every call is passed on to, instead of answering from the catalogue.
    #[arg(long, env = "MOVIES_MIDDLE", value_name = "TARGET", help_heading = "Movies")]
    pub movies_middle: Option<Target>,

    /// How long to work before each answer and each streamed movie, or before a call is passed on: at most 60s.
    #[arg(long, env = "MOVIES_WORK", default_value = "0s", value_parser = parse_work, value_name = "DURATION", help_heading = "Movies")]
    pub movies_work: Duration,

    /// Which calls fail on purpose, N from 1: always, first:N (the first N calls), after:N (all after the first N), every:N (each N-th).
    #[arg(long, env = "MOVIES_FAULTY", value_name = "PLAN", help_heading = "Movies")]
    pub movies_faulty: Option<FaultPlan>,

    /// Whether callers need a JWT, which takes keys to check it with (--jwt-keys). A middle passes the tokens that it has checked on to the next server; without
    /// this option credentials end at the server that they were sent to.
    #[arg(
        long,
        env = "MOVIES_REQUIRE_TOKEN",
        default_value_t = false,
        action = ArgAction::Set,
        num_args = 0..=1,
        default_missing_value = "true",
        value_name = "BOOL",
        help_heading = "Movies"
    )]
    pub movies_require_token: bool,

    /// The roles of which callers need one, with commas between them; who needs a role needs a token (--movies-require-token).
    #[arg(
        long,
        env = "MOVIES_REQUIRE_ROLE",
        value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new(),
        value_name = "ROLES",
        help_heading = "Movies"
    )]
    pub movies_require_role: Vec<String>,

    /// The metadata that a middle hands on with a call, beside the request id: names with commas between them. What is not named ends here, as it may not be meant
    /// for the next server; credentials and what belongs to one hop cannot be named.
    #[arg(long, env = "MOVIES_HAND_ON", default_value = "key,key-bin", value_parser = parse_names, value_name = "NAMES", help_heading = "Movies")]
    pub movies_hand_on: AllowList,

    /// Who is told what the server makes of its calls. No option: it is for programs that have the server in their own process.
    #[arg(skip)]
    pub movies_observer: Observer,
}

impl App for Movies {
    const NAME: &'static str = "movies";
    const ABOUT: &'static str =
        "Looks movies up and streams them over gRPC, slowly or faultily if told to.";
    const PORT: u16 = 20001;
    const ADMIN_PORT: u16 = 9102;
    const SERVICES: &'static [&'static str] = &["movies.v1.MoviesService"];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;

    type Args = MoviesArgs;

    fn needs(args: &MoviesArgs) -> Needs {
        let mut needs = Needs { handed_on: args.movies_hand_on.clone(), ..Needs::default() };
        let roles = &args.movies_require_role;
        if !roles.is_empty() {
            let policy = Policy::builder().roles(EVERY_METHOD, roles.iter().map(String::as_str));
            needs.auth = Auth::Required(policy);
        } else if args.movies_require_token {
            needs.auth = Auth::Required(Policy::builder().authenticated(EVERY_METHOD));
        }
        needs.timeouts = needs
            .timeouts
            .on(GET_MOVIE, Timeouts { default: Some(DEFAULT_TIMEOUT), max: None })
            // A stream is as long as it is read.
            .on(QUERY_MOVIES, Timeouts::default());
        needs.dry_run = needs
            .dry_run
            .on(GET_MOVIE, DryRunSupport::ReadOnly)
            .on(QUERY_MOVIES, DryRunSupport::ReadOnly);
        needs.long_calls = &[QUERY_MOVIES];
        needs
    }

    async fn routes(args: MoviesArgs, setup: &Setup) -> Result<Routes, StartError> {
        let answers = match &args.movies_middle {
            None => Answers::Catalogue(Catalogue::default()),
            Some(target) => {
                let channel = setup.channel(target).map_err(|error| StartError::Option {
                    name: Self::NAME,
                    option: "--movies-middle",
                    reason: error.to_string(),
                })?;
                Answers::Middle(Box::new(Middle::new(channel)))
            }
        };
        let faults = Faults::new(args.movies_faulty);
        let service = Service::new(answers, args.movies_work, faults, args.movies_observer);
        let service = MoviesServiceServer::new(service)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd);
        Ok(Routes::new(service))
    }
}

fn parse_names(text: &str) -> Result<AllowList, NotToBeHandedOn> {
    AllowList::new(text.split(',').map(str::trim).filter(|name| !name.is_empty()))
}

fn parse_work(text: &str) -> Result<Duration, String> {
    let work = parse_duration(text)?;
    if work > MAX_WORK {
        return Err(format!("work is at most {}s", MAX_WORK.as_secs()));
    }
    Ok(work)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: MoviesArgs,
    }

    #[test]
    fn the_server_needs_no_option() {
        Cli::command().debug_assert();
        let args = Cli::parse_from(["movies"]).args;
        assert!(
            args.movies_middle.is_none()
                && args.movies_work.is_zero()
                && args.movies_faulty.is_none()
                && !args.movies_require_token
        );
    }

    #[test]
    fn a_token_is_required_by_the_flag_alone_by_a_value_or_for_a_role() {
        for (options, expected) in [
            (&["--movies-require-token"][..], true),
            (&["--movies-require-token", "--movies-work", "1s"], true),
            (&["--movies-require-token=true"], true),
            (&["--movies-require-token", "false"], false),
            (&["--movies-require-role", "viewer,admin"], true),
        ] {
            let args = Cli::parse_from(["movies"].iter().chain(options)).args;
            let is_required = matches!(Movies::needs(&args).auth, Auth::Required(_));
            assert_eq!(is_required, expected, "{options:?}");
        }
    }

    #[test]
    fn a_lookup_has_two_minutes_by_default_and_a_stream_as_long_as_it_wants() {
        let timeouts = Movies::needs(&Cli::parse_from(["movies"]).args).timeouts.build().unwrap();
        let lookup = Timeouts { default: Some(Duration::from_secs(120)), max: None };
        assert_eq!(*timeouts.get(GET_MOVIE), lookup);
        assert_eq!(*timeouts.get(QUERY_MOVIES), Timeouts::default());
    }

    #[test]
    fn work_is_a_duration_of_at_most_60_seconds() {
        assert_eq!(parse_work("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse_work("61s"), Err("work is at most 60s".to_owned()));
        assert!(parse_work("fast").is_err());
    }

    #[test]
    fn values_that_cannot_be_used_are_refused_with_what_can_be() {
        for (option, value, expected) in [
            ("--movies-middle", "movies:0", "movies:0"),
            ("--movies-work", "2h", "at most 60s"),
            ("--movies-require-role", "viewer,", "value is required"),
            ("--movies-faulty", "sometimes", "always, first:N, after:N or every:N"),
        ] {
            let error = Cli::try_parse_from(["movies", option, value]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
