//! The calls.

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;
use tonic::{Request, Response, Status};
use wayside_proto::movies::v1::movies_service_server::MoviesService;
use wayside_proto::movies::v1::{
    GetMovieRequest, GetMovieResponse, QueryMoviesRequest, QueryMoviesResponse,
};

use crate::catalogue::Catalogue;
use crate::fault::Faults;
use crate::middle::Middle;
use crate::remark::Observer;

/// Answers calls about movies. Everything it waits for is in the handler's future or in the response stream, so it ends when the call
/// is cancelled or out of time.
#[derive(Debug)]
pub(crate) struct Service {
    answers: Answers,
    work: Duration,
    faults: Faults,
    observer: Observer,
}

/// Where the answers come from.
#[derive(Debug)]
pub(crate) enum Answers {
    /// From this server.
    Catalogue(Catalogue),
    /// From the next one.
    Middle(Box<Middle>),
}

impl Service {
    pub(crate) fn new(
        answers: Answers,
        work: Duration,
        faults: Faults,
        observer: Observer,
    ) -> Self {
        Self { answers, work, faults, observer }
    }

    async fn movie(
        &self,
        request: Request<GetMovieRequest>,
    ) -> Result<Response<GetMovieResponse>, Status> {
        self.faults.check()?;
        // A middle has to be done with its work before it calls on, so that a call whose caller has gone meanwhile is never made.
        simulate(self.work).await;
        match &self.answers {
            Answers::Catalogue(catalogue) => {
                let movie = catalogue.movie(request.get_ref().mid)?.clone();
                Ok(Response::new(GetMovieResponse { movie: Some(movie) }))
            }
            Answers::Middle(middle) => middle.get_movie(request).await,
        }
    }

    async fn movies(
        &self,
        request: Request<QueryMoviesRequest>,
    ) -> Result<Response<Movies>, Status> {
        self.faults.check()?;
        let work = self.work;
        match &self.answers {
            Answers::Catalogue(catalogue) => {
                let movies = catalogue.matching(&request.get_ref().query)?;
                let replies = stream::iter(movies).then(move |movie| async move {
                    simulate(work).await;
                    Ok(QueryMoviesResponse { movie: Some(movie) })
                });
                Ok(Response::new(replies.boxed()))
            }
            Answers::Middle(middle) => {
                simulate(work).await;
                middle.query_movies(request).await
            }
        }
    }
}

/// What a query finds, as it is found.
type Movies = BoxStream<'static, Result<QueryMoviesResponse, Status>>;

#[tonic::async_trait]
impl MoviesService for Service {
    async fn get_movie(
        &self,
        request: Request<GetMovieRequest>,
    ) -> Result<Response<GetMovieResponse>, Status> {
        let called = self.observer.called("GetMovie", &request);
        let answer = self.movie(request).await;
        called.answered();
        answer
    }

    type QueryMoviesStream = Movies;

    async fn query_movies(
        &self,
        request: Request<QueryMoviesRequest>,
    ) -> Result<Response<Movies>, Status> {
        let called = self.observer.called("QueryMovies", &request);
        let answer = self.movies(request).await;
        called.answered();
        answer
    }
}

/// Does nothing for a while. No work takes no time: even the shortest sleep lasts until the next tick of the timer.
async fn simulate(work: Duration) {
    if !work.is_zero() {
        sleep(work).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::*;

    const WORK: Duration = Duration::from_secs(5);

    fn service(work: Duration) -> Service {
        let answers = Answers::Catalogue(Catalogue::default());
        Service::new(answers, work, Faults::new(None), Observer::default())
    }

    fn get(mid: i32) -> Request<GetMovieRequest> {
        Request::new(GetMovieRequest { mid })
    }

    #[tokio::test(start_paused = true)]
    async fn work_comes_before_an_answer_and_before_an_error() {
        let begin = Instant::now();
        service(WORK).get_movie(get(1)).await.unwrap();
        assert_eq!(begin.elapsed(), WORK);
        service(WORK).get_movie(get(99)).await.unwrap_err();
        assert_eq!(begin.elapsed(), 2 * WORK);
    }

    #[tokio::test]
    async fn no_work_is_not_waited_for() {
        service(Duration::ZERO).get_movie(get(1)).now_or_never().unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn each_streamed_movie_takes_work_of_its_own_when_it_is_asked_for() {
        let begin = Instant::now();
        let request = Request::new(QueryMoviesRequest { query: "and".into() });
        let mut movies = service(WORK).query_movies(request).await.unwrap().into_inner();
        assert_eq!(begin.elapsed(), Duration::ZERO, "the head does not wait for a movie");
        for count in 1..=3 {
            movies.next().await.unwrap().unwrap();
            assert_eq!(begin.elapsed(), count * WORK);
        }
        assert!(movies.next().await.is_none());
        assert_eq!(begin.elapsed(), 3 * WORK);
    }
}
