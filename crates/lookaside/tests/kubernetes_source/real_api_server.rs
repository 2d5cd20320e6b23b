//! The same against a real API server, started by `tests/kube-apiserver.sh`, as a service account that may do no more than the manifests let it.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config};
use lookaside::Lookaside;
use lookaside::kubernetes::{Kubernetes, KubernetesError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Duration, Instant, timeout};
use wayside_balance::Channel;
use wayside_chassis::{App, ProcessArgs, bind, prepare};
use wayside_proto::lookaside::v1::WatchEndpointsRequest;
use wayside_proto::lookaside::v1::lookaside_service_client::LookasideServiceClient;

use super::{Watched, addresses};
use crate::fake_api::{FakeApi, endpoint, many, of_pod, pods, slice, terminating};

/// A namespace of one's own, and what an administrator does in it.
struct Shop {
    admin: Client,
    config: Config,
    namespace: String,
}

impl Shop {
    async fn open() -> Self {
        let config = Config::from_kubeconfig(&KubeConfigOptions::default()).await.unwrap();
        let admin = Client::try_from(config.clone()).unwrap();
        let namespace = format!("shop-{:08x}", fastrand::u32(..));
        let object = object(json!({"metadata": {"name": namespace}}));
        Api::<Namespace>::all(admin.clone()).create(&PostParams::default(), &object).await.unwrap();
        Self { admin, config, namespace }
    }

    async fn create<T>(&self, value: Value) -> T
    where
        T: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + Serialize
            + DeserializeOwned,
    {
        let api = Api::<T>::namespaced(self.admin.clone(), &self.namespace);
        api.create(&PostParams::default(), &object(value)).await.unwrap()
    }

    fn slices(&self) -> Api<EndpointSlice> {
        Api::namespaced(self.admin.clone(), &self.namespace)
    }

    /// Creates or changes a slice.
    async fn put(&self, slice: Value) {
        let name = slice["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::apply("test").force();
        self.slices().patch(name, &params, &Patch::Apply(&slice)).await.unwrap();
    }

    /// A resolver that is the service account `lookaside`, with a token such as a pod gets.
    async fn resolver(&self, service: &str) -> Watched {
        self.resolver_through(self.config.cluster_url.clone(), service).await
    }

    async fn resolver_through(&self, cluster_url: http::Uri, service: &str) -> Watched {
        let _: ServiceAccount = self.create(json!({"metadata": {"name": "lookaside"}})).await;
        let accounts = Api::<ServiceAccount>::namespaced(self.admin.clone(), &self.namespace);
        let request =
            object::<TokenRequest>(json!({"spec": {"audiences": [], "expirationSeconds": 600}}));
        let granted = accounts
            .create_token_request("lookaside", &PostParams::default(), &request)
            .await
            .unwrap();
        let mut config = self.config.clone();
        config.cluster_url = cluster_url;
        config.default_namespace = self.namespace.clone();
        config.auth_info = object(json!({"token": granted.status.unwrap().token}));
        Watched::of(&FakeApi::new(), &Kubernetes::with_config(config), service)
    }

    /// Exactly what `k8s/base` gives to the look-aside balancer.
    async fn allow(&self) {
        let _: Role = self
            .create(json!({"metadata": {"name": "lookaside"}, "rules": [
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}
            ]}))
            .await;
        let _: RoleBinding = self
            .create(json!({
                "metadata": {"name": "lookaside"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lookaside"},
                "subjects": [{"kind": "ServiceAccount", "name": "lookaside", "namespace": self.namespace}],
            }))
            .await;
    }
}

/// A network to the API server that can be cut and mended.
struct Network {
    address: SocketAddr,
    server: String,
    task: JoinHandle<()>,
}

impl Network {
    async fn to(server: String) -> Self {
        Self::between((Ipv4Addr::LOCALHOST, 0).into(), server).await
    }

    async fn between(address: SocketAddr, server: String) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, to) = (listener.local_addr().unwrap(), server.clone());
        let task = tokio::spawn(async move {
            // Ends with this task, and every connection with it.
            let mut connections = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let to = to.clone();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { address, server, task }
    }

    async fn cut(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    async fn mend(&mut self) {
        *self = Self::between(self.address, self.server.clone()).await;
    }
}

fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

const LONG: Duration = Duration::from_secs(15);

#[tokio::test]
#[ignore = "needs a real API server: tests/kube-apiserver.sh"]
#[expect(clippy::print_stdout, reason = "figures for whoever runs the script")]
async fn a_service_is_followed_from_its_first_pod_to_its_end() {
    let shop = Shop::open().await;
    let mut greet = shop.resolver("greet:grpc").await;
    let error = greet.failure().await;
    assert!(
        matches!(&error, KubernetesError::Refused { code, .. } if code.as_u16() == 403),
        "{error}"
    );
    println!("without a Role: {error}");
    shop.allow().await;
    let error = greet.failure().await;
    assert!(matches!(error, KubernetesError::NoService { .. }), "{error}");

    let _: Service = shop.create(json!({"metadata": {"name": "greet"}, "spec": {"clusterIP": "None", "ports": [{"name": "grpc", "port": 50051}]}})).await;
    shop.put(slice("greet-1", "greet", pods([1, 2]))).await;
    assert_eq!(greet.within(LONG).await, addresses([1, 2]));
    let start = Instant::now();
    shop.put(slice("greet-1", "greet", pods([1, 2, 3]))).await;
    assert_eq!(greet.within(LONG).await, addresses([1, 2, 3]));
    println!("from a change to the endpoints: {:?}", start.elapsed());
    shop.put(slice("greet-6", "greet", vec![of_pod("fd00::1", "10.0.0.1")])).await;
    let expected = ["10.0.0.1:50051 + [fd00::1]:50051", "10.0.0.2:50051", "10.0.0.3:50051"];
    assert_eq!(greet.within(LONG).await, expected);
    shop.slices().delete("greet-6", &DeleteParams::default()).await.unwrap();
    assert_eq!(greet.within(LONG).await, addresses([1, 2, 3]));
    let going = |n| terminating(endpoint(&format!("10.0.0.{n}")), true);
    shop.put(slice("greet-1", "greet", vec![going(1), endpoint("10.0.0.2")])).await;
    assert_eq!(greet.within(LONG).await, addresses([2]));
    shop.put(slice("greet-1", "greet", Vec::new())).await;
    assert_eq!(greet.within(LONG).await, addresses([]));
    shop.put(slice("greet-1", "greet", pods([4]))).await;
    assert_eq!(greet.within(LONG).await, addresses([4]));
    shop.slices().delete("greet-1", &DeleteParams::default()).await.unwrap();
    greet.silence(Duration::from_secs(1)).await;
}

#[tokio::test]
#[ignore = "needs a real API server: tests/kube-apiserver.sh"]
#[expect(clippy::print_stdout, reason = "figures for whoever runs the script")]
async fn ten_thousand_endpoints_are_listed_and_watched() {
    let shop = Shop::open().await;
    let mut greet = shop.resolver("greet:grpc").await;
    shop.allow().await;
    let slices = many(100);
    for slice in &slices {
        let _: EndpointSlice = shop.create(slice.clone()).await;
    }
    let start = Instant::now();
    assert_eq!(greet.within(LONG).await.len(), 10_000);
    println!("10,000 endpoints: listed in {:?}", start.elapsed());
    greet.silence(Duration::from_millis(500)).await;
    let mut changed = slices[7].clone();
    changed["endpoints"].as_array_mut().unwrap().truncate(99);
    let start = Instant::now();
    shop.put(changed).await;
    assert_eq!(greet.within(LONG).await.len(), 9_999);
    println!("10,000 endpoints: a change of one in {:?}", start.elapsed());
}

#[tokio::test]
#[ignore = "needs a real API server: tests/kube-apiserver.sh"]
#[expect(clippy::print_stdout, reason = "figures for whoever runs the script")]
async fn an_api_server_that_was_away_is_followed_again_within_a_second() {
    let shop = Shop::open().await;
    let server = shop.config.cluster_url.authority().unwrap().to_string();
    let mut network = Network::to(server).await;
    let url = format!("https://{}", network.address).parse().unwrap();
    let mut greet = shop.resolver_through(url, "greet:grpc").await;
    shop.allow().await;
    shop.put(slice("greet-1", "greet", pods([1]))).await;
    assert_eq!(greet.within(LONG).await, addresses([1]));
    for n in 2..6 {
        greet.silence(Duration::from_millis(200)).await;
        network.cut().await;
        shop.put(slice("greet-1", "greet", pods([n]))).await;
        greet.silence(Duration::from_secs(2)).await;
        network.mend().await;
        let start = Instant::now();
        assert_eq!(greet.within(Duration::from_secs(1)).await, addresses([n]));
        println!("after an outage: {:?}", start.elapsed());
    }
}

#[tokio::test]
#[ignore = "needs a real API server: tests/kube-apiserver.sh"]
async fn the_kubeconfig_is_found_and_its_namespace_is_the_default() {
    let shop = Shop::open().await;
    let default = Kubernetes::default();
    let mut greet =
        Watched::of(&FakeApi::new(), &default, &format!("{}/greet:grpc", shop.namespace));
    shop.put(slice("greet-1", "greet", pods([1]))).await;
    assert_eq!(greet.within(LONG).await, addresses([1]));
    let mut other = Watched::of(&FakeApi::new(), &default, "greet:grpc");
    let error = other.failure().await.to_string();
    assert!(error.contains("namespace 'default'"), "{error}");
}

#[derive(Debug, clap::Parser)]
struct Cli {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    args: <Lookaside as App>::Args,
}

#[tokio::test]
#[ignore = "needs a real API server: tests/kube-apiserver.sh"]
async fn the_look_aside_balancer_tells_what_kubernetes_knows() {
    let shop = Shop::open().await;
    shop.put(slice("greet-1", "greet", pods([1]))).await;
    let cli =
        Cli::parse_from(["lookaside", "--lookaside-source", "kubernetes", "--lame-duck", "0s"]);
    let server = prepare::<Lookaside>("lookaside", cli.args, &cli.process).await.unwrap();
    let listener = bind("lookaside", (Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    let target = listener.local_addr().unwrap().to_string().parse().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(server.serve(listener, async { stopped.await.unwrap_or_default() }));

    let mut client = LookasideServiceClient::new(Channel::connect_lazy(&target).unwrap());
    let ask = |service: &str| WatchEndpointsRequest {
        namespace: shop.namespace.clone(),
        service: service.to_owned(),
        port: "grpc".to_owned(),
    };
    let mut lists = client.watch_endpoints(ask("greet")).await.unwrap().into_inner();
    let mut next = async || lists.message().await.unwrap().unwrap().endpoints;
    assert_eq!(next().await[0].addresses, addresses([1]));
    shop.put(slice("greet-1", "greet", pods([2]))).await;
    assert_eq!(next().await[0].addresses, addresses([2]));
    let mut unknown = client.watch_endpoints(ask("nobody")).await.unwrap().into_inner();
    let message = unknown.message().await.unwrap().unwrap();
    assert!(message.endpoints.is_empty(), "{message:?}");
    assert!(message.reason.contains("belongs to a service 'nobody'"), "{message:?}");
    stop.send(()).unwrap();
    timeout(LONG, task).await.unwrap().unwrap().unwrap();
}
