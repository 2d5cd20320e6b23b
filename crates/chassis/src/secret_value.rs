//! Values of options among which there may be a secret.

use std::ffi::OsStr;
use std::fmt;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};

/// Reads the value of an option without ever showing it: clap repeats a value that a plain function refuses, and a token or a password would be on the terminal
/// and in the logs.
///
/// What `parse` answers is shown, so that must not repeat the value either. `--help` shows what variables are set to unless the option has `hide_env_values`.
///
/// ```
/// use clap::Parser;
/// use wayside_chassis::secret_value_parser;
///
/// #[derive(Debug, Parser)]
/// struct Cli {
///     #[arg(long, env = "PIN", hide_env_values = true, value_parser = secret_value_parser(str::parse::<u16>))]
///     pin: u16,
/// }
///
/// let error = Cli::try_parse_from(["program", "--pin", "hunter2"]).unwrap_err().to_string();
/// assert!(error.contains("--pin") && !error.contains("hunter2"));
/// ```
pub fn secret_value_parser<T, E>(
    parse: impl Fn(&str) -> Result<T, E> + Clone + Send + Sync + 'static,
) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
    E: fmt::Display,
{
    SecretValueParser(parse)
}

#[derive(Clone)]
struct SecretValueParser<F>(F);

impl<F, T, E> TypedValueParser for SecretValueParser<F>
where
    F: Fn(&str) -> Result<T, E> + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: fmt::Display,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let text = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned());
        let parsed = text.and_then(|text| (self.0)(text).map_err(|error| error.to_string()));
        parsed.map_err(|reason| {
            let argument = argument.map(ToString::to_string).unwrap_or_default();
            let text = format!("{argument} cannot be used: {reason}\n");
            clap::Error::raw(ErrorKind::ValueValidation, text).with_cmd(command)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn command() -> Command {
        let parse = secret_value_parser(|text: &str| match text {
            "good" => Ok(7_u8),
            _ => Err("a token has four letters"),
        });
        let token = Arg::new("token").long("token").value_name("TOKEN").value_parser(parse);
        Command::new("program").arg(token)
    }

    fn refused(value: impl Into<OsString>) -> String {
        let arguments = ["program".into(), "--token".into(), value.into()];
        let error = command().try_get_matches_from(arguments).unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (ErrorKind::ValueValidation, 2));
        format!("{error} {error:?}")
    }

    #[test]
    fn a_value_is_read() {
        let matches = command().try_get_matches_from(["program", "--token", "good"]).unwrap();
        assert_eq!(matches.get_one::<u8>("token"), Some(&7));
    }

    #[test]
    fn a_refused_value_is_not_shown_and_what_is_wrong_with_it_is() {
        let text = refused("hunter2");
        assert!(!text.contains("hunter2"), "{text}");
        let expected = "--token <TOKEN> cannot be used: a token has four letters";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn what_is_not_utf_8_is_refused_as_silently() {
        let text = refused(OsString::from_vec(b"hunter2\xff".to_vec()));
        assert!(text.contains("not UTF-8") && !text.contains("hunter2"), "{text}");
    }
}
