//! Images of 800 by 600 pixels, or as much of them as it takes to know that.

pub(crate) const WIDTH: f64 = 800.0;
pub(crate) const HEIGHT: f64 = 600.0;

pub(crate) fn png() -> Vec<u8> {
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
        &800u32.to_be_bytes()[..],
        &600u32.to_be_bytes(),
        &[8, 6, 0, 0, 0],
    ]
    .concat()
}

pub(crate) fn gif() -> Vec<u8> {
    [b"GIF89a", &800u16.to_le_bytes()[..], &600u16.to_le_bytes(), &[0xf7, 0, 0]].concat()
}

/// With a colour profile or Exif data of `extra` bytes before the frame header, and a progressive one.
pub(crate) fn jpeg(extra: usize) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    let mut left = extra;
    while left > 0 {
        let length = left.min(65_000);
        bytes.extend([0xff, 0xe1]);
        bytes.extend((length as u16 + 2).to_be_bytes());
        bytes.extend(vec![0xc0; length]);
        left -= length;
    }
    bytes.extend([0xff, 0xc2, 0, 17, 8]);
    bytes.extend(600u16.to_be_bytes());
    bytes.extend(800u16.to_be_bytes());
    bytes.extend([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes
}

pub(crate) fn webp() -> Vec<u8> {
    [
        b"RIFF\0\x10\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0",
        &799u32.to_le_bytes()[..3],
        &599u32.to_le_bytes()[..3],
    ]
    .concat()
}

pub(crate) fn all() -> [(&'static str, Vec<u8>); 4] {
    [("png", png()), ("gif", gif()), ("jpeg", jpeg(100_000)), ("webp", webp())]
}
