//! Calls, from the pick to the end of the stream.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::{Code, Request};
use wayside_balance::{
    Address, CallWatch, Channel, ConnectivityState, Keepalive, SentAgain, TransparentRetries,
    WaitForReady, WatchCall,
};

use crate::support::{
    PATIENCE, Server, Text, ask, ask_with, ask_within, builder, chat_of, chat_with, listen, until,
};

#[tokio::test]
async fn round_robin_is_exact_and_pick_first_stays() {
    let servers = [Server::start("a").await, Server::start("b").await, Server::start("c").await];
    let channel = builder(&servers, "round_robin").build().unwrap();
    ask(&channel, "").await.unwrap();
    until("all are connected", || {
        channel.snapshot().subchannels.iter().all(|one| one.state == ConnectivityState::Ready)
    })
    .await;
    let mut counts = BTreeMap::new();
    for _ in 0..30 {
        *counts.entry(ask(&channel, "").await.unwrap()).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [10, 10, 10]);

    let channel = builder(&servers, "pick_first").build().unwrap();
    for _ in 0..10 {
        assert_eq!(ask(&channel, "").await.unwrap(), "a");
    }
}

#[tokio::test]
async fn a_dead_endpoint_costs_no_call_and_few_connects() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead_address = dead.local_addr().unwrap();
    let connects = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = connects.clone();
    // Accepts and hangs up, so that attempts can be counted.
    tokio::spawn(async move {
        loop {
            drop(dead.accept().await.unwrap());
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let servers = [Server::start("a").await, Server::start("b").await];
    let target = format!("static:{dead_address},{},{}", servers[0].address, servers[1].address);
    let channel = Channel::builder(&target.parse().unwrap())
        .service_config_json(r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#)
        .unwrap()
        .build()
        .unwrap();
    for _ in 0..200 {
        ask(&channel, "").await.unwrap();
    }
    assert!(connects.load(std::sync::atomic::Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn calls_fail_fast_with_the_reason_and_wait_for_ready_waits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let target = format!("ipv4:{address}").parse().unwrap();
    let channel = Channel::connect_lazy(&target).unwrap();
    let status = ask(&channel, "").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains(&address.to_string()), "{status:?}");
    assert!(status.message().contains("refused"), "{status:?}");

    let waiting = |timeout| {
        let mut request = Request::new(Text::default());
        request.extensions_mut().insert(WaitForReady(true));
        request.set_timeout(timeout);
        ask_with(&channel, request)
    };
    let status = waiting(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("refused"), "what it waited for is told: {status:?}");

    let call = waiting(Duration::from_secs(10));
    let server = async { Server::on(TcpListener::bind(address).await.unwrap(), "late", 100) };
    let (reply, _server) = tokio::join!(call, server);
    assert_eq!(reply.unwrap(), "late");
}

#[tokio::test]
async fn the_deadline_holds_before_during_and_after_the_head() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin").build().unwrap();
    let began = Instant::now();
    let status = ask_within(&channel, "hang", Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);

    let mut request = Request::new(Text { text: "stream:2".into() });
    request.set_timeout(Duration::from_millis(200));
    let mut stream = listen(&channel, request).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    assert!(stream.message().await.unwrap().is_some());
    assert_eq!(stream.message().await.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(began.elapsed() < Duration::from_secs(2));
    until("both were cancelled", || {
        server.seen.cancelled.load(std::sync::atomic::Ordering::SeqCst) == 2
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_is_reset_with_cancel() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin").build().unwrap();
    let call = tokio::spawn({
        let channel = channel.clone();
        async move { ask(&channel, "hang").await }
    });
    until("the call is there", || server.calls() == 1).await;
    call.abort();
    let cancelled = || server.seen.cancelled.load(std::sync::atomic::Ordering::SeqCst) == 1;
    until("it is cancelled", cancelled).await;
    assert_eq!(channel.snapshot().subchannels[0].in_flight, 0);
}

#[tokio::test]
async fn a_stream_both_ways_is_reset_with_cancel_when_its_answers_are_dropped_or_late() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin").build().unwrap();
    let cancelled = || server.seen.cancelled.load(std::sync::atomic::Ordering::SeqCst);

    let (requests, answers) = chat_with(&channel, None).await.unwrap();
    for _ in 0..3 {
        requests.send(Text::default()).await.unwrap();
    }
    drop(answers);
    until("it is cancelled, with the request still open", || cancelled() == 1).await;
    until("nobody reads the request any more", || requests.is_closed()).await;
    assert_eq!(channel.snapshot().subchannels[0].in_flight, 0);

    let timeout = Some(Duration::from_millis(200));
    let (requests, mut answers) = chat_with(&channel, timeout).await.unwrap();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::DeadlineExceeded);
    until("it is cancelled, with both ends still held", || cancelled() == 2).await;
    drop((requests, answers));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_request_stream_that_blocks_its_thread_holds_up_no_other_call() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin").build().unwrap();
    let (block, asked) = tokio::sync::oneshot::channel::<()>();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (blocked, blocks) = tokio::sync::oneshot::channel();
    let blocking = futures_util::stream::once(async move {
        asked.await.unwrap();
        blocked.send(()).unwrap();
        released.recv_timeout(PATIENCE).unwrap();
        Text::default()
    });
    let requests = tokio_stream::once(Text::default()).chain(blocking);
    let answers = chat_of(&channel, tonic::Request::new(requests)).await.unwrap();
    block.send(()).unwrap();
    blocks.await.unwrap();
    for _ in 0..20 {
        assert_eq!(ask_within(&channel, "", PATIENCE / 2).await.unwrap(), "a");
    }
    assert_eq!(server.connections(), 1);
    release.send(()).unwrap();
    drop(answers);
}

#[tokio::test]
async fn resets_have_their_codes_and_hostile_details_do_not_panic() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin").build().unwrap();
    for (asked, expected) in [
        ("reset:3", Code::Internal),
        ("reset:8", Code::Cancelled),
        ("reset:11", Code::ResourceExhausted),
        ("status:7", Code::PermissionDenied),
        ("details", Code::NotFound),
    ] {
        assert_eq!(ask(&channel, asked).await.unwrap_err().code(), expected, "{asked}");
    }
    // REFUSED_STREAM: sent again once, so the server sees it twice.
    let before = server.calls();
    assert_eq!(ask(&channel, "reset:7").await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(server.calls() - before, 2);
}

#[tokio::test]
async fn calls_in_flight_on_a_killed_server_are_unavailable_and_the_next_go_elsewhere() {
    let (dies, lives) = (Server::start("dies").await, Server::start("lives").await);
    let channel = builder([&dies, &lives], "pick_first").build().unwrap();
    assert_eq!(ask(&channel, "").await.unwrap(), "dies");
    let hanging = tokio::spawn({
        let channel = channel.clone();
        async move { ask(&channel, "hang").await }
    });
    until("the call is there", || dies.calls() == 2).await;
    drop(dies);
    assert_eq!(hanging.await.unwrap().unwrap_err().code(), Code::Unavailable);
    assert_eq!(ask(&channel, "").await.unwrap(), "lives");
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_time_and_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Sends its SETTINGS, takes what comes, and never says another word.
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        tokio::io::AsyncWriteExt::write_all(&mut stream, &settings).await.unwrap();
        let mut sink = tokio::io::sink();
        let _ = tokio::io::copy(&mut stream, &mut sink).await;
    });
    let keepalive = Keepalive {
        time: Duration::from_millis(300),
        timeout: Duration::from_millis(300),
        without_calls: false,
    };
    let channel = Channel::builder(&format!("ipv4:{address}").parse().unwrap())
        .keepalive(keepalive)
        .build()
        .unwrap();
    let began = Instant::now();
    let status = ask(&channel, "").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_idle_channel_closes_its_connections_and_connects_again() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin")
        .idle_timeout(Some(Duration::from_millis(100)))
        .build()
        .unwrap();
    assert_eq!(server.connections(), 0, "nothing is connected before the first call");
    ask(&channel, "").await.unwrap();
    let mut state = channel.state();
    state.wait_for(|state| *state == ConnectivityState::Idle).await.unwrap();
    until("the connection is closed", || server.open() == 0).await;
    ask(&channel, "").await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_call_that_goes_on_keeps_the_channel_from_going_idle() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin")
        .idle_timeout(Some(Duration::from_millis(50)))
        .build()
        .unwrap();
    assert_eq!(ask(&channel, "sleep:400").await.unwrap(), "a");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_response_outlives_its_channel() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin").build().unwrap();
    let mut stream =
        listen(&channel, Request::new(Text { text: "stream:3".into() })).await.unwrap();
    drop(channel);
    for _ in 0..3 {
        assert!(stream.message().await.unwrap().is_some());
    }
    drop(stream);
    until("the connection is closed", || server.open() == 0).await;
}

/// What a call was told.
#[derive(Clone, Default)]
struct Told(std::sync::Arc<std::sync::Mutex<Vec<&'static str>>>);

impl WatchCall for Told {
    fn resolved_late(&self) {
        self.0.lock().unwrap().push("resolved late");
    }

    fn picked(&self, _: &Address, waited: bool) {
        self.0.lock().unwrap().push(if waited { "picked late" } else { "picked" });
    }

    fn sent_again(&self, _: SentAgain) {
        self.0.lock().unwrap().push("sent again");
    }
}

#[tokio::test]
async fn a_call_is_told_once_that_its_name_was_resolved_and_then_that_it_was_picked() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin").build().unwrap();
    let told = Told::default();
    for _ in 0..2 {
        let mut request = Request::new(Text::default());
        request.extensions_mut().insert(CallWatch::new(told.clone()));
        ask_with(&channel, request).await.unwrap();
    }
    assert_eq!(*told.0.lock().unwrap(), ["resolved late", "picked late", "picked"]);
}

#[tokio::test]
async fn a_call_that_waits_for_its_turn_alone_is_not_told_of_its_name() {
    let server = Server::with_max_streams("a", 1).await;
    let channel = builder([&server], "round_robin").build().unwrap();
    ask(&channel, "").await.unwrap();
    let busy = tokio::spawn({
        let channel = channel.clone();
        async move { ask(&channel, "sleep:200").await }
    });
    until("the only place is taken", || server.calls() == 2).await;
    let told = Told::default();
    let mut request = Request::new(Text::default());
    request.extensions_mut().insert(CallWatch::new(told.clone()));
    ask_with(&channel, request).await.unwrap();
    assert_eq!(*told.0.lock().unwrap(), ["picked late"]);
    busy.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_was_refused_unseen_is_sent_again_and_its_answer_says_so() {
    let server = Server::start("a").await;
    let channel = builder([&server], "round_robin").build().unwrap();
    for again in [Some(TransparentRetries(1)), None] {
        let mut grpc = Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<Text, Text>::default();
        let request = Request::new(Text { text: "refuse:1".into() });
        let answer = grpc.unary(request, "/test.Test/Ask".parse().unwrap(), codec).await.unwrap();
        assert_eq!(answer.extensions().get().copied(), again);
    }
    assert_eq!(server.calls(), 3);
}
