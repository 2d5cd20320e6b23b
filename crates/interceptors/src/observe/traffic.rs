//! What goes over the wire in one direction of a call.

use bytes::Buf;

/// The length of what stands in front of each message: a flag and the length of the message. Source: PROTOCOL-HTTP2, "Length-Prefixed-Message".
const PREFIX_BYTES: usize = 5;

/// How much was sent in one direction of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The payload of all DATA frames.
    pub bytes: u64,
    /// Messages of gRPC that were begun; 0 for a body that is not gRPC.
    pub messages: u64,
}

impl Traffic {
    /// What the messages have in bytes, as they were compressed and without what gRPC puts in front of each. Source: gRFC A66,
    /// "grpc.client.attempt.sent_total_compressed_message_size".
    pub fn message_bytes(self) -> u64 {
        self.bytes.saturating_sub(self.messages * PREFIX_BYTES as u64)
    }
}

/// Finds the messages in a stream of DATA frames, whose borders are not those of messages.
#[derive(Debug, Default)]
pub(crate) struct MessageCounter {
    traffic: Traffic,
    /// What is still to come of the message that was begun.
    rest: usize,
    /// The beginning of a prefix that a frame has cut in two.
    prefix: [u8; PREFIX_BYTES],
    prefix_length: usize,
}

impl MessageCounter {
    pub(crate) fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Counts a frame of a body that is not gRPC.
    pub(crate) fn count_bytes(&mut self, data: &impl Buf) {
        self.traffic.bytes += data.remaining() as u64;
    }

    /// Counts a frame, and tells of the size of each message whose prefix ends in it.
    pub(crate) fn count(&mut self, data: &impl Buf, mut message: impl FnMut(u32)) {
        self.count_bytes(data);
        // A buffer of several pieces cannot be looked into without taking it; those of HTTP/2 connections and of tonic are one.
        let mut bytes = data.chunk();
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            let taken = (PREFIX_BYTES - self.prefix_length).min(bytes.len());
            self.prefix[self.prefix_length..][..taken].copy_from_slice(&bytes[..taken]);
            self.prefix_length += taken;
            bytes = &bytes[taken..];
            if self.prefix_length == PREFIX_BYTES {
                let [_, length @ ..] = self.prefix;
                let length = u32::from_be_bytes(length);
                self.prefix_length = 0;
                self.rest = length as usize;
                self.traffic.messages += 1;
                message(length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_wherever_frames_are_cut() {
        let sizes = [0_u32, 3, 1, 0, 700, 2];
        let mut stream = Vec::new();
        for size in sizes {
            stream.push(0);
            stream.extend(size.to_be_bytes());
            stream.extend(vec![7; size as usize]);
        }
        for cut in 1..stream.len() {
            let (mut counter, mut seen) = (MessageCounter::default(), Vec::new());
            for frame in stream.chunks(cut) {
                counter.count(&frame, |size| seen.push(size));
            }
            assert_eq!(seen, sizes, "frames of {cut} bytes");
            let traffic = counter.traffic();
            assert_eq!(traffic, Traffic { bytes: stream.len() as u64, messages: 6 });
            assert_eq!(traffic.message_bytes(), 706);
        }
    }
}
