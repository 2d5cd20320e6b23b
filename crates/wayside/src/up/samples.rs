//! A few images to try `media` with, served by `wayside up` itself so that the demonstration needs no network.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use clap::Args;
use tonic::service::Routes;
use wayside_chassis::{App, Setup, StartError};

/// The server of the sample images.
#[derive(Debug)]
pub(crate) struct Samples;

/// It can be told nothing.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct SamplesArgs {}

/// The name of an image, its media type and its bytes.
type Sample = (&'static str, &'static str, &'static [u8]);

const SAMPLES: [Sample; 4] = [
    ("/wayside.png", "image/png", include_bytes!("../../assets/wayside.png")),
    ("/wayside.jpg", "image/jpeg", include_bytes!("../../assets/wayside.jpg")),
    ("/wayside.gif", "image/gif", include_bytes!("../../assets/wayside.gif")),
    ("/wayside.webp", "image/webp", include_bytes!("../../assets/wayside.webp")),
];

impl App for Samples {
    const NAME: &'static str = "samples";
    const ABOUT: &'static str = "Serves sample images over HTTP.";
    const PORT: u16 = 9092;
    const SERVICES: &'static [&'static str] = &[];

    type Args = SamplesArgs;

    async fn routes(_: SamplesArgs, _: &Setup) -> Result<Routes, StartError> {
        let router = SAMPLES.iter().fold(Router::new(), |router, (path, media_type, bytes)| {
            router.route(path, get(move || async move { ([(CONTENT_TYPE, *media_type)], *bytes) }))
        });
        Ok(Routes::from(router))
    }
}
