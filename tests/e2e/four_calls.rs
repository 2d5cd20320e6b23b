//! The four kinds of call, their limits, and what happens when the caller goes or time is up.

use futures_util::StreamExt;
use greet::Greet;
use tokio::time::{Duration, Instant};
use tonic::{Code, Request};
use tonic_types::StatusExt;
use wayside_balance::Channel;
use wayside_proto::greet::v1::greet_service_client::GreetServiceClient;
use wayside_proto::greet::v1::{
    GreetEveryoneRequest, GreetManyTimesRequest, GreetRequest, Greeting, LongGreetRequest,
};

use crate::support::Running;

async fn greet() -> (Running, GreetServiceClient<Channel>) {
    let server = Running::start::<Greet>(&["--greet-pod-name", "n", "--greet-pod-ip", "i"]).await;
    let client = GreetServiceClient::new(server.channel());
    (server, client)
}

fn person(first: &str) -> Option<Greeting> {
    Some(Greeting { first_name: first.into(), last_name: "L".into() })
}

fn said(first: &str) -> String {
    format!("Hello, {first} L, after 0s, from pod: name(n), ip(i).")
}

#[tokio::test]
async fn greet_many_times_sends_as_many_as_asked_for_and_ten_when_not_asked() {
    let (_server, mut client) = greet().await;
    for (count, expected) in [(0, 10), (3, 3), (1000, 1000)] {
        let request = GreetManyTimesRequest { greeting: person("A"), delay: 0, count };
        let replies: Vec<_> =
            client.greet_many_times(request).await.unwrap().into_inner().collect().await;
        assert_eq!(replies.len(), expected);
        assert!(replies.iter().all(|reply| reply.as_ref().unwrap().greeting == said("A")));
    }
}

#[tokio::test]
async fn long_greet_answers_a_line_for_each_person() {
    let (_server, mut client) = greet().await;
    let people = ["A", "B"].map(|first| LongGreetRequest { greeting: person(first), delay: 0 });
    let reply = client.long_greet(tokio_stream::iter(people)).await.unwrap().into_inner();
    assert_eq!(reply.greeting, format!("{}\n{}", said("A"), said("B")));
}

#[tokio::test]
async fn long_greet_of_a_thousand_people_is_the_limit() {
    let (_server, mut client) = greet().await;
    let person = LongGreetRequest { greeting: person("A"), delay: 0 };
    let thousand = vec![person.clone(); 1000];
    assert!(client.long_greet(tokio_stream::iter(thousand)).await.is_ok());
    let status = client.long_greet(tokio_stream::iter(vec![person; 1001])).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn greet_everyone_answers_each_person_before_the_next_is_sent() {
    let (_server, mut client) = greet().await;
    let (send, people) = tokio::sync::mpsc::channel(1);
    let people = tokio_stream::StreamExt::map(ReceiverStream(people), |first: &str| {
        GreetEveryoneRequest { greeting: person(first), delay: 0 }
    });
    let mut replies = client.greet_everyone(people).await.unwrap().into_inner();
    for first in ["A", "B", "C"] {
        send.send(first).await.unwrap();
        assert_eq!(replies.message().await.unwrap().unwrap().greeting, said(first));
    }
    drop(send);
    assert_eq!(replies.message().await.unwrap(), None);
}

struct ReceiverStream<T>(tokio::sync::mpsc::Receiver<T>);

impl<T> tokio_stream::Stream for ReceiverStream<T> {
    type Item = T;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}

#[tokio::test]
async fn what_is_out_of_range_is_refused_by_name() {
    let (_server, mut client) = greet().await;
    let field = |status: tonic::Status| {
        assert_eq!(status.code(), Code::InvalidArgument);
        status.get_error_details().bad_request().unwrap().field_violations[0].field.clone()
    };
    let request = GreetRequest { greeting: person("A"), delay: 31 };
    assert_eq!(field(client.greet(request).await.unwrap_err()), "delay");
    let request = GreetManyTimesRequest { greeting: person("A"), delay: 0, count: 1001 };
    assert_eq!(field(client.greet_many_times(request).await.unwrap_err()), "count");
}

#[tokio::test]
async fn a_delay_past_the_deadline_ends_deadline_exceeded_in_time() {
    let (_server, mut client) = greet().await;
    let mut request = Request::new(GreetRequest { greeting: person("A"), delay: 30 });
    request.set_timeout(Duration::from_millis(300));
    let start = Instant::now();
    let status = client.greet(request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_stream_ends_deadline_exceeded_in_the_middle() {
    let (_server, mut client) = greet().await;
    let mut request =
        Request::new(GreetManyTimesRequest { greeting: person("A"), delay: 1, count: 1000 });
    request.set_timeout(Duration::from_millis(1500));
    let mut replies = client.greet_many_times(request).await.unwrap().into_inner();
    assert!(replies.message().await.unwrap().is_some());
    assert_eq!(replies.message().await.unwrap_err().code(), Code::DeadlineExceeded);
}
