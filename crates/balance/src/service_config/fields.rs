//! Reads one JSON object of a service config and says where it is wrong.

use serde_json::{Map, Value};
use tokio::time::Duration;

use super::ServiceConfigError;

/// One JSON object and the path to it. Names are those of the proto's JSON form; a field that is null is not there.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

type Result<T> = std::result::Result<T, ServiceConfigError>;

impl<'a> Fields<'a> {
    pub(crate) fn new(value: &'a Value, path: impl Into<String>) -> Result<Self> {
        let path = path.into();
        match value.as_object() {
            Some(object) => Ok(Self { object, path }),
            None => Err(ServiceConfigError::new(path, "is not an object")),
        }
    }

    /// An error about one field.
    pub(crate) fn invalid(&self, name: &str, problem: impl Into<String>) -> ServiceConfigError {
        ServiceConfigError::new(self.at(name), problem)
    }

    /// The path of a field.
    pub(crate) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn bool(&self, name: &str) -> Result<Option<bool>> {
        self.get(name)
            .map(|value| value.as_bool().ok_or_else(|| self.invalid(name, "is not true or false")))
            .transpose()
    }

    /// A whole number from 0; JSON of protos may write it as a string.
    pub(crate) fn u32(&self, name: &str) -> Result<Option<u32>> {
        let read = |value: &Value| match value {
            Value::String(text) => text.parse().ok(),
            // 3.0 is 3 in the JSON form of protos.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked by the guard"
            )]
            Value::Number(number) => number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(n))
                .map(|n| n as u32),
            _ => None,
        };
        self.get(name)
            .map(|value| {
                read(value)
                    .ok_or_else(|| self.invalid(name, "is not a whole number from 0 to 4294967295"))
            })
            .transpose()
    }

    pub(crate) fn f64(&self, name: &str) -> Result<Option<f64>> {
        self.get(name)
            .map(|value| {
                value
                    .as_f64()
                    .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
                    .filter(|number| number.is_finite())
                    .ok_or_else(|| self.invalid(name, "is not a number"))
            })
            .transpose()
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<&'a str>> {
        self.get(name)
            .map(|value| value.as_str().ok_or_else(|| self.invalid(name, "is not a string")))
            .transpose()
    }

    /// A time in seconds with the unit, as "1.5s"; at most nine decimals.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_str().and_then(seconds).map(Some).ok_or_else(|| {
            self.invalid(name, "is not a time in seconds with at most nine decimals, as \"1.5s\"")
        })
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>> {
        self.get(name).map(|value| Self::new(value, self.at(name))).transpose()
    }

    /// The elements of a list, each with its path.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<(&'a Value, String)>>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let list = value.as_array().ok_or_else(|| self.invalid(name, "is not a list"))?;
        let at = self.at(name);
        Ok(Some(list.iter().enumerate().map(|(i, value)| (value, format!("{at}[{i}]"))).collect()))
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // The longest that the proto's Duration can say: 10,000 years.
    let whole = Some(whole)
        .filter(|whole| digits(whole) && !whole.is_empty())?
        .parse()
        .ok()
        .filter(|seconds: &u64| *seconds <= 315_576_000_000)?;
    if fraction.len() > 9 || !digits(fraction) {
        return None;
    }
    Some(Duration::new(whole, format!("{fraction:0<9}").parse().ok()?))
}
