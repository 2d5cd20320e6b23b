//! What is kept when the server is gone.

use tonic::Code;
use wayside_proto::accounts::v1::RotateTokenRequest;

use crate::support::{Server, create, get_by_token};

#[tokio::test]
async fn accounts_survive_a_restart_of_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/by/the/server");
    let server = Server::on(&path).await;
    let mut client = server.client();
    let (ada, old) = create(&mut client, "ada", 3).await;
    let (grace, kept) = create(&mut client, "grace", 4).await;
    let new = client
        .rotate_token(RotateTokenRequest { id: ada.id.clone() })
        .await
        .unwrap()
        .into_inner()
        .token;
    server.stop().await;

    let server = Server::on(&path).await;
    let mut client = server.client();
    assert_eq!(get_by_token(&mut client, &new).await.unwrap(), ada);
    assert_eq!(get_by_token(&mut client, &kept).await.unwrap(), grace);
    assert_eq!(get_by_token(&mut client, &old).await.unwrap_err().code(), Code::NotFound);
    server.stop().await;
}
