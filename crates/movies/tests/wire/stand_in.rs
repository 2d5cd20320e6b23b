//! A movies server that behaves as a test needs it, and tells what happens to it.

use std::future::{pending, ready};

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use wayside_chassis::server::{ServerOptions, serve};
use wayside_proto::movies::v1::movies_service_server::{MoviesService, MoviesServiceServer};
use wayside_proto::movies::v1::{
    GetMovieRequest, GetMovieResponse, Movie, QueryMoviesRequest, QueryMoviesResponse,
};

use crate::support::{listener, soon};

/// The number of the only movie of a stand-in.
pub(crate) const MID: i32 = 42;

/// How a stand-in behaves. A stream has one movie first, whatever comes after it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Answers with a movie and the metadata `served-by: stand-in`.
    Answer,
    /// Never ends a call.
    Hang,
    /// Fails with [`failure`].
    Fail,
}

/// What happens to a stand-in.
#[derive(Debug)]
pub(crate) enum Event {
    /// A call with this metadata came.
    Called(MetadataMap),
    /// A call that hung was dropped.
    Dropped,
}

/// A status of which every part has to survive a middle, except for the header `server`.
pub(crate) fn failure() -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("why", "planned".parse().unwrap());
    metadata.insert("server", "stand-in".parse().unwrap());
    Status::with_details_and_metadata(
        Code::DataLoss,
        "gone, “all” of it",
        vec![1, 2, 3, 255].into(),
        metadata,
    )
}

/// Starts a stand-in; gives its address and what happens to it.
pub(crate) async fn stand_in(manner: Manner) -> (String, Events) {
    let (events, received) = channel(64);
    let (listener, address) = listener().await;
    let routes = Routes::new(MoviesServiceServer::new(StandIn { manner, events })).prepare();
    tokio::spawn(
        async move { serve(listener, routes, &ServerOptions::default(), pending()).await },
    );
    (address, Events(received))
}

/// What happens to a stand-in, in order.
#[derive(Debug)]
pub(crate) struct Events(Receiver<Event>);

impl Events {
    /// The metadata of the next call; nothing else may happen before it.
    pub(crate) async fn called(&mut self) -> MetadataMap {
        match soon(self.0.recv()).await.unwrap() {
            Event::Called(metadata) => metadata,
            Event::Dropped => panic!("dropped without a call"),
        }
    }

    /// Waits until a call that hangs is dropped; nothing else may happen before that.
    pub(crate) async fn dropped(&mut self) {
        assert!(matches!(soon(self.0.recv()).await.unwrap(), Event::Dropped), "another call came");
    }

    /// Whether nothing has happened since the last event that was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

struct StandIn {
    manner: Manner,
    events: Sender<Event>,
}

impl StandIn {
    fn called<T>(&self, request: &Request<T>) {
        self.events.try_send(Event::Called(request.metadata().clone())).unwrap();
    }
}

/// Tells that the call it belongs to was dropped.
struct Guard(Sender<Event>);

impl Drop for Guard {
    fn drop(&mut self) {
        // A test that is over no longer listens.
        let _ = self.0.try_send(Event::Dropped);
    }
}

async fn hang<T>(guard: Guard) -> T {
    let _guard = guard;
    pending().await
}

fn with_metadata<T>(message: T) -> Response<T> {
    let mut response = Response::new(message);
    response.metadata_mut().insert("served-by", "stand-in".parse().unwrap());
    response
}

#[tonic::async_trait]
impl MoviesService for StandIn {
    async fn get_movie(
        &self,
        request: Request<GetMovieRequest>,
    ) -> Result<Response<GetMovieResponse>, Status> {
        self.called(&request);
        match self.manner {
            Manner::Answer => Ok(with_metadata(GetMovieResponse {
                movie: Some(Movie { mid: MID, ..Movie::default() }),
            })),
            Manner::Hang => hang(Guard(self.events.clone())).await,
            Manner::Fail => Err(failure()),
        }
    }

    type QueryMoviesStream = BoxStream<'static, Result<QueryMoviesResponse, Status>>;

    async fn query_movies(
        &self,
        request: Request<QueryMoviesRequest>,
    ) -> Result<Response<Self::QueryMoviesStream>, Status> {
        self.called(&request);
        let first = QueryMoviesResponse { movie: Some(Movie { mid: MID, ..Movie::default() }) };
        let rest = match self.manner {
            Manner::Answer => stream::empty().boxed(),
            Manner::Hang => stream::once(hang(Guard(self.events.clone()))).boxed(),
            Manner::Fail => stream::once(ready(Err(failure()))).boxed(),
        };
        Ok(with_metadata(stream::once(ready(Ok(first))).chain(rest).boxed()))
    }
}
