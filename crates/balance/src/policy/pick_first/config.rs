//! What a service config says of `pick_first`.

use crate::ServiceConfigError;
use crate::service_config::Fields;

/// Settings of `pick_first`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Config {
    /// Whether endpoints are tried in random order; the addresses within one keep theirs. Default false. Source: gRFC A62.
    pub(crate) shuffle_address_list: bool,
}

impl Config {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        Ok(Self { shuffle_address_list: fields.bool("shuffleAddressList")?.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_shuffled_only_if_the_config_says_so() {
        let table = [
            (json!({}), Ok(false)),
            (json!({"shuffleAddressList": null}), Ok(false)),
            (json!({"shuffleAddressList": false}), Ok(false)),
            (json!({"shuffleAddressList": true, "unknown": 1}), Ok(true)),
            (json!({"shuffleAddressList": "true"}), Err("pick_first.shuffleAddressList")),
        ];
        for (settings, expected) in table {
            let parsed = Config::parse(&Fields::new(&settings, "pick_first").unwrap());
            let shuffles = parsed.map(|config| config.shuffle_address_list);
            assert_eq!(
                shuffles.as_ref().map_err(ServiceConfigError::field),
                expected.as_ref().map_err(|field| *field),
                "{settings}"
            );
        }
    }
}
