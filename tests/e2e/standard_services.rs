//! Health and reflection, which every gRPC server has.

use greet::Greet;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::Running;

#[tokio::test]
async fn health_knows_the_server_and_its_service() {
    let server = Running::start::<Greet>(&[]).await;
    let mut client = HealthClient::new(server.channel());
    for service in ["", "greet.v1.GreetService"] {
        let request = HealthCheckRequest { service: service.into() };
        let reply = client.check(request).await.unwrap().into_inner();
        assert_eq!(reply.status(), ServingStatus::Serving, "{service:?}");
    }
    let unknown = HealthCheckRequest { service: "nobody.v1.Nobody".into() };
    assert_eq!(client.check(unknown).await.unwrap_err().code(), tonic::Code::NotFound);
}

async fn listed(server: &Running) -> Result<Vec<String>, tonic::Status> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(server.channel());
    let mut replies =
        client.server_reflection_info(tokio_stream::iter([request])).await?.into_inner();
    match replies.message().await?.unwrap().message_response.unwrap() {
        MessageResponse::ListServicesResponse(list) => {
            Ok(list.service.into_iter().map(|service| service.name).collect())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn reflection_lists_what_this_server_serves_and_nothing_else() {
    let server = Running::start::<Greet>(&[]).await;
    let mut names = listed(&server).await.unwrap();
    names.retain(|name| !name.starts_with("grpc.reflection."));
    names.sort();
    assert_eq!(names, ["greet.v1.GreetService", "grpc.health.v1.Health"]);
}

#[tokio::test]
async fn reflection_can_be_switched_off() {
    let server = Running::start::<Greet>(&["--reflection", "false"]).await;
    assert_eq!(listed(&server).await.unwrap_err().code(), tonic::Code::Unimplemented);
}
