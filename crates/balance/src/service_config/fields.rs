//! Reads one JSON object of a service config and says where it is wrong.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use tokio::time::Duration;

use super::ServiceConfigError;

/// The longest that the proto's Duration can say: 10,000 years.
const MAX_SECONDS: u64 = 315_576_000_000;

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

    /// An error about the object itself.
    pub(crate) fn error(&self, problem: impl Into<String>) -> ServiceConfigError {
        ServiceConfigError::new(&self.path, problem)
    }

    /// The names of all fields, known or not.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.object.keys().map(String::as_str)
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

    /// A whole number from 0; the JSON form of protos may write it as a string.
    pub(crate) fn u32(&self, name: &str) -> Result<Option<u32>> {
        match self.get(name) {
            Some(Value::String(text)) => text
                .parse()
                .map(Some)
                .map_err(|_| self.invalid(name, "is not a whole number from 0 to 4294967295")),
            _ => self.integer(name, 0..=u32::MAX),
        }
    }

    /// A whole number within bounds, and not as a string: gRFC A6 is stricter than the JSON form of protos.
    pub(crate) fn integer(&self, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_f64().unwrap_or(f64::NAN);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what is no u32 becomes another number, which shows below"
        )]
        let whole = number as u32;
        // 3.0 is a 3 in the JSON form of protos.
        if f64::from(whole) == number && range.contains(&whole) {
            return Ok(Some(whole));
        }
        let (least, most) = range.into_inner();
        Err(self.invalid(name, format!("is not a whole number from {least} to {most}")))
    }

    pub(crate) fn f64(&self, name: &str) -> Result<Option<f64>> {
        match self.get(name) {
            Some(Value::String(text)) => match text.parse() {
                Ok(number) if f64::is_finite(number) => Ok(Some(number)),
                _ => Err(self.invalid(name, "is not a number")),
            },
            _ => self.number(name),
        }
    }

    /// A number, and not as a string.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>> {
        self.get(name)
            .map(|value| value.as_f64().ok_or_else(|| self.invalid(name, "is not a number")))
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
    // Digits on both sides of a point, as JSON's numbers have them (A6).
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse().ok().filter(|seconds| *seconds <= MAX_SECONDS)?;
    Some(Duration::new(whole, format!("{fraction:0<9}").parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An object with one field of that value.
    fn object(value: &Value) -> Value {
        json!({ "field": value })
    }

    /// Reads that field; the error of a wrong one names it.
    fn read<'a, T>(
        object: &'a Value,
        get: impl Fn(&Fields<'a>, &'static str) -> Result<Option<T>>,
    ) -> Option<T> {
        let result = get(&Fields::new(object, "a[0]").unwrap(), "field");
        if let Err(error) = &result {
            assert_eq!(error.field(), "a[0].field");
        }
        result.ok().flatten()
    }

    #[test]
    fn durations_are_those_of_the_json_form_of_protos() {
        let duration = |text: &str| read(&object(&json!(text)), Fields::duration);
        for (text, seconds, nanos) in [
            ("0s", 0, 0),
            ("1s", 1, 0),
            ("1.5s", 1, 500_000_000),
            ("0.050s", 0, 50_000_000),
            ("0.000000001s", 0, 1),
            ("9223372036.854775807s", 9_223_372_036, 854_775_807),
            ("315576000000s", 315_576_000_000, 0),
        ] {
            assert_eq!(duration(text), Some(Duration::new(seconds, nanos)), "{text}");
        }
        let wrong = "315576000001s 99999999999999999999s -1s -0.2s 5m 3c 1 s .s .5s 1.s 1.5 5.3.2s x.3s 3.xs 3.1234567890s 1e3s +1s 1_0s";
        for text in wrong.split(' ').chain(["", " 1s", "1s ", "1 s", "\u{661}s"]) {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(read(&object(&json!(1)), Fields::duration), None, "a number has no unit");
    }

    #[test]
    fn whole_numbers_are_numbers_within_bounds_and_strings_only_where_protos_allow_them() {
        let integer =
            |value: Value| read(&object(&value), |fields, name| fields.integer(name, 2..=1000));
        for (value, number) in [(json!(2), 2), (json!(1000), 1000), (json!(3.0), 3)] {
            assert_eq!(integer(value.clone()), Some(number), "{value}");
        }
        for value in
            [json!(1), json!(1001), json!(-2), json!(2.5), json!(1e300), json!("2"), json!([2])]
        {
            assert_eq!(integer(value.clone()), None, "{value}");
        }
        for (value, number) in [
            (json!(0), Some(0)),
            (json!(4_294_967_295_u32), Some(u32::MAX)),
            (json!("2048"), Some(2048)),
            (json!(4_294_967_296_u64), None),
            (json!(u64::MAX), None),
            (json!("-1"), None),
            (json!("many"), None),
            (json!(true), None),
        ] {
            assert_eq!(read(&object(&value), Fields::u32), number, "{value}");
        }
    }

    #[test]
    fn numbers_are_finite_and_strings_only_where_protos_allow_them() {
        for (value, either, strict) in [
            (json!(0.5), Some(0.5), Some(0.5)),
            (json!(-2), Some(-2.0), Some(-2.0)),
            (json!("0.5"), Some(0.5), None),
            (json!("NaN"), None, None),
            (json!("Infinity"), None, None),
            (json!("half"), None, None),
            (json!({}), None, None),
        ] {
            assert_eq!(read(&object(&value), Fields::f64), either, "{value}");
            assert_eq!(read(&object(&value), Fields::number), strict, "{value}");
        }
    }

    #[test]
    fn null_is_as_good_as_absent() {
        let object = json!({ "field": null });
        let fields = Fields::new(&object, "").unwrap();
        assert_eq!(fields.bool("field"), Ok(None));
        assert_eq!(fields.u32("field"), Ok(None));
        assert_eq!(fields.string("field"), Ok(None));
        assert_eq!(fields.duration("field"), Ok(None));
        assert!(fields.object("field").unwrap().is_none());
        assert!(fields.list("field").unwrap().is_none());
    }
}
