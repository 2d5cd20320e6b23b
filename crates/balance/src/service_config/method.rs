//! What is configured for a method.

use tokio::time::Duration;

use super::{Fields, HedgingPolicy, RetryPolicy, ServiceConfigError};

/// How calls to some methods are to be made. Limits are upper bounds: where the caller has set one itself, the smaller holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MethodConfig {
    /// How long a call may take, from its start to its end, attempts and waits included; 0 ends it at once. None: as long as the caller lets it.
    pub timeout: Option<Duration>,
    /// Whether calls wait when no server can be reached rather than fail; what the caller says of the call comes first.
    pub wait_for_ready: Option<bool>,
    /// The longest message to send, in bytes as they are after compression; 0 allows empty ones only.
    pub max_request_message_bytes: Option<u32>,
    /// The longest message to accept, in bytes as they are before decompression; 0 allows empty ones only.
    pub max_response_message_bytes: Option<u32>,
    /// When to send a failed call again. Never beside a hedging policy.
    pub retry_policy: Option<RetryPolicy>,
    /// When to send a call that has not failed again. Never beside a retry policy.
    pub hedging_policy: Option<HedgingPolicy>,
}

impl MethodConfig {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        let retry = fields.object("retryPolicy")?;
        let hedging = fields.object("hedgingPolicy")?;
        if retry.is_some() && hedging.is_some() {
            let problem =
                "is there beside retryPolicy: a method has one of them only, so remove the other";
            return Err(fields.invalid("hedgingPolicy", problem));
        }
        Ok(Self {
            timeout: fields.duration("timeout")?,
            wait_for_ready: fields.bool("waitForReady")?,
            max_request_message_bytes: fields.u32("maxRequestMessageBytes")?,
            max_response_message_bytes: fields.u32("maxResponseMessageBytes")?,
            retry_policy: retry.map(|it| RetryPolicy::parse(&it)).transpose()?,
            hedging_policy: hedging.map(|it| HedgingPolicy::parse(&it)).transpose()?,
        })
    }
}
