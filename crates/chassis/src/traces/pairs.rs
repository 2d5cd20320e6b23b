//! Names and values as the variables of OpenTelemetry have them.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// Names and values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(pub(crate) Vec<(String, String)>);

impl FromStr for Pairs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            // The text is not repeated: a value may be a secret.
            let (name, value) = pair
                .split_once('=')
                .filter(|(name, _)| !name.trim().is_empty())
                .ok_or("expected name=value pairs separated by commas")?;
            let value = percent_decode_str(value.trim()).decode_utf8();
            let value = value.map_err(|_| "a value is not UTF-8 once it is decoded")?;
            Ok((name.trim().to_owned(), value.into_owned()))
        });
        pairs.collect::<Result<_, String>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let pairs = "zone=a, team=x%20y%2Cz,,empty=".parse::<Pairs>().unwrap();
        let expected = [("zone", "a"), ("team", "x y,z"), ("empty", "")];
        assert_eq!(pairs.0, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!("zone".parse::<Pairs>().is_err());
    }
}
