use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

/// A byte of flags and four of length.
const PREFIX_BYTES: usize = 5;

pin_project! {
    /// A request body that ends in RESOURCE_EXHAUSTED at the first message that says it is too large.
    #[derive(Debug)]
    pub struct MessageLimitBody<B> {
        #[pin]
        inner: B,
        max_bytes: Option<u32>,
        prefix: [u8; PREFIX_BYTES],
        filled: usize,
        // How much of the current message is still to come.
        message: usize,
        // The next thing to say, once the messages before it have been passed on.
        refused: Option<Status>,
    }
}

impl<B> MessageLimitBody<B> {
    pub(super) fn new(inner: B, max_bytes: Option<u32>) -> Self {
        Self { inner, max_bytes, prefix: [0; PREFIX_BYTES], filled: 0, message: 0, refused: None }
    }

    /// Walks over the next bytes. Gives how many of them may pass: all, or those before a message that is too large.
    fn check(self: Pin<&mut Self>, bytes: &[u8]) -> usize {
        let this = self.project();
        let Some(max_bytes) = *this.max_bytes else { return bytes.len() };
        let (mut at, mut message_start) = (0, 0);
        while at < bytes.len() {
            if *this.message > 0 {
                let step = (bytes.len() - at).min(*this.message);
                *this.message -= step;
                at += step;
                continue;
            }
            if *this.filled == 0 {
                message_start = at;
            }
            let step = (bytes.len() - at).min(PREFIX_BYTES - *this.filled);
            this.prefix[*this.filled..*this.filled + step].copy_from_slice(&bytes[at..at + step]);
            *this.filled += step;
            at += step;
            if *this.filled == PREFIX_BYTES {
                *this.filled = 0;
                let [_, l1, l2, l3, l4] = *this.prefix;
                let length = u32::from_be_bytes([l1, l2, l3, l4]);
                if length > max_bytes {
                    *this.refused = Some(Status::resource_exhausted(format!(
                        "a message of {length} bytes is larger than the {max_bytes} that this server takes"
                    )));
                    return message_start;
                }
                *this.message = length as usize;
            }
        }
        bytes.len()
    }
}

impl<B> Body for MessageLimitBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Some(refused) = self.as_mut().project().refused.take() {
            return Poll::Ready(Some(Err(refused.into())));
        }
        let frame =
            ready!(self.as_mut().project().inner.poll_frame(cx)).transpose().map_err(Into::into)?;
        let Some(frame) = frame else { return Poll::Ready(None) };
        let mut data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => return Poll::Ready(Some(Ok(other))),
        };
        let passing = self.as_mut().check(&data);
        data.truncate(passing);
        if data.is_empty()
            && let Some(refused) = self.project().refused.take()
        {
            return Poll::Ready(Some(Err(refused.into())));
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.refused.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
