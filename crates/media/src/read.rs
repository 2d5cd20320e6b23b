//! Reads as much of a body as it takes to know the size of the image.

use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;

use crate::error::{DownloadError, NotAnImage, Upstream};
use crate::image::{Probe, Prober, Size};

/// Reads until the size is known, the body turns out to be no image, or `max` bytes are read. The response is dropped then, which
/// closes the connection: the rest is never downloaded. `Content-Length` is not looked at, so it can lie.
pub(crate) async fn size(mut response: Response, max: usize) -> Result<Size, DownloadError> {
    let encodings = response.headers().get_all(CONTENT_ENCODING);
    if encodings.iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(NotAnImage::Encoded.into());
    }
    let mut prefix = Vec::new();
    let mut prober = Prober::default();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| Upstream::Body(error.without_url()))?
    {
        let room = max - prefix.len();
        prefix.extend_from_slice(&chunk[..chunk.len().min(room)]);
        match prober.probe(&prefix) {
            Probe::Size(size) => return Ok(size),
            Probe::NotAnImage => return Err(NotAnImage::Format.into()),
            Probe::More if prefix.len() == max => break,
            Probe::More => {}
        }
    }
    Err(NotAnImage::NoSize(prefix.len()).into())
}
