use proptest::prelude::*;

use super::probe::{JPEG, PNG, Probe, Prober, Size};

fn png(width: u32, height: u32) -> Vec<u8> {
    [PNG, &width.to_be_bytes(), &height.to_be_bytes(), &[8, 6, 0, 0, 0], &[0; 40]].concat()
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    [b"GIF89a", &width.to_le_bytes()[..], &height.to_le_bytes(), &[0; 40]].concat()
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    [&[0xff, marker], &(content.len() as u16 + 2).to_be_bytes()[..], content].concat()
}

fn frame(marker: u8, width: u16, height: u16) -> Vec<u8> {
    segment(
        marker,
        &[&[8], &height.to_be_bytes()[..], &width.to_be_bytes(), &[3, 1, 0x22, 0]].concat(),
    )
}

fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    [&b"\xff\xd8"[..], &segments.concat(), &segment(0xda, &[0; 10]), &[0; 40]].concat()
}

fn webp(kind: &[u8; 4], chunk: &[u8]) -> Vec<u8> {
    [b"RIFF\0\x10\0\0WEBP", &kind[..], &[0, 1, 0, 0], chunk, &[0; 40]].concat()
}

fn vp8(width: u16, height: u16) -> Vec<u8> {
    webp(
        b"VP8 ",
        &[&[0x30, 1, 0, 0x9d, 1, 0x2a], &width.to_le_bytes()[..], &height.to_le_bytes()].concat(),
    )
}

fn vp8l(width: u32, height: u32) -> Vec<u8> {
    webp(b"VP8L", &[&[0x2f], &((width - 1) | (height - 1) << 14).to_le_bytes()[..]].concat())
}

fn vp8x(width: u32, height: u32) -> Vec<u8> {
    let (width, height) = ((width - 1).to_le_bytes(), (height - 1).to_le_bytes());
    webp(b"VP8X", &[&[0x10, 0, 0, 0], &width[..3], &height[..3]].concat())
}

/// What is said of every prefix in turn, to the first answer.
fn probe_growing(bytes: &[u8]) -> Probe {
    let mut prober = Prober::default();
    let answers = (0..=bytes.len()).map(|length| prober.probe(&bytes[..length]));
    answers.into_iter().find(|probe| *probe != Probe::More).unwrap_or(Probe::More)
}

fn probe(bytes: &[u8]) -> Probe {
    Prober::default().probe(bytes)
}

#[test]
fn every_prefix_of_an_image_gives_its_size_or_asks_for_more() {
    let exif = segment(
        0xe1,
        &[b"Exif\0\0", &jpeg(&[frame(0xc0, 160, 120)])[..], &[0xff; 60_000]].concat(),
    );
    let large_exif =
        [frame(0xdb, 1, 1), exif.clone(), exif, segment(0xfe, b"comment"), frame(0xc0, 800, 600)];
    for (name, bytes) in [
        ("png", png(800, 600)),
        ("gif", gif(800, 600)),
        (
            "baseline jpeg",
            jpeg(&[
                segment(0xe0, b"JFIF\0"),
                segment(0xc4, &[0; 30]),
                segment(0xc8, &[0; 9]),
                segment(0xcc, &[0; 9]),
                frame(0xc0, 800, 600),
            ]),
        ),
        ("progressive jpeg", jpeg(&[segment(0xe0, b"JFIF\0"), frame(0xc2, 800, 600)])),
        ("jpeg with thumbnails before the frame header", jpeg(&large_exif)),
        (
            "jpeg with fill bytes",
            jpeg(&[segment(0xe0, b"JFIF\0"), vec![0xff; 3], vec![0xff, 1], frame(0xc1, 800, 600)]),
        ),
        ("lossy webp", vp8(800, 600)),
        ("upscaled webp", vp8(800 | 0x4000, 600 | 0xc000)),
        ("lossless webp", vp8l(800, 600)),
        ("extended webp", vp8x(800, 600)),
    ] {
        let expected = Probe::Size(Size { width: 800, height: 600 });
        assert_eq!(probe_growing(&bytes), expected, "{name}, growing");
        assert_eq!(probe(&bytes), expected, "{name}, at once");
    }
}

#[test]
fn what_is_no_image_is_known_at_its_first_wrong_byte() {
    let cgbi = b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI\x50\0\x20\x02\0\0\0\0\0\0\0\x0dIHDR";
    for (bytes, known_at) in [
        (&b"<!DOCTYPE html>"[..], 1),
        (b"\x1f\x8b\x08 gzip", 1),
        (b"BM bitmap", 1),
        (b"GIF88a", 5),
        (b"\x89PNG\n\x1a\n", 5),
        (cgbi, 12),
        (b"\xff\xd8\xd8", 3),
        (b"RIFF\0\0\0\0WAVE", 10),
        (b"RIFF\0\0\0\0WEBPALPH", 16),
    ] {
        assert_eq!(probe(&bytes[..known_at - 1]), Probe::More, "{bytes:?}");
        assert_eq!(probe(&bytes[..known_at]), Probe::NotAnImage, "{bytes:?}");
        assert_eq!(probe(bytes), Probe::NotAnImage, "{bytes:?}");
    }
}

#[test]
fn broken_images_are_no_images() {
    let app0 = || segment(0xe0, b"JFIF\0");
    for (name, bytes) in [
        ("png without width", png(0, 1)),
        ("png too high", png(1, 0x8000_0000)),
        ("gif without height", gif(1, 0)),
        ("jpeg without frame header", jpeg(&[app0()])),
        ("jpeg without height", jpeg(&[frame(0xc0, 1, 0)])),
        ("jpeg that ends", jpeg(&[app0(), vec![0xff, 0xd9]])),
        ("jpeg in a jpeg", jpeg(&[app0(), vec![0xff, 0xd8]])),
        ("jpeg segment without length", jpeg(&[app0(), vec![0xff, 0xe1, 0, 1]])),
        ("jpeg without marker", jpeg(&[app0(), vec![0x12, 0x34]])),
        ("webp without key frame", webp(b"VP8 ", &[0x31, 1, 0, 0x9d, 1, 0x2a, 1, 0, 1, 0])),
        ("webp without start code", webp(b"VP8 ", &[0x30, 1, 0, 0x9d, 1, 0x2b, 1, 0, 1, 0])),
        ("webp without width", vp8(0x4000, 1)),
        ("lossless webp without signature", webp(b"VP8L", &[0x2e, 0, 0, 0, 0])),
        ("lossless webp of another version", webp(b"VP8L", &[0x2f, 0, 0, 0, 0x20])),
    ] {
        assert_eq!(probe(&bytes), Probe::NotAnImage, "{name}");
    }
}

#[test]
fn what_was_walked_is_not_looked_at_again() {
    let mut bytes = [&b"\xff\xd8"[..], &segment(0xfe, b"").repeat(1000)].concat();
    let mut prober = Prober::default();
    assert_eq!(prober.probe(&bytes), Probe::More);
    // Walking tiny segments from the start for every byte that trickles in would be work without end.
    bytes[JPEG.len()..].fill(0);
    bytes.extend(frame(0xc0, 800, 600));
    assert_eq!(prober.probe(&bytes), Probe::Size(Size { width: 800, height: 600 }));
}

proptest! {
    #[test]
    fn sizes_are_those_that_imagesize_reads(width in 1..=0x3fffu32, height in 1..=0x3fffu32) {
        let (w, h) = (width as u16, height as u16);
        let expected = imagesize::ImageSize { width: width as usize, height: height as usize };
        let images = [png(width, height), gif(w, h), jpeg(&[segment(0xe0, b"JFIF\0"), frame(0xc0, w, h)]),
            vp8(w, h), vp8l(width, height), vp8x(width, height)];
        for bytes in images {
            prop_assert_eq!(imagesize::blob_size(&bytes).unwrap(), expected);
            prop_assert_eq!(probe(&bytes), Probe::Size(Size { width, height }));
        }
    }

    #[test]
    fn a_growing_prefix_gives_what_the_whole_gives(
        start in prop::sample::select(vec![PNG, b"GIF89a", JPEG, b"RIFF\0\0\0\0WEBPVP8 ", b""]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [start, &rest].concat();
        prop_assert_eq!(probe_growing(&bytes), probe(&bytes));
    }
}
