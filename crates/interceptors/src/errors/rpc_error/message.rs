use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::errors::status_builder::USER_ERROR_CODE;

const RPC_ERROR: HeaderName = HeaderName::from_static("rpc-error");

/// The longest message that is put into a trailer; longer ones are there as `grpc-message`.
const MAX_MESSAGE_BYTES: usize = 1024;

/// What went wrong, as the older API says it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RpcError {
    /// The gRPC status code.
    #[prost(int64, tag = "1")]
    pub code: i64,
    /// The message of the status.
    #[prost(string, tag = "2")]
    pub message: String,
    /// Whether the same call may succeed when it is made again.
    ///
    /// So it is when the server said when to come back (google.rpc.RetryInfo); else when the code is UNAVAILABLE, or
    /// RESOURCE_EXHAUSTED with no google.rpc.QuotaFailure, as a quota does not mend itself. A `grpc-retry-pushback-ms` (gRFC A6)
    /// decides alone: a delay says yes, anything else no. ABORTED is not temporary: it asks for the whole transaction to be
    /// repeated, not for the call (google/rpc/code.proto). Nor is DEADLINE_EXCEEDED: the time that the client had is over.
    #[prost(bool, tag = "3")]
    pub temporary: bool,
    /// The number that [`StatusBuilder::user_error_code`](crate::errors::StatusBuilder::user_error_code) gave; 0 for none.
    #[prost(int64, tag = "4")]
    pub user_error_code: i64,
}

impl RpcError {
    /// Says a status in the older form.
    pub fn from_status(status: &Status) -> Self {
        let length = status.message().floor_char_boundary(MAX_MESSAGE_BYTES);
        let info = status.get_details_error_info();
        let number = info.and_then(|info| info.metadata.get(USER_ERROR_CODE)?.parse().ok());
        Self {
            code: i32::from(status.code()).into(),
            message: status.message()[..length].to_owned(),
            temporary: is_temporary(status),
            user_error_code: number.unwrap_or_default(),
        }
    }

    /// Reads it from trailers, or from the headers of an answer that is nothing but trailers. `None` when it is not there or cannot be read.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let bytes = STANDARD.decode(headers.get(RPC_ERROR)?).ok()?;
        Self::decode(bytes.as_slice()).ok()
    }
}

/// Adds the older form of the error that `headers` tell, if they tell one. A handler that has set it itself is left in peace.
pub(super) fn add(headers: &mut HeaderMap) {
    if headers.contains_key(RPC_ERROR) {
        return;
    }
    let Some(status) = Status::from_header_map(headers) else { return };
    if status.code() == Code::Ok {
        return;
    }
    let text = STANDARD.encode(RpcError::from_status(&status).encode_to_vec());
    // Base64 always fits a header.
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(RPC_ERROR, value);
    }
}

fn is_temporary(status: &Status) -> bool {
    let mut pushback = status.metadata().get_all("grpc-retry-pushback-ms").iter();
    if let Some(first) = pushback.next() {
        let delay = first.to_str().ok().and_then(|text| text.parse::<i32>().ok());
        return delay.is_some_and(|delay| delay >= 0) && pushback.next().is_none();
    }
    if status.get_details_retry_info().is_some() {
        return true;
    }
    match status.code() {
        Code::Unavailable => true,
        Code::ResourceExhausted => status.get_details_quota_failure().is_none(),
        _ => false,
    }
}
