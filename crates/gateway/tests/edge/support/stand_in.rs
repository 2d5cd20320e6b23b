//! Servers for movies, accounts and cache that record what reaches them and answer as they are told.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::stream::{self, Stream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};
use wayside_chassis::server::{ServerOptions, serve};
use wayside_proto::accounts::v1::accounts_service_server::{
    AccountsService, AccountsServiceServer,
};
use wayside_proto::accounts::v1::{self as accounts, Account};
use wayside_proto::cache::v1 as cache;
use wayside_proto::cache::v1::cache_service_server::{CacheService, CacheServiceServer};
use wayside_proto::movies::v1::movies_service_server::{MoviesService, MoviesServiceServer};
use wayside_proto::movies::v1::{self as movies, Movie};

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the servers share with the test.
#[derive(Clone)]
pub(crate) struct StandIn {
    /// The metadata of the last call.
    metadata: Arc<Mutex<MetadataMap>>,
    /// The last Store or Restore messages.
    stored: Arc<Mutex<Vec<cache::StoreRequest>>>,
    /// A permit lets QueryMovies send one more movie.
    pub(crate) go_on: Arc<Semaphore>,
    /// How many calls that never end have begun, and how many of them were dropped.
    pub(crate) stuck: watch::Sender<(u32, u32)>,
}

impl StandIn {
    pub(crate) fn new() -> Self {
        Self {
            metadata: Arc::default(),
            stored: Arc::default(),
            go_on: Arc::new(Semaphore::new(0)),
            stuck: watch::Sender::new((0, 0)),
        }
    }

    pub(crate) async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Routes::new(MoviesServiceServer::new(self.clone()))
            .add_service(AccountsServiceServer::new(self.clone()))
            .add_service(CacheServiceServer::new(self.clone()))
            .prepare();
        tokio::spawn(async move {
            serve(listener, routes, &ServerOptions::default(), std::future::pending()).await
        });
        address
    }

    pub(crate) fn metadata(&self) -> MetadataMap {
        self.metadata.lock().unwrap().clone()
    }

    pub(crate) fn stored(&self) -> Vec<cache::StoreRequest> {
        self.stored.lock().unwrap().clone()
    }

    /// Waits until calls have begun to be stuck, or were dropped.
    pub(crate) async fn wait_stuck(&self, wanted: (u32, u32)) {
        super::soon(self.stuck.subscribe().wait_for(|stuck| *stuck == wanted)).await.unwrap();
    }

    fn seen<T>(&self, request: Request<T>) -> T {
        *self.metadata.lock().unwrap() = request.metadata().clone();
        request.into_inner()
    }

    async fn be_stuck(&self) {
        struct Dropped(watch::Sender<(u32, u32)>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.send_modify(|stuck| stuck.1 += 1);
            }
        }
        let _dropped = Dropped(self.stuck.clone());
        self.stuck.send_modify(|stuck| stuck.0 += 1);
        std::future::pending::<()>().await;
    }
}

fn movie(mid: i32) -> Movie {
    Movie { mid, movie_name: format!("Movie {mid}"), ..Movie::default() }
}

/// NOT_FOUND with the two details that the real server gives.
fn no_movie() -> Status {
    use prost::Message;
    let error = movies::MovieError {
        reason: movies::MovieErrorCode::MovieNotFound.into(),
        message: "Could not find movie 9".into(),
    };
    let details = ErrorDetails::with_error_info("MOVIE_NOT_FOUND", "wayside", []);
    let status = Status::with_error_details(Code::NotFound, "not found", details);
    let mut details = tonic_types::Status::decode(status.details()).unwrap();
    details.details.push(any("type.googleapis.com/movies.v1.MovieError", error.encode_to_vec()));
    Status::with_details(Code::NotFound, "not found", details.encode_to_vec().into())
}

fn any(type_url: &str, value: Vec<u8>) -> prost_reflect::prost_types::Any {
    prost_reflect::prost_types::Any { type_url: type_url.to_owned(), value }
}

#[tonic::async_trait]
impl MoviesService for StandIn {
    async fn get_movie(
        &self,
        request: Request<movies::GetMovieRequest>,
    ) -> Result<Response<movies::GetMovieResponse>, Status> {
        match self.seen(request).mid {
            9 => Err(no_movie()),
            // Anything but OK, by its number.
            code @ 100..=116 => Err(Status::new(Code::from(code - 100), "as you like")),
            99 => {
                self.be_stuck().await;
                Err(Status::internal("not stuck"))
            }
            mid => Ok(Response::new(movies::GetMovieResponse { movie: Some(movie(mid)) })),
        }
    }

    type QueryMoviesStream = Replies<movies::QueryMoviesResponse>;

    async fn query_movies(
        &self,
        request: Request<movies::QueryMoviesRequest>,
    ) -> Result<Response<Self::QueryMoviesStream>, Status> {
        let query = self.seen(request).query;
        let stand_in = self.clone();
        let movies = stream::iter(1..=3).then(move |mid| {
            let (query, stand_in) = (query.clone(), stand_in.clone());
            async move {
                match (query.as_str(), mid) {
                    ("step", _) => stand_in.go_on.acquire().await.unwrap().forget(),
                    ("fail", 3) => return Err(no_movie()),
                    ("fail at once", _) => return Err(no_movie()),
                    ("stuck", 2) => stand_in.be_stuck().await,
                    _ => {}
                }
                Ok(movies::QueryMoviesResponse { movie: Some(movie(mid)) })
            }
        });
        Ok(Response::new(Box::pin(movies)))
    }
}

#[tonic::async_trait]
impl CacheService for StandIn {
    async fn store(
        &self,
        request: Request<cache::StoreRequest>,
    ) -> Result<Response<cache::StoreResponse>, Status> {
        let request = self.seen(request);
        *self.stored.lock().unwrap() = vec![request];
        Ok(Response::new(cache::StoreResponse {}))
    }

    async fn get(
        &self,
        request: Request<cache::GetRequest>,
    ) -> Result<Response<cache::GetResponse>, Status> {
        let key = self.seen(request).key;
        Ok(Response::new(cache::GetResponse { val: format!("value of {key}").into() }))
    }

    async fn delete(
        &self,
        request: Request<cache::DeleteRequest>,
    ) -> Result<Response<cache::DeleteResponse>, Status> {
        self.seen(request);
        Ok(Response::new(cache::DeleteResponse {}))
    }

    type DumpStream = Replies<cache::DumpResponse>;

    async fn dump(
        &self,
        _: Request<cache::DumpRequest>,
    ) -> Result<Response<Self::DumpStream>, Status> {
        Ok(Response::new(Box::pin(stream::empty())))
    }

    async fn restore(
        &self,
        request: Request<Streaming<cache::RestoreRequest>>,
    ) -> Result<Response<cache::RestoreResponse>, Status> {
        let entries = self.seen(request).map(|entry| entry.unwrap()).collect::<Vec<_>>().await;
        let stored = i64::try_from(entries.len()).unwrap();
        *self.stored.lock().unwrap() = entries
            .into_iter()
            .map(|entry| cache::StoreRequest {
                key: entry.key,
                val: entry.val,
                account_token: entry.account_token,
                ttl: entry.ttl,
            })
            .collect();
        Ok(Response::new(cache::RestoreResponse { stored }))
    }
}

#[tonic::async_trait]
impl AccountsService for StandIn {
    async fn get_by_token(
        &self,
        _: Request<accounts::GetByTokenRequest>,
    ) -> Result<Response<accounts::GetByTokenResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn create_account(
        &self,
        _: Request<accounts::CreateAccountRequest>,
    ) -> Result<Response<accounts::CreateAccountResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn update_account(
        &self,
        request: Request<accounts::UpdateAccountRequest>,
    ) -> Result<Response<accounts::UpdateAccountResponse>, Status> {
        let request = self.seen(request);
        let account = Account {
            id: request.id,
            name: request.name.unwrap_or_else(|| "unchanged".to_owned()),
            max_cache_keys: request.max_cache_keys.unwrap_or(-1),
            create_time: None,
        };
        Ok(Response::new(accounts::UpdateAccountResponse { account: Some(account) }))
    }

    async fn rotate_token(
        &self,
        request: Request<accounts::RotateTokenRequest>,
    ) -> Result<Response<accounts::RotateTokenResponse>, Status> {
        let id = self.seen(request).id;
        Ok(Response::new(accounts::RotateTokenResponse { token: format!("new token of {id}") }))
    }

    async fn delete_account(
        &self,
        _: Request<accounts::DeleteAccountRequest>,
    ) -> Result<Response<accounts::DeleteAccountResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_accounts(
        &self,
        request: Request<accounts::ListAccountsRequest>,
    ) -> Result<Response<accounts::ListAccountsResponse>, Status> {
        let request = self.seen(request);
        let next_page_token = format!("{} {}", request.page_size, request.page_token);
        Ok(Response::new(accounts::ListAccountsResponse { accounts: vec![], next_page_token }))
    }
}
