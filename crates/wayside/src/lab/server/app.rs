//! Greet with a delay.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use clap::Args;
use greet::{Greet, GreetArgs, Release};
use tokio::sync::Semaphore;
use tokio::time::{Duration, sleep};
use tonic::service::Routes;
use wayside_chassis::auth::Policy;
use wayside_chassis::{App, Auth, Needs, Setup, StartError, parse_duration};

use super::pod_name;

/// The greet server, slower.
#[derive(Debug)]
pub(crate) struct SlowGreet;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct SlowGreetArgs {
    /// The name that is said in every greeting.
    #[arg(long, default_value_t = pod_name(0), value_name = "NAME")]
    pub(crate) pod: String,

    /// How long every call takes.
    #[arg(long, default_value = "0s", value_parser = parse_duration, value_name = "DURATION")]
    pub(crate) delay: Duration,

    /// How many calls are worked on at a time, of those that take time; the others wait. Without it, all.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    pub(crate) places: Option<u32>,
}

impl SlowGreetArgs {
    fn greet(&self) -> GreetArgs {
        GreetArgs {
            greet_release: Release::default(),
            greet_pod_name: self.pod.clone(),
            greet_pod_ip: String::new(),
            greet_pod_from_host: false,
        }
    }
}

impl App for SlowGreet {
    const NAME: &'static str = "lab-server";
    const ABOUT: &'static str = "Greets for the lab.";
    const PORT: u16 = 0;
    const SERVICES: &'static [&'static str] = Greet::SERVICES;
    const DESCRIPTOR_SET: &'static [u8] = Greet::DESCRIPTOR_SET;

    type Args = SlowGreetArgs;

    fn needs(args: &SlowGreetArgs) -> Needs {
        let everybody_known = Policy::builder().roles("/greet.v1.GreetService/*", ["caller"]);
        Needs { auth: Auth::WithKeys(everybody_known), ..Greet::needs(&args.greet()) }
    }

    async fn routes(args: SlowGreetArgs, setup: &Setup) -> Result<Routes, StartError> {
        let routes = Greet::routes(args.greet(), setup).await?;
        let delay = args.delay;
        if delay.is_zero() {
            // Throughput is measured without anything that a greet server would not have.
            return Ok(routes);
        }
        let places = args.places.map_or(Semaphore::MAX_PERMITS, |places| places as usize);
        let places = Arc::new(Semaphore::new(places));
        let wait = from_fn(move |request: Request, next: Next| {
            let places = places.clone();
            async move {
                // It is never closed.
                let _place = places.acquire().await;
                sleep(delay).await;
                next.run(request).await
            }
        });
        Ok(Routes::from(routes.into_axum_router().layer(wait)))
    }
}
