//! What the gateway has itself.

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;
use serde_json::Value as Json;

use crate::support::{Edge, header, json};

#[tokio::test]
async fn healthz_is_ok_while_the_gateway_serves() {
    let edge = Edge::at(&[]).await;
    let response = edge.get("/healthz").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "ok");
}

#[tokio::test]
async fn the_index_lists_the_routes_for_people() {
    let edge = Edge::at(&[]).await;
    let response = edge.get("/").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    let page = response.text().await.unwrap();
    for part in [
        "/openapi.json",
        "<code>/greet</code>",
        "<code>/v1/accounts/{id}:rotateToken</code>",
        "Greets one person once",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn openapi_lists_every_annotated_method() {
    let pool = DescriptorPool::decode(wayside_proto::DESCRIPTOR_SET).unwrap();
    let http = pool.get_extension_by_name("google.api.http").unwrap();
    let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let annotated = methods.filter(|method| method.options().has_extension(&http));
    let expected = annotated.map(|method| method.full_name().to_owned()).collect::<BTreeSet<_>>();

    let edge = Edge::at(&[]).await;
    let (_, document) = json(edge.get("/openapi.json")).await;
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values()).collect::<Vec<_>>();
    let listed =
        operations.iter().map(|operation| operation["x-grpc-method"].as_str().unwrap().to_owned());
    assert_eq!(listed.collect::<BTreeSet<_>>(), expected);
    assert!(expected.len() >= 18, "{expected:?}");
    let ids = operations
        .iter()
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), operations.len(), "operation ids are unique");
}

#[tokio::test]
async fn openapi_describes_parameters_bodies_and_replies() {
    let edge = Edge::at(&[]).await;
    let (_, document) = json(edge.get("/openapi.json")).await;
    let at = |pointer: &str| document.pointer(pointer).unwrap_or(&Json::Null).clone();

    assert_eq!(at("/openapi"), "3.1.0");
    assert_eq!(at("/paths/~1greet/post/responses/200/content/text~1plain/schema/type"), "string");
    assert_eq!(
        at("/paths/~1greet/post/requestBody/content/application~1json/schema/$ref"),
        "#/components/schemas/greet.v1.Greeting"
    );
    let name =
        at("/paths/~1v1~1greet~1{greeting.first_name}~1{greeting.last_name}/get/parameters/0");
    assert_eq!(
        (&name["name"], &name["in"], &name["required"]),
        (&"greeting.first_name".into(), &"path".into(), &true.into())
    );
    let key = at("/paths/~1v1~1cache~1{key}/put");
    assert_eq!(key["parameters"][0]["description"], "May contain slashes.");
    let body = &key["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert_eq!((body["key"].is_null(), &body["val"]["contentEncoding"]), (true, &"base64".into()));
    let parameters = key["parameters"].as_array().unwrap();
    assert_eq!(parameters.len(), 2, "what is in the body is no query parameter: {parameters:?}");
    let query = at("/paths/~1v1~1accounts/get/parameters/0");
    assert_eq!((&query["name"], &query["in"]), (&"page_size".into(), &"query".into()));
    assert!(
        at("/paths/~1v1~1movies/get/responses/200/content").get("application/x-ndjson").is_some()
    );
    assert!(
        at("/paths/~1v1~1cache:restore/post/requestBody/content")
            .get("application/x-ndjson")
            .is_some()
    );
    assert_eq!(at("/components/schemas/greet.v1.GreetResponse/properties/result/deprecated"), true);
    assert_eq!(at("/components/schemas/greet.v1.Greeting/description"), "A person to greet.");
}
