//! The few things of the protobuf encoding that OTLP needs. Source: protobuf.dev, "Encoding".

/// A message that is being written.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

impl Message {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn varint(&mut self, field: u32, value: u64) {
        self.tag(field, VARINT);
        self.number(value);
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.tag(field, FIXED64);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn fixed32(&mut self, field: u32, value: u32) {
        self.tag(field, FIXED32);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn length_delimited(&mut self, field: u32, bytes: &[u8]) {
        self.tag(field, LENGTH);
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message within this one, of which the fields are there already, in several parts.
    pub(super) fn parts(&mut self, field: u32, parts: &[&[u8]]) {
        self.tag(field, LENGTH);
        self.number(parts.iter().map(|part| part.len() as u64).sum());
        for part in parts {
            self.0.extend_from_slice(part);
        }
    }

    /// A message within this one. Its length stands before it and is not known until it is written; most are shorter than what a byte can say, and only the others are
    /// moved.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.tag(field, LENGTH);
        self.0.push(0);
        let begin = self.0.len();
        write(self);
        let length = self.0.len() - begin;
        if length < 0x80 {
            self.0[begin - 1] = length as u8;
            return;
        }
        let mut prefix = Self::default();
        prefix.number(length as u64);
        self.0.splice(begin - 1..begin, prefix.0);
    }

    fn tag(&mut self, field: u32, wire_type: u32) {
        self.number(u64::from(field << 3 | wire_type));
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
