//! When calls are sent again. Source: gRFC A6, whose rules of validation these are.

use tokio::time::Duration;
use tonic::Code;

use super::{Fields, ServiceConfigError};

#[cfg(test)]
mod tests;

/// More attempts than this are treated as this.
const MAX_ATTEMPTS: u32 = 5;

/// Every status code's name, at the place of its number. Source: grpc/grpc `doc/statuscodes.md`.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// When a failed call is sent again. Source: gRFC A6, `retryPolicy`.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// How often a call is sent at most, the first time included: from 2 to 5.
    pub max_attempts: u32,
    /// The nominal wait before the second attempt, over 0.
    pub initial_backoff: Duration,
    /// The longest nominal wait, over 0; it may be shorter than the first.
    pub max_backoff: Duration,
    /// How many times longer each nominal wait is than the one before, over 0.
    pub backoff_multiplier: f64,
    /// What failures are worth another attempt, each code once. OK is left out, as it is no failure.
    pub retryable_status_codes: Vec<Code>,
}

impl RetryPolicy {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        let backoff = |name| {
            let wait = fields.duration(name)?.filter(|wait| !wait.is_zero());
            wait.ok_or_else(|| fields.invalid(name, "is missing or 0: give a time as \"0.1s\""))
        };
        let multiplier = fields.number("backoffMultiplier")?.filter(|number| *number > 0.0);
        let codes = status_codes(fields, "retryableStatusCodes")?;
        Ok(Self {
            max_attempts: max_attempts(fields)?,
            initial_backoff: backoff("initialBackoff")?,
            max_backoff: backoff("maxBackoff")?,
            backoff_multiplier: multiplier.ok_or_else(|| {
                fields.invalid("backoffMultiplier", "is missing or not a number over 0, as 2")
            })?,
            retryable_status_codes: codes.ok_or_else(|| {
                fields.invalid(
                    "retryableStatusCodes",
                    "is missing or empty: give a list as [\"UNAVAILABLE\"]",
                )
            })?,
        })
    }
}

/// When a call that has not failed is sent again, to take the first good answer. Source: gRFC A6, `hedgingPolicy`.
#[derive(Clone, Debug, PartialEq)]
pub struct HedgingPolicy {
    /// How often a call is sent at most, the first time included: from 2 to 5.
    pub max_attempts: u32,
    /// The wait between two attempts. Default 0: all are sent at once.
    pub hedging_delay: Duration,
    /// What failures leave the other attempts running, each code once; another one ends the call. OK is left out, as it ends it anyway.
    pub non_fatal_status_codes: Vec<Code>,
}

impl HedgingPolicy {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        let codes = status_codes(fields, "nonFatalStatusCodes")?;
        Ok(Self {
            max_attempts: max_attempts(fields)?,
            hedging_delay: fields.duration("hedgingDelay")?.unwrap_or_default(),
            non_fatal_status_codes: codes.unwrap_or_default(),
        })
    }
}

/// When retries and hedges stop because too much fails: while half of the tokens or less are left. Source: gRFC A6, `retryThrottling`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryThrottling {
    /// How many tokens there are at first, and at most: from 1 to 1000. A failure takes one.
    pub max_tokens: u32,
    /// How many tokens a success gives back: from 0.001, with three decimals.
    pub token_ratio: f64,
}

impl RetryThrottling {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        let max_tokens = fields.integer("maxTokens", 1..=1000)?;
        let ratio = fields.number("tokenRatio")?.map(three_decimals).filter(|ratio| *ratio > 0.0);
        Ok(Self {
            max_tokens: max_tokens.ok_or_else(|| {
                fields.invalid("maxTokens", "is missing: give a whole number from 1 to 1000")
            })?,
            token_ratio: ratio.ok_or_else(|| {
                fields.invalid("tokenRatio", "is missing or not a number from 0.001, as 0.1")
            })?,
        })
    }
}

fn max_attempts(fields: &Fields<'_>) -> Result<u32, ServiceConfigError> {
    let attempts = fields.integer("maxAttempts", 2..=u32::MAX)?.ok_or_else(|| {
        fields.invalid("maxAttempts", "is missing: give a whole number from 2 to 5")
    })?;
    Ok(attempts.min(MAX_ATTEMPTS))
}

/// The codes of a list, which are names in any case or numbers; `None` when there is no list, or an empty one.
fn status_codes(fields: &Fields<'_>, name: &str) -> Result<Option<Vec<Code>>, ServiceConfigError> {
    let list = fields.list(name)?.filter(|list| !list.is_empty());
    let Some(list) = list else { return Ok(None) };
    let mut codes = Vec::with_capacity(list.len().min(CODES.len()));
    for (value, path) in list {
        let place = match (value.as_str(), value.as_u64()) {
            (Some(text), _) => CODES.iter().position(|code| code.eq_ignore_ascii_case(text)),
            (_, Some(number)) => (0..CODES.len()).find(|place| *place as u64 == number),
            _ => None,
        };
        let code = place.and_then(|place| i32::try_from(place).ok()).map(Code::from_i32);
        let code = code.ok_or_else(|| {
            ServiceConfigError::new(path, "is not a status code: give one as \"UNAVAILABLE\" or 14")
        })?;
        if code != Code::Ok && !codes.contains(&code) {
            codes.push(code);
        }
    }
    Ok(Some(codes))
}

/// Drops further decimals, in the number's text: in binary 1.005 is less than 1005 thousandths.
fn three_decimals(number: f64) -> f64 {
    let text = number.to_string();
    let end = text.find('.').map_or(text.len(), |point| text.len().min(point + 4));
    text[..end].parse().unwrap_or_default()
}
