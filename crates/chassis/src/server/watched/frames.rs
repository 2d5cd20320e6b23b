//! HTTP/2 frame headers in a stream of bytes. Source: RFC 9113, section 4.1.

const HEAD_BYTES: usize = 9;
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frame that matter here.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;
/// The flag ACK of SETTINGS and PING.
const ACK: u8 = 1;

/// What the head of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl FrameHead {
    pub(super) fn is_ack(self) -> bool {
        self.flags & ACK != 0
    }
}

/// Finds the frame heads in one direction of a connection, however the bytes are cut.
#[derive(Debug)]
pub(super) struct FrameHeads {
    /// How much of the preface is still to come; a server sends none.
    preface: usize,
    /// How much of the current payload is still to come.
    payload: usize,
    head: [u8; HEAD_BYTES],
    filled: usize,
    http2: bool,
}

impl FrameHeads {
    /// Of what a client sends.
    pub(super) fn of_client() -> Self {
        Self { preface: PREFACE.len(), payload: 0, head: [0; HEAD_BYTES], filled: 0, http2: true }
    }

    /// Of what a server sends.
    pub(super) fn of_server() -> Self {
        Self { preface: 0, ..Self::of_client() }
    }

    /// Whether the bytes so far can be HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.http2
    }

    /// Takes the next bytes; calls `seen` with each head that they complete, until it returns false.
    pub(super) fn take(&mut self, mut bytes: &[u8], mut seen: impl FnMut(FrameHead) -> bool) {
        bytes = self.take_preface(bytes);
        while self.http2 && !bytes.is_empty() {
            if self.payload > 0 {
                let step = self.payload.min(bytes.len());
                self.payload -= step;
                bytes = &bytes[step..];
                continue;
            }
            let step = (HEAD_BYTES - self.filled).min(bytes.len());
            self.head[self.filled..self.filled + step].copy_from_slice(&bytes[..step]);
            self.filled += step;
            bytes = &bytes[step..];
            if self.filled == HEAD_BYTES {
                self.filled = 0;
                let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = self.head;
                self.payload = u32::from_be_bytes([0, l1, l2, l3]) as usize;
                let stream = u32::from_be_bytes([s1 & 0x7f, s2, s3, s4]);
                if !seen(FrameHead { kind, flags, stream }) {
                    return;
                }
            }
        }
    }

    fn take_preface<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let step = self.preface.min(bytes.len());
        let expected = &PREFACE[PREFACE.len() - self.preface..][..step];
        if &bytes[..step] != expected {
            self.http2 = false;
        }
        self.preface -= step;
        &bytes[step..]
    }

    /// Whether a frame of somebody else may be put in here.
    pub(super) fn between_frames(&self) -> bool {
        self.payload == 0 && self.filled == 0
    }

    /// How many bytes at least still belong to the current frame.
    pub(super) fn until_between(&self) -> usize {
        if self.payload > 0 { self.payload } else { HEAD_BYTES - self.filled }
    }
}

/// A GOAWAY frame. `reason` is an HTTP/2 error code, `debug` is for people. Source: RFC 9113, section 6.8.
pub(super) fn goaway(last_stream: u32, reason: u32, debug: &str) -> Vec<u8> {
    let length = u32::try_from(8 + debug.len()).unwrap_or(8).to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], GOAWAY, 0, 0, 0, 0, 0];
    frame.extend(last_stream.to_be_bytes());
    frame.extend(reason.to_be_bytes());
    frame.extend(debug.as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads_of(chunks: impl Iterator<Item = Vec<u8>>) -> Vec<(u8, u32)> {
        let mut parser = FrameHeads::of_client();
        let mut seen = Vec::new();
        for chunk in chunks {
            parser.take(&chunk, |head| {
                seen.push((head.kind, head.stream));
                true
            });
        }
        assert!(parser.is_http2());
        seen
    }

    #[test]
    fn heads_are_found_however_the_bytes_are_cut() {
        let mut bytes = PREFACE.to_vec();
        bytes.extend([0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]);
        bytes.extend([0, 0, 8, PING, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        bytes.extend([0, 0, 2, HEADERS, 4, 0, 0, 0, 7, 0, 0]);
        let expected = vec![(SETTINGS, 0), (PING, 0), (HEADERS, 7)];
        for size in 1..=bytes.len() {
            assert_eq!(
                heads_of(bytes.chunks(size).map(<[u8]>::to_vec)),
                expected,
                "chunks of {size}"
            );
        }
    }

    #[test]
    fn http1_is_told_apart_at_the_first_byte_that_differs() {
        for text in ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/1.1\r\n", "POST"] {
            let mut parser = FrameHeads::of_client();
            parser.take(text.as_bytes(), |_| panic!("no frame"));
            assert!(!parser.is_http2(), "{text}");
        }
    }

    #[test]
    fn a_frame_may_only_be_put_between_frames() {
        let mut parser = FrameHeads::of_server();
        assert!(parser.between_frames());
        let frame = goaway(1, 11, "too_many_pings");
        parser.take(&frame[..4], |_| true);
        assert_eq!((parser.between_frames(), parser.until_between()), (false, 5));
        parser.take(&frame[4..9], |_| true);
        assert_eq!((parser.between_frames(), parser.until_between()), (false, 22));
        parser.take(&frame[9..], |_| true);
        assert!(parser.between_frames());
    }
}
