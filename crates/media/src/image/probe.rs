//! Reads the headers of the four formats.

/// Width and height in pixels, neither of them zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// The size of an image.
    Size(Size),
    /// An image so far, or the beginning of one.
    More,
    /// Whatever follows, this is no image.
    NotAnImage,
}

/// Looks at a growing prefix of one file. What was looked at once is not looked at again, so that a file which trickles in byte by
/// byte costs no more than one that comes at once.
#[derive(Debug, Default)]
pub(crate) struct Prober {
    /// Where the next segment of a JPEG begins.
    segment: usize,
}

pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
const GIF: [&[u8]; 2] = [b"GIF87a", b"GIF89a"];
pub(super) const JPEG: &[u8] = b"\xff\xd8\xff";
const RIFF: &[u8] = b"RIFF";
const WEBP: &[u8] = b"WEBP";
/// The largest size that PNG allows, and a WebP canvas has at most 24 bits.
const MAX_SIDE: u32 = i32::MAX as u32;

impl Prober {
    /// Looks at all that is there so far.
    pub(crate) fn probe(&mut self, bytes: &[u8]) -> Probe {
        // What begins like two kinds at once (GIF8) is neither of them yet, so whichever comes first says so.
        let found = [
            signed(bytes, PNG, png),
            signed(bytes, GIF[0], gif),
            signed(bytes, GIF[1], gif),
            signed(bytes, JPEG, |bytes| jpeg(bytes, &mut self.segment)),
            signed(bytes, RIFF, riff),
        ];
        found.into_iter().find(|probe| *probe != Probe::NotAnImage).unwrap_or(Probe::NotAnImage)
    }
}

/// Reads a file whose signature is there; one that does not contradict it so far needs more bytes.
fn signed(bytes: &[u8], signature: &[u8], read: impl FnOnce(&[u8]) -> Option<Probe>) -> Probe {
    if bytes.starts_with(signature) {
        read(bytes).unwrap_or(Probe::More)
    } else if signature.starts_with(bytes) {
        Probe::More
    } else {
        Probe::NotAnImage
    }
}

/// The header chunk of a PNG comes first.
fn png(bytes: &[u8]) -> Option<Probe> {
    Some(size(u32::from_be_bytes(array(bytes, 16)?), u32::from_be_bytes(array(bytes, 20)?)))
}

/// The logical screen of a GIF.
fn gif(bytes: &[u8]) -> Option<Probe> {
    Some(size(
        u16::from_le_bytes(array(bytes, 6)?).into(),
        u16::from_le_bytes(array(bytes, 8)?).into(),
    ))
}

/// Walks the segments of a JPEG to the frame header (ITU T.81, annex B). `segment` is where to go on.
fn jpeg(bytes: &[u8], segment: &mut usize) -> Option<Probe> {
    // The first segment comes after SOI.
    *segment = (*segment).max(2);
    loop {
        let [fill, marker] = array(bytes, *segment)?;
        match (fill, marker) {
            // Any number of fill bytes may come before a marker.
            (0xff, 0xff) => *segment += 1,
            // TEM stands alone.
            (0xff, 0x01) => *segment += 2,
            // SOF0 to SOF15; three of the codes between them are DHT, JPG and DAC.
            (0xff, 0xc0..=0xcf) if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let height = u16::from_be_bytes(array(bytes, *segment + 5)?);
                let width = u16::from_be_bytes(array(bytes, *segment + 7)?);
                return Some(size(width.into(), height.into()));
            }
            // SOI, EOI, SOS and RST do not come before the frame header, nor does a stuffed zero.
            (0xff, 0x00 | 0xd0..=0xda) => return Some(Probe::NotAnImage),
            (0xff, _) => match u16::from_be_bytes(array(bytes, *segment + 2)?) {
                0 | 1 => return Some(Probe::NotAnImage),
                length => *segment += 2 + usize::from(length),
            },
            _ => return Some(Probe::NotAnImage),
        }
    }
}

/// A WebP is a RIFF file whose first chunk is one of three (RFC 9649).
fn riff(bytes: &[u8]) -> Option<Probe> {
    let form = &bytes[bytes.len().min(8)..bytes.len().min(12)];
    if !WEBP.starts_with(form) {
        return Some(Probe::NotAnImage);
    }
    match &array(bytes, 12)? {
        b"VP8X" => {
            let [_, _, _, _, w0, w1, w2, h0, h1, h2] = array(bytes, 20)?;
            let side = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
            Some(size(side(w0, w1, w2), side(h0, h1, h2)))
        }
        b"VP8L" => {
            let [signature, packed @ ..] = array::<5>(bytes, 20)?;
            let packed = u32::from_le_bytes(packed);
            // Fourteen bits each, and three bits of version, which is zero.
            let is_lossless = signature == 0x2f && packed >> 29 == 0;
            Some(if is_lossless {
                size((packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1)
            } else {
                Probe::NotAnImage
            })
        }
        b"VP8 " => {
            let [tag, _, _, code @ .., w0, w1, h0, h1] = array::<10>(bytes, 20)?;
            let is_key_frame = tag & 1 == 0 && code == [0x9d, 0x01, 0x2a];
            // Fourteen bits each; the two above them ask for upscaling.
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some(if is_key_frame { size(side(w0, w1), side(h0, h1)) } else { Probe::NotAnImage })
        }
        _ => Some(Probe::NotAnImage),
    }
}

/// A size, if an image can have it.
fn size(width: u32, height: u32) -> Probe {
    let sides = 1..=MAX_SIDE;
    if sides.contains(&width) && sides.contains(&height) {
        Probe::Size(Size { width, height })
    } else {
        Probe::NotAnImage
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
