//! The bytes of a connection, watched in both directions.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Duration, Instant, Sleep, sleep};

use super::frames::{DATA, FrameHeads, HEADERS, PING, SETTINGS, goaway};
use super::strikes::Strikes;
use crate::server::KeepaliveEnforcement;
use crate::server::state::ConnectionState;

/// The HTTP/2 error code ENHANCE_YOUR_CALM.
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// How long a client may take to close its side after ours is closed.
const LINGER: Duration = Duration::from_secs(1);

pin_project! {
    /// I/O that counts pings and settings on the way in, and puts frames of ours in on the way out.
    #[derive(Debug)]
    pub(in crate::server) struct WatchedIo<I> {
        #[pin]
        inner: I,
        state: Arc<ConnectionState>,
        incoming: FrameHeads,
        outgoing: FrameHeads,
        pings: Strikes,
        settings: Strikes,
        // A frame of ours, and how much of it is written.
        inserting: Option<(Vec<u8>, usize)>,
        // A client that broke a rule was told so, and our side is closed.
        said_goodbye: bool,
        // Our side is closed; the other's end is awaited.
        linger: Option<Pin<Box<Sleep>>>,
    }
}

impl<I> WatchedIo<I> {
    pub(in crate::server) fn new(
        inner: I,
        state: Arc<ConnectionState>,
        rule: KeepaliveEnforcement,
    ) -> Self {
        Self {
            inner,
            state,
            incoming: FrameHeads::of_client(),
            outgoing: FrameHeads::of_server(),
            pings: Strikes::new(rule),
            settings: Strikes::new(rule),
            inserting: None,
            said_goodbye: false,
            linger: None,
        }
    }

    fn received(self: Pin<&mut Self>, bytes: &[u8]) {
        let this = self.project();
        let (state, pings, settings) = (&*this.state, this.pings, this.settings);
        this.incoming.take(bytes, |head| {
            let debug = match head.kind {
                HEADERS => {
                    state.saw_stream(head.stream);
                    return true;
                }
                SETTINGS if !head.is_ack() => {
                    if !state.is_established() {
                        state.establish();
                        return true;
                    }
                    settings.ping(Instant::now(), state.has_calls()).then_some("too_many_settings")
                }
                PING if !head.is_ack() => {
                    pings.ping(Instant::now(), state.has_calls()).then_some("too_many_pings")
                }
                _ => None,
            };
            if let Some(debug) = debug {
                state.insert(goaway(state.last_stream(), ENHANCE_YOUR_CALM, debug));
                state.violate();
            }
            debug.is_none()
        });
        if !this.incoming.is_http2() {
            state.establish();
        }
    }

    fn sent(self: Pin<&mut Self>, bytes: &[u8]) {
        let this = self.project();
        let (pings, settings) = (this.pings, this.settings);
        this.outgoing.take(bytes, |head| {
            if matches!(head.kind, HEADERS | DATA) {
                pings.forgive();
                settings.forgive();
            }
            true
        });
    }
}

impl<I: AsyncWrite> WatchedIo<I> {
    /// Writes a waiting frame of ours if this is a place for it. Ready when none is left to be written here.
    fn poll_insert(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        if this.inserting.is_none() && this.outgoing.between_frames() && this.outgoing.is_http2() {
            *this.inserting = this.state.take_insert().map(|frame| (frame, 0));
        }
        while let Some((frame, written)) = this.inserting {
            let count = ready!(this.inner.as_mut().poll_write(cx, &frame[*written..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += count;
            if *written == frame.len() {
                *this.inserting = None;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends our side of a connection whose client broke a rule, behind the GOAWAY that says so. Then it only waits: h2 has nothing to
    /// add, and the driver closes the connection.
    fn poll_goodbye(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.said_goodbye {
            ready!(self.as_mut().poll_insert(cx))?;
            ready!(self.as_mut().project().inner.poll_shutdown(cx))?;
            *self.project().said_goodbye = true;
        }
        Poll::Pending
    }

    /// Whether the goodbye can be said: not in the middle of a frame.
    fn is_parting(&self) -> bool {
        self.state.is_violated() && (self.inserting.is_some() || self.outgoing.between_frames())
    }
}

impl<I: AsyncRead> WatchedIo<I> {
    /// Reads and forgets what still comes: a socket that is closed with bytes unread is reset, which takes the GOAWAY out of the client's buffer
    /// before it is read, and with it the word which calls were not seen.
    fn poll_forget(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        let mut scratch = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(this.inner.as_mut().poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<I: AsyncRead> AsyncRead for WatchedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.state.is_violated() {
            return self.poll_forget(cx);
        }
        let before = buf.filled().len();
        ready!(self.as_mut().project().inner.poll_read(cx, buf))?;
        self.as_mut().received(&buf.filled()[before..]);
        if self.state.is_violated() {
            buf.set_filled(before);
            return self.poll_forget(cx);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite> AsyncWrite for WatchedIo<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_parting() {
            return self.poll_goodbye(cx).map_ok(|()| 0);
        }
        ready!(self.as_mut().poll_insert(cx))?;
        // Up to the next place between two frames only, when a frame waits to be put there.
        let limit =
            if self.state.has_insert() { self.outgoing.until_between() } else { usize::MAX };
        let bytes = &bytes[..bytes.len().min(limit)];
        let count = ready!(self.as_mut().project().inner.poll_write(cx, bytes))?;
        self.sent(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.inserting.is_some() || self.state.has_insert() || self.state.is_violated() {
            let first =
                slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
            return self.poll_write(cx, first);
        }
        let count = ready!(self.as_mut().project().inner.poll_write_vectored(cx, slices))?;
        let mut left = count;
        for slice in slices {
            let step = slice.len().min(left);
            self.as_mut().sent(&slice[..step]);
            left -= step;
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_parting() {
            return self.poll_goodbye(cx);
        }
        ready!(self.as_mut().poll_insert(cx))?;
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_parting() {
            return self.poll_goodbye(cx);
        }
        if self.linger.is_none() {
            ready!(self.as_mut().poll_insert(cx))?;
            ready!(self.as_mut().project().inner.poll_shutdown(cx))?;
            *self.as_mut().project().linger = Some(Box::pin(sleep(LINGER)));
        }
        // What the client sent before it read the last GOAWAY is unread yet.
        if self.as_mut().poll_forget(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        match self.project().linger {
            Some(linger) => linger.as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}
