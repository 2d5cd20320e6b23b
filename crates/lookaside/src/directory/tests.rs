//! The directory on a paused clock, over resolvers that say what the test says.

use std::sync::Arc;

use tokio::time::{Duration, advance, timeout};
use tonic::Status;
use wayside_balance::resolver::{ManualHandle, NoSuchName, manual};
use wayside_balance::{Endpoint, Registry};
use wayside_chassis::Setup;

use super::entry::same;
use super::{Choice, Directory, Settings, View};
use crate::Key;
use crate::error::Error;
use crate::source::{Leases, Source, Sources};

/// A directory over two sources that both are told what to say.
struct Told {
    directory: Arc<Directory>,
    first: ManualHandle,
    second: ManualHandle,
}

async fn told(max_services: usize) -> Told {
    let mut registry = Registry::default();
    let (first, first_handle) = manual();
    let (second, second_handle) = manual();
    registry.register("k8s", move |_, _| Ok(Box::new(first.clone())));
    registry.register("dns", move |_, _| Ok(Box::new(second.clone())));
    let setup = Setup::default();
    let sources = [Source::Kubernetes, "dns:{service}".parse().unwrap()];
    let leases = Leases::new(Duration::ZERO);
    let sources = Sources::open(&sources, &leases, registry, &setup).await.unwrap();
    let settings = Settings { max_services, refresh: Duration::from_secs(1), health_checks: false };
    let directory = Directory::start(sources, settings, &setup);
    Told { directory, first: first_handle, second: second_handle }
}

impl Told {
    async fn pick(&self, choice: Choice) -> Result<String, Error> {
        self.directory.entry(key("greet")).unwrap().pick(choice).await
    }

    async fn turns(&self, count: usize) -> Vec<String> {
        let mut picked = Vec::new();
        for _ in 0..count {
            picked.push(self.pick(Choice::InTurn).await.unwrap());
        }
        picked
    }
}

fn key(service: &str) -> Key {
    format!("default/{service}:1").parse().unwrap()
}

fn endpoints(numbers: &[u8]) -> Vec<Endpoint> {
    let endpoint = |number: &u8| {
        let address = std::net::SocketAddr::from(([10, 0, 0, *number], 1));
        Endpoint::new(address, "greet".parse().unwrap())
    };
    numbers.iter().map(endpoint).collect()
}

fn names(numbers: &[u8]) -> Vec<String> {
    numbers.iter().map(|number| format!("10.0.0.{number}:1")).collect()
}

/// Lets the tasks of the directory work.
async fn settle() {
    advance(Duration::from_millis(1)).await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn turns_go_on_where_they_were_when_the_list_has_changed() {
    let told = told(10).await;
    told.first.push(endpoints(&[1, 2, 3]));
    assert_eq!(told.turns(4).await, names(&[1, 2, 3, 1]));
    told.first.push(endpoints(&[1, 2, 3, 4]));
    settle().await;
    assert_eq!(told.turns(4).await, names(&[1, 2, 3, 4]), "the fifth turn is the first of four");
    told.first.push(endpoints(&[1, 2]));
    settle().await;
    assert_eq!(told.turns(3).await, names(&[1, 2, 1]));
}

#[tokio::test(start_paused = true)]
async fn what_is_unknown_empty_and_silent_is_told_apart() {
    let told = told(10).await;
    let silent = told.pick(Choice::InTurn).await.unwrap_err();
    assert!(matches!(silent, Error::Empty(_)), "after two seconds: {silent:?}");
    told.first.fail(NoSuchName::status("no such service"));
    told.second.fail(NoSuchName::status("no such name"));
    settle().await;
    let unknown = told.pick(Choice::InTurn).await.unwrap_err();
    assert!(matches!(unknown, Error::Unknown(_)), "{unknown:?}");
    advance(Duration::from_secs(1)).await;
    told.second.push(Vec::new());
    settle().await;
    let empty = told.pick(Choice::AtRandom).await.unwrap_err();
    assert!(empty.to_string().contains("empty"), "{empty}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_keeps_its_list_and_is_heard_within_a_second_of_its_return() {
    let told = told(10).await;
    told.first.push(endpoints(&[1]));
    told.turns(1).await;
    for _ in 0..30 {
        told.first.fail(Status::unavailable("the API server is down"));
        advance(Duration::from_secs(2)).await;
        assert_eq!(told.turns(1).await, names(&[1]));
    }
    let entry = told.directory.entry(key("greet")).unwrap();
    let mut views = entry.watch();
    views.borrow_and_update();
    told.first.push(endpoints(&[2]));
    timeout(Duration::from_secs(1), views.changed()).await.expect("within a second").unwrap();
    assert_eq!(told.turns(1).await, names(&[2]));
}

#[tokio::test(start_paused = true)]
async fn the_second_source_answers_where_the_first_has_nothing() {
    let told = told(10).await;
    told.first.fail(NoSuchName::status("no such service"));
    told.second.push(endpoints(&[9]));
    assert_eq!(told.turns(1).await, names(&[9]));
    advance(Duration::from_secs(1)).await;
    told.first.push(endpoints(&[1]));
    settle().await;
    assert_eq!(told.turns(1).await, names(&[1]));
}

#[tokio::test(start_paused = true)]
async fn watchers_get_what_is_known_and_then_only_news() {
    let told = told(10).await;
    told.first.push(endpoints(&[1]));
    told.turns(1).await;
    let mut views = told.directory.entry(key("greet")).unwrap().watch();
    views.changed().await.unwrap();
    assert!(matches!(&*views.borrow_and_update(), View::List(_)));
    told.first.push(endpoints(&[1]));
    settle().await;
    assert!(!views.has_changed().unwrap(), "the same list is no news");
}

#[tokio::test(start_paused = true)]
async fn name_servers_are_asked_each_second_for_what_is_in_use_and_not_for_the_rest() {
    let mut told = told(10).await;
    told.first.fail(NoSuchName::status("no such service"));
    told.second.push(endpoints(&[1]));
    told.turns(1).await;
    let asked = async |told: &mut Told, for_seconds: u64| {
        let mut count = 0;
        for _ in 0..for_seconds {
            advance(Duration::from_secs(1)).await;
            settle().await;
            count +=
                u64::from(timeout(Duration::from_micros(1), told.second.wanted()).await.is_ok());
        }
        count
    };
    assert!(asked(&mut told, 8).await >= 7);
    asked(&mut told, 4).await;
    assert_eq!(asked(&mut told, 20).await, 0, "nobody has asked for ten seconds");
}

#[tokio::test(start_paused = true)]
async fn services_that_nobody_asks_for_are_forgotten_and_watched_ones_are_not() {
    let told = told(10).await;
    told.first.push(endpoints(&[1]));
    let watched = told.directory.entry(key("watched")).unwrap();
    let views = watched.watch();
    told.directory.entry(key("asked")).unwrap();
    settle().await;
    advance(Duration::from_secs(4 * 60)).await;
    settle().await;
    assert_eq!(told.directory.services(), 2);
    advance(Duration::from_secs(2 * 60)).await;
    settle().await;
    assert_eq!(told.directory.services(), 1);
    assert!(same(&watched, &told.directory.entry(key("watched")).unwrap()));
    drop(views);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_asked_for_the_longest_gives_way_but_not_what_is_watched() {
    let told = told(2).await;
    told.first.push(endpoints(&[1]));
    let first = told.directory.entry(key("first")).unwrap();
    let views = first.watch();
    advance(Duration::from_secs(1)).await;
    told.directory.entry(key("second")).unwrap();
    advance(Duration::from_secs(1)).await;
    let third = told.directory.entry(key("third")).unwrap();
    assert_eq!(told.directory.services(), 2);
    assert!(same(&first, &told.directory.entry(key("first")).unwrap()), "it is watched");
    let other_views = third.watch();
    let refused = told.directory.entry(key("fourth")).unwrap_err();
    assert!(matches!(refused, Error::TooManyServices), "{refused:?}");
    drop((views, other_views));
}
