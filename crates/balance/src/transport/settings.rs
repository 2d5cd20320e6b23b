//! Whether a server has spoken.
//!
//! hyper calls a connection ready before the server has said a word. gRPC does not: a server that closes at once, or speaks something else, has
//! failed to connect, and the backoff goes on. Source: grpc/grpc `doc/connection-backoff.md` (reset when SETTINGS are received).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// Where the type of the first frame is, in its head. Source: RFC 9113, section 4.1.
const TYPE_AT: usize = 3;
const SETTINGS: u8 = 4;

/// I/O that tells when the server's SETTINGS come.
pub(crate) struct SettingsWatch<I> {
    inner: I,
    seen: usize,
    tell: Option<oneshot::Sender<()>>,
}

impl<I> SettingsWatch<I> {
    pub(crate) fn new(inner: I) -> (Self, oneshot::Receiver<()>) {
        let (tell, told) = oneshot::channel();
        (Self { inner, seen: 0, tell: Some(tell) }, told)
    }

    fn look(&mut self, bytes: &[u8]) {
        if self.tell.is_none() {
            return;
        }
        if let Some(kind) = TYPE_AT.checked_sub(self.seen).and_then(|at| bytes.get(at)) {
            let tell = self.tell.take();
            if *kind == SETTINGS
                && let Some(tell) = tell
            {
                // Nobody waits any more when the attempt to connect was given up.
                let _ = tell.send(());
            }
        }
        self.seen += bytes.len();
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for SettingsWatch<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.look(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for SettingsWatch<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether SETTINGS were seen in bytes that come in pieces.
    fn seen(pieces: &[&[u8]]) -> bool {
        let (mut watch, mut told) = SettingsWatch::new(());
        for piece in pieces {
            watch.look(piece);
        }
        told.try_recv().is_ok()
    }

    #[test]
    fn settings_are_seen_however_the_bytes_are_cut() {
        assert!(seen(&[&[0, 0, 0, 4, 0, 0, 0, 0, 0]]));
        assert!(seen(&[&[0], &[0, 0], &[4]]));
        assert!(!seen(&[&[0, 0, 0]]));
    }

    #[test]
    fn what_is_not_http2_is_not_settings() {
        assert!(!seen(&[b"HTTP/1.1 400 Bad Request\r\n"]));
        // An alert of TLS, as an encrypted server answers plain text; no later byte counts.
        assert!(!seen(&[b"\x15\x03\x03\x00\x02\x02\x46", &[4, 4, 4, 4]]));
    }
}
