//! Answering by asking another movies server.
//!
//! The call that is made ends with the call that is served: it has what is left of its deadline, and dropping the future or stream
//! given here, which is what the server does when its caller cancels, resets it. A caller without a deadline has the default of the method, or none, and
//! so has the call made for it. Whatever comes back, message or error, is passed on as it is.

use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use wayside_chassis::{Context, Outgoing};
use wayside_proto::movies::v1::movies_service_client::MoviesServiceClient;
use wayside_proto::movies::v1::{
    GetMovieRequest, GetMovieResponse, QueryMoviesRequest, QueryMoviesResponse,
};

use crate::metadata::{pass_on, pass_on_token};

/// The next server.
#[derive(Clone, Debug)]
pub(crate) struct Middle {
    next: MoviesServiceClient<Outgoing>,
}

impl Middle {
    pub(crate) fn new(channel: Outgoing) -> Self {
        Self { next: MoviesServiceClient::new(channel) }
    }

    pub(crate) async fn get_movie(
        &self,
        request: Request<GetMovieRequest>,
    ) -> Result<Response<GetMovieResponse>, Status> {
        let answer = self.next.clone().get_movie(outgoing(request)?).await;
        answer.map(passed_on).map_err(without_the_hop)
    }

    pub(crate) async fn query_movies(
        &self,
        request: Request<QueryMoviesRequest>,
    ) -> Result<Response<BoxStream<'static, Result<QueryMoviesResponse, Status>>>, Status> {
        let answer = self.next.clone().query_movies(outgoing(request)?).await;
        answer
            .map(|response| {
                passed_on(response).map(|movies| movies.map_err(without_the_hop).boxed())
            })
            .map_err(without_the_hop)
    }
}

/// The same request for the next server, with what the [`Context`] hands on of the caller's metadata, and the caller's token if it was checked here.
fn outgoing<T>(request: Request<T>) -> Result<Request<T>, Status> {
    let context = Context::of(&request);
    let (metadata, _, message) = request.into_parts();
    let mut outgoing = context.outgoing(message, None)?;
    if context.identity().is_some() {
        pass_on_token(&metadata, outgoing.metadata_mut());
    }
    Ok(outgoing)
}

fn passed_on<T>(response: Response<T>) -> Response<T> {
    let (metadata, message, _) = response.into_parts();
    let mut passed_on = Response::new(message);
    pass_on(&metadata, passed_on.metadata_mut());
    passed_on
}

/// Code, text and details stay; of the metadata, what the next server's HTTP wrote goes.
fn without_the_hop(mut status: Status) -> Status {
    let mut metadata = MetadataMap::new();
    pass_on(status.metadata(), &mut metadata);
    *status.metadata_mut() = metadata;
    status
}
