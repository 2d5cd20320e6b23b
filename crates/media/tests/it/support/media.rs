use std::sync::Arc;

use clap::{Args, Parser};
use media::{Media, MediaArgs, Resolve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wayside_balance::Channel;
use wayside_chassis::{App, Needs, PathAlias, ProcessArgs, Setup, StartError};
use wayside_proto::media::v1::media_service_client::MediaServiceClient;
use wayside_proto::media::v1::{DownloadRequest, DownloadResponse};

/// A running media server and a client of it. Dropping it stops the server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) channel: Channel,
    _stop: Arc<oneshot::Sender<()>>,
}

impl Server {
    pub(crate) async fn download(&self, url: impl Into<String>) -> Result<(f64, f64), Status> {
        let request = DownloadRequest { url: url.into() };
        let response = MediaServiceClient::new(self.channel.clone()).download(request).await?;
        let DownloadResponse { height, width } = response.into_inner();
        Ok((width, height))
    }

    /// The code of a download that fails, and its reason: that of the ErrorInfo, else the field that is wrong.
    pub(crate) async fn failure(&self, url: impl Into<String>) -> (Code, String) {
        let url = url.into();
        let status = self.download(&url).await.expect_err(&url);
        let details = status.get_error_details();
        let reason = match (details.error_info(), details.bad_request()) {
            (Some(info), _) => info.reason.clone(),
            (None, Some(bad)) => bad.field_violations[0].field.clone(),
            (None, None) => String::new(),
        };
        (status.code(), reason)
    }
}

/// Serves [`Media`] itself.
pub(crate) async fn serve(options: &[&str]) -> Server {
    let Cli { process, args } = Cli::<MediaArgs>::parse(options);
    start::<Media>(args, process).await
}

/// Serves [`Media`] with names resolved by `names`.
pub(crate) async fn serve_resolving(names: impl Resolve, options: &[&str]) -> Server {
    let Cli { process, args: media } = Cli::<MediaArgs>::parse(options);
    start::<Resolving>(ResolvingArgs { media, names: Some(Arc::new(names)) }, process).await
}

#[derive(Parser)]
struct Cli<A: Args> {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    args: A,
}

impl<A: Args> Cli<A> {
    fn parse(options: &[&str]) -> Self {
        Self::parse_from(["media"].iter().chain(options))
    }
}

async fn start<A: App>(args: A::Args, process: ProcessArgs) -> Server {
    let prepared = wayside_chassis::prepare::<A>("media", args, &process).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string().parse().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(prepared.serve(listener, async {
        // An error says that the server was dropped, which is how it is stopped.
        let _ = stopped.await;
    }));
    Server { channel: Channel::connect_lazy(&target).unwrap(), _stop: Arc::new(stop) }
}

struct Resolving;

#[derive(Args, Clone, Debug)]
#[group(skip)]
struct ResolvingArgs {
    #[command(flatten)]
    media: MediaArgs,
    #[arg(skip)]
    names: Option<Arc<dyn Resolve>>,
}

impl App for Resolving {
    const NAME: &'static str = Media::NAME;
    const ABOUT: &'static str = Media::ABOUT;
    const PORT: u16 = Media::PORT;
    const SERVICES: &'static [&'static str] = Media::SERVICES;
    const DESCRIPTOR_SET: &'static [u8] = Media::DESCRIPTOR_SET;
    const ALIASES: &'static [PathAlias] = Media::ALIASES;

    type Args = ResolvingArgs;

    fn needs(args: &ResolvingArgs) -> Needs {
        Media::needs(&args.media)
    }

    async fn routes(args: ResolvingArgs, _: &Setup) -> Result<Routes, StartError> {
        media::routes(&args.media, args.names.unwrap())
    }
}
