//! A stream of replies as NDJSON: one JSON object a line, each sent as it comes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use prost_reflect::DynamicMessage;
use serde_json::json;
use tonic::{Status, Streaming};

use crate::binding::Binding;
use crate::call::Deadline;
use crate::status::Statuses;
use crate::{metadata, reply};

/// Makes a response of a stream. Waits for its first message, because a call that fails before it is an ordinary error; one that fails
/// later has sent its HTTP status, so the error is the last line.
pub(crate) async fn response(
    binding: Arc<Binding>,
    replies: tonic::Response<Streaming<DynamicMessage>>,
    deadline: Deadline,
    statuses: Arc<Statuses>,
) -> Result<Response, Status> {
    let (began, mut replies, _) = replies.into_parts();
    let first = deadline.limit(replies.message()).await;
    let body = match first.map_err(|status| metadata::answered(&began, status))? {
        None => Body::empty(),
        first => {
            let lines = Lines { binding, first, replies, deadline, statuses, ended: false };
            Body::from_stream(stream::unfold(lines, Lines::next))
        }
    };
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    metadata::answer(&began, response.headers_mut());
    Ok(response)
}

struct Lines {
    binding: Arc<Binding>,
    first: Option<DynamicMessage>,
    replies: Streaming<DynamicMessage>,
    deadline: Deadline,
    statuses: Arc<Statuses>,
    ended: bool,
}

impl Lines {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.ended {
            return None;
        }
        let next = match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.deadline.limit(self.replies.message()).await,
        };
        let line = next.and_then(|reply| {
            reply.map(|reply| reply::json(&self.binding.reply, &reply)).transpose()
        });
        let mut line = match line {
            Ok(line) => line?,
            Err(status) => {
                self.ended = true;
                json!({ "error": self.statuses.json(&status) }).to_string().into_bytes()
            }
        };
        line.push(b'\n');
        Some((Ok(line.into()), self))
    }
}
