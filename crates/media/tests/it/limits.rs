//! Limits of the whole download: time, the caller's deadline, how many at once.

use tokio::time::{Duration, Instant};
use tonic::{Code, Request};
use tonic_types::StatusExt;
use wayside_proto::media::v1::DownloadRequest;
use wayside_proto::media::v1::media_service_client::MediaServiceClient;

use crate::support::{Names, Web, eventually, images, response, serve_resolving};

/// Never answers `/slow`.
async fn slow() -> Web {
    Web::start(|mut exchange| async move {
        if exchange.path() == "/slow" {
            return exchange.hung_up().await;
        }
        exchange.send(&response(200, "", &images::png())).await
    })
    .await
}

#[tokio::test]
async fn a_server_that_never_answers_ends_at_the_limit_of_time() {
    let web = slow().await;
    let server =
        serve_resolving(Names::default(), &[&web.allowed(), "--media-timeout=250ms"]).await;
    let start = Instant::now();
    let status = server.download(web.url("/slow")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("0.25 s"), "{}", status.message());
    assert!(start.elapsed() >= Duration::from_millis(250));
    web.all_ended().await;
}

#[tokio::test]
async fn the_limit_of_time_is_for_all_hops_together() {
    let web = Web::start(|mut exchange| async move {
        // Each hop alone would be in time.
        tokio::time::interval_at(
            Instant::now() + Duration::from_millis(150),
            Duration::from_secs(1),
        )
        .tick()
        .await;
        exchange.send(&response(302, &format!("location: {}a\r\n", exchange.path()), b"")).await
    })
    .await;
    let server =
        serve_resolving(Names::default(), &[&web.allowed(), "--media-timeout=350ms"]).await;
    let status = server.download(web.url("/")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{}", status.message());
    assert!(web.requests().len() <= 3);
}

#[tokio::test]
async fn the_callers_deadline_ends_the_download() {
    let web = slow().await;
    let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
    let mut request = Request::new(DownloadRequest { url: web.url("/slow") });
    request.set_timeout(Duration::from_millis(200));
    let status =
        MediaServiceClient::new(server.channel.clone()).download(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    web.all_ended().await;
}

#[tokio::test]
async fn more_downloads_than_the_limit_are_refused_until_one_ends() {
    let web = slow().await;
    let server =
        serve_resolving(Names::default(), &[&web.allowed(), "--media-max-concurrent=2"]).await;
    let running = [0, 1].map(|_| {
        let (server, url) = (server.clone(), web.url("/slow"));
        tokio::spawn(async move { server.download(url).await })
    });
    eventually("two downloads are running", || web.requests().len() == 2).await;
    let status = server.download(web.url("/")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(
        status.get_error_details().quota_failure().unwrap().violations[0].subject,
        "downloads"
    );
    assert_eq!(web.requests().len(), 2);
    running.iter().for_each(|download| download.abort());
    web.all_ended().await;
    assert!(server.download(web.url("/")).await.is_ok(), "a cancelled download still counts");
}

#[tokio::test]
async fn a_dry_run_is_confirmed_because_nothing_is_kept_of_a_download() {
    let web = Web::answering(response(200, "", &images::png())).await;
    let server = serve_resolving(Names::default(), &[&web.allowed()]).await;
    let mut request = Request::new(DownloadRequest { url: web.url("/") });
    request.metadata_mut().insert("dry-run", "1".parse().unwrap());
    let answer = MediaServiceClient::new(server.channel.clone()).download(request).await.unwrap();
    assert_eq!(answer.metadata().get("dry-run").unwrap(), "1");
    assert_eq!(answer.into_inner().width, images::WIDTH);
}
