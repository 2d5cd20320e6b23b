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
    }
}

impl<B> MessageLimitBody<B> {
    pub(super) fn new(inner: B, max_bytes: Option<u32>) -> Self {
        Self { inner, max_bytes, prefix: [0; PREFIX_BYTES], filled: 0, message: 0 }
    }
}

impl<B> MessageLimitBody<B> {
    /// Walks over the next bytes; an error when a message in them is too large.
    fn check(self: Pin<&mut Self>, mut bytes: &[u8]) -> Result<(), Status> {
        let this = self.project();
        let Some(max_bytes) = *this.max_bytes else { return Ok(()) };
        while !bytes.is_empty() {
            if *this.message > 0 {
                let step = bytes.len().min(*this.message);
                *this.message -= step;
                bytes = &bytes[step..];
                continue;
            }
            let step = bytes.len().min(PREFIX_BYTES - *this.filled);
            this.prefix[*this.filled..*this.filled + step].copy_from_slice(&bytes[..step]);
            *this.filled += step;
            bytes = &bytes[step..];
            if *this.filled == PREFIX_BYTES {
                *this.filled = 0;
                let [_, l1, l2, l3, l4] = *this.prefix;
                let length = u32::from_be_bytes([l1, l2, l3, l4]);
                if length > max_bytes {
                    return Err(Status::resource_exhausted(format!(
                        "a message of {length} bytes is larger than the {max_bytes} that this server takes"
                    )));
                }
                *this.message = length as usize;
            }
        }
        Ok(())
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
        let frame =
            ready!(self.as_mut().project().inner.poll_frame(cx)).transpose().map_err(Into::into)?;
        if let Some(data) = frame.as_ref().and_then(Frame::data_ref) {
            self.check(data)?;
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
