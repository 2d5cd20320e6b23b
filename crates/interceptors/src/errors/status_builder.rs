use std::fmt::Display;

use prost::Message;
use prost_types::Any;
use tokio::time::Duration;
use tonic::{Code, Status};
use tonic_types::pb;

use super::Violations;
use super::text::bounded;

/// Together with the details and the form for older clients this stays below 8 KiB, which is what a client has to take
/// (PROTOCOL-HTTP2), even when each byte of the message is percent-encoded.
const MAX_MESSAGE_BYTES: usize = 512;
const MAX_DETAILS_BYTES: usize = 3072;
const MAX_VALUE_BYTES: usize = 256;

/// Where [`StatusBuilder::user_error_code`] is kept.
pub(super) const USER_ERROR_CODE: &str = "userErrorCode";

/// Puts a [`Status`] together. See the [module docs](super).
///
/// The message is cut to 512 bytes, texts of details to 256. All details together have 3 KiB: one that does not fit is left out.
#[derive(Clone, Debug)]
pub struct StatusBuilder {
    code: Code,
    message: String,
    info: Option<pb::ErrorInfo>,
    retry: Option<pb::RetryInfo>,
    quotas: Vec<pb::quota_failure::Violation>,
    violations: Violations,
    others: Vec<Any>,
}

impl StatusBuilder {
    /// A status with this code and a message for people, who may be shown it as it is.
    pub fn new(code: Code, message: impl Display) -> Self {
        Self {
            code,
            message: bounded(message, MAX_MESSAGE_BYTES),
            info: None,
            retry: None,
            quotas: Vec::new(),
            violations: Violations::default(),
            others: Vec::new(),
        }
    }

    /// Says what happened in a form for programs: `reason` in UPPER_SNAKE_CASE, which is unique within `domain` (google.rpc.ErrorInfo).
    #[must_use]
    pub fn reason(mut self, reason: &str, domain: &str) -> Self {
        let info = self.info();
        info.reason = bounded(reason, MAX_VALUE_BYTES);
        info.domain = bounded(domain, MAX_VALUE_BYTES);
        self
    }

    /// Adds a fact to the reason, such as `stored` = `12`.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: impl Display) -> Self {
        let value = bounded(value, MAX_VALUE_BYTES);
        self.info().metadata.insert(key.to_owned(), value);
        self
    }

    /// The number that clients of the older API know this error by. Newer ones find it among the facts, as `userErrorCode`.
    #[must_use]
    pub fn user_error_code(self, code: i64) -> Self {
        self.metadata(USER_ERROR_CODE, code)
    }

    /// Says that the same call may succeed after this time (google.rpc.RetryInfo).
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        // A delay beyond what the type can say is no invitation to retry.
        self.retry = prost_types::Duration::try_from(delay)
            .ok()
            .map(|delay| pb::RetryInfo { retry_delay: Some(delay) });
        self
    }

    /// Says that `subject`, such as `account:gopher`, is over a quota (google.rpc.QuotaFailure).
    #[must_use]
    pub fn quota(mut self, subject: &str, description: impl Display) -> Self {
        self.quotas.push(pb::quota_failure::Violation {
            subject: bounded(subject, MAX_VALUE_BYTES),
            description: bounded(description, MAX_VALUE_BYTES),
            ..Default::default()
        });
        self
    }

    /// Lists the fields that are wrong (google.rpc.BadRequest).
    #[must_use]
    pub fn violations(mut self, violations: Violations) -> Self {
        self.violations = violations;
        self
    }

    /// Adds a message of an API's own, given with its full name, such as `movies.v1.MovieError`.
    #[must_use]
    pub fn detail(mut self, full_name: &str, message: &impl Message) -> Self {
        self.others.push(any(full_name, message));
        self
    }

    /// Adds the details of a status that this one is made of, to say more than it does.
    #[must_use]
    pub fn details_of(mut self, status: &Status) -> Self {
        // What is no google.rpc.Status has no details that anybody could read.
        self.others.extend(pb::Status::decode(status.details()).unwrap_or_default().details);
        self
    }

    /// The status.
    pub fn build(self) -> Status {
        let mut details = Vec::new();
        if let Some(info) = &self.info {
            details.push(any("google.rpc.ErrorInfo", info));
        }
        if let Some(retry) = &self.retry {
            details.push(any("google.rpc.RetryInfo", retry));
        }
        details.extend(self.others);
        if !self.quotas.is_empty() {
            let failure = pb::QuotaFailure { violations: self.quotas };
            details.push(any("google.rpc.QuotaFailure", &failure));
        }
        if !self.violations.is_empty() {
            let bad = pb::BadRequest { field_violations: self.violations.into_listed() };
            details.push(any("google.rpc.BadRequest", &bad));
        }
        let mut left = MAX_DETAILS_BYTES;
        details.retain(|detail| {
            let fits = detail.encoded_len() <= left;
            left = left.saturating_sub(if fits { detail.encoded_len() } else { 0 });
            fits
        });
        if details.is_empty() {
            return Status::new(self.code, self.message);
        }
        let rich = pb::Status { code: self.code.into(), message: self.message.clone(), details };
        Status::with_details(self.code, self.message, rich.encode_to_vec().into())
    }

    fn info(&mut self) -> &mut pb::ErrorInfo {
        self.info.get_or_insert_default()
    }
}

impl From<StatusBuilder> for Status {
    fn from(builder: StatusBuilder) -> Self {
        builder.build()
    }
}

fn any(full_name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{full_name}"), value: message.encode_to_vec() }
}
