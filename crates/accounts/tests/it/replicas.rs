//! Several replicas on one PostgreSQL.

use tokio::task::JoinSet;
use tonic::Code;
use wayside_proto::accounts::v1::{CreateAccountRequest, DeleteAccountRequest, RotateTokenRequest};

use crate::support::{Server, create, get_by_token, new_database, options_of};

async fn replicas<const N: usize>() -> Vec<Server> {
    let options = options_of(&new_database().await);
    let mut starting = JoinSet::new();
    for _ in 0..N {
        let options = options.clone();
        starting.spawn(async move { Server::start(&options.each_ref().map(String::as_str)).await });
    }
    starting.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_start_at_once_on_an_empty_database_all_serve() {
    let servers = replicas::<6>().await;
    let (ada, token) = create(&mut servers[0].client(), "ada", 3).await;
    for server in &servers {
        assert_eq!(get_by_token(&mut server.client(), &token).await.unwrap(), ada);
    }
}

#[tokio::test]
async fn a_token_that_one_replica_replaced_or_deleted_is_nobodys_at_the_other() {
    let servers = replicas::<2>().await;
    let (mut one, mut other) = (servers[0].client(), servers[1].client());
    let (ada, old) = create(&mut one, "ada", 3).await;
    get_by_token(&mut other, &old).await.unwrap();
    let rotated = one.rotate_token(RotateTokenRequest { id: ada.id.clone() }).await.unwrap();
    let new = rotated.into_inner().token;
    assert_eq!(get_by_token(&mut other, &old).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(get_by_token(&mut other, &new).await.unwrap(), ada);
    other.delete_account(DeleteAccountRequest { id: ada.id }).await.unwrap();
    assert_eq!(get_by_token(&mut one, &new).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_callers_that_race_for_a_name_over_both_exactly_one_gets_it() {
    let servers = replicas::<2>().await;
    let mut racers = JoinSet::new();
    for number in 0..32 {
        let mut client = servers[number % 2].client();
        let request = CreateAccountRequest { name: "ada".into(), max_cache_keys: 3 };
        racers.spawn(async move { client.create_account(request).await.map(drop) });
    }
    let results = racers.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let taken = |result: &Result<(), tonic::Status>| {
        result.as_ref().err().is_none_or(|status| status.code() == Code::AlreadyExists)
    };
    assert!(results.iter().all(taken), "{results:?}");
}
