//! What a watch tells: a line of JSON for each event, for as long as it is open.

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::WatchEvent;
use kube::client::Body;
use tokio::time::{Instant, timeout_at};

use super::KubernetesError;
use super::error::with_causes;

/// A slice that is as full as it can be has 400 KiB, and etcd takes no object above 1.5 MiB.
const LONGEST_LINE: usize = 8 << 20;

/// An open watch.
#[derive(Debug)]
pub(super) struct Events {
    body: Body,
    /// When the API server should have ended it long ago.
    until: Instant,
    read: BytesMut,
    /// How much of it is known to have no end of a line.
    searched: usize,
}

impl Events {
    pub(super) fn new(body: Body, until: Instant) -> Self {
        Self { body, until, read: BytesMut::new(), searched: 0 }
    }

    /// The next event; `None` when the watch has ended, whichever way. What was begun when the future is dropped is not lost.
    pub(super) async fn next(
        &mut self,
    ) -> Result<Option<WatchEvent<EndpointSlice>>, KubernetesError> {
        loop {
            while let Some(line) = self.line() {
                if !line.trim_ascii().is_empty() {
                    return serde_json::from_slice(&line)
                        .map_err(|error| KubernetesError::Malformed(error.to_string()));
                }
            }
            if self.read.len() > LONGEST_LINE {
                let limit = LONGEST_LINE;
                return Err(KubernetesError::TooMuch { limit, unit: "bytes in an event" });
            }
            // Half a line at the end is what a connection leaves that was cut: the next watch begins with the whole event.
            match timeout_at(self.until, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
                Ok(Some(Err(error))) => {
                    let error = with_causes(&error);
                    tracing::debug!(error, "a watch of EndpointSlices was cut");
                    return Ok(None);
                }
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }

    fn line(&mut self) -> Option<BytesMut> {
        let end = self.read[self.searched..].iter().position(|byte| *byte == b'\n');
        match end {
            Some(end) => {
                let line = self.read.split_to(self.searched + end);
                self.read.advance(1);
                self.searched = 0;
                Some(line)
            }
            None => {
                self.searched = self.read.len();
                None
            }
        }
    }
}
