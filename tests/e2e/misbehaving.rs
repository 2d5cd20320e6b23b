//! A greet server whose handlers panic, get stuck or block, as no server of ours does.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Mutex;

use clap::Args;
use futures_util::Stream;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use wayside_chassis::{App, Setup, StartError};
use wayside_proto::greet::v1::greet_service_server::{GreetService, GreetServiceServer};
use wayside_proto::greet::v1::{
    GreetEveryoneRequest, GreetEveryoneResponse, GreetManyTimesRequest, GreetManyTimesResponse,
    GreetRequest, GreetResponse, LongGreetRequest, LongGreetResponse,
};

pub(crate) struct Misbehaving;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct MisbehavingArgs {}

impl App for Misbehaving {
    const NAME: &'static str = "misbehaving";
    const ABOUT: &'static str = "Misbehaves.";
    const PORT: u16 = 1;
    const SERVICES: &'static [&'static str] = &["greet.v1.GreetService"];
    const DESCRIPTOR_SET: &'static [u8] = wayside_proto::DESCRIPTOR_SET;

    type Args = MisbehavingArgs;

    async fn routes(_: MisbehavingArgs, _: &Setup) -> Result<Routes, StartError> {
        Ok(Routes::new(GreetServiceServer::new(Self)))
    }
}

/// The handlers of `greet` that are gone, by the `delay` of their request, which this server does not wait for.
pub(crate) static GONE: Mutex<BTreeSet<i64>> = Mutex::new(BTreeSet::new());

/// A handler that is not gone yet.
struct Alive(i64);

impl Drop for Alive {
    fn drop(&mut self) {
        GONE.lock().unwrap().insert(self.0);
    }
}

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl GreetService for Misbehaving {
    /// Panics when it is given a person, gets stuck when it is not.
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let request = request.into_inner();
        let _alive = Alive(request.delay);
        match request.greeting {
            Some(person) => panic!("{}", person.first_name),
            None => std::future::pending().await,
        }
    }

    type GreetManyTimesStream = Replies<GreetManyTimesResponse>;

    /// Sends one reply, then panics.
    async fn greet_many_times(
        &self,
        _: Request<GreetManyTimesRequest>,
    ) -> Result<Response<Self::GreetManyTimesStream>, Status> {
        let replies = futures_util::stream::unfold(true, |first| async move {
            if !first {
                // So that the first reply is on its way: replies that are ready together go out together.
                tokio::task::yield_now().await;
                panic!("the stream panics");
            }
            Some((Ok(GreetManyTimesResponse::default()), false))
        });
        Ok(Response::new(Box::pin(replies)))
    }

    /// Answers at once.
    async fn long_greet(
        &self,
        _: Request<Streaming<LongGreetRequest>>,
    ) -> Result<Response<LongGreetResponse>, Status> {
        Ok(Response::new(LongGreetResponse::default()))
    }

    type GreetEveryoneStream = Replies<GreetEveryoneResponse>;

    /// Never says anything, and never ends.
    async fn greet_everyone(
        &self,
        _: Request<Streaming<GreetEveryoneRequest>>,
    ) -> Result<Response<Self::GreetEveryoneStream>, Status> {
        Ok(Response::new(Box::pin(futures_util::stream::pending())))
    }
}
