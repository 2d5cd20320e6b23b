//! When names are looked up, on a paused clock, and what the files of the system say. Name servers are asked in `tests/dns.rs`.

use std::sync::{Arc, Mutex};

use tonic::Code;

use super::lookup::LookingUp;
use super::*;

/// A name service: what it says now, how long that takes, and when it was asked.
#[derive(Clone, Debug)]
struct Fake(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    start: Instant,
    addresses: Result<Vec<&'static str>, Status>,
    ttl: Option<Duration>,
    records: Option<Vec<&'static str>>,
    takes: Duration,
    asked: Vec<Duration>,
}

impl Lookup for Fake {
    fn lookup(&self) -> LookingUp<'_> {
        Box::pin(async {
            let takes = {
                let mut state = self.0.lock().unwrap();
                let now = state.start.elapsed();
                state.asked.push(now);
                assert!(state.asked.len() < 2000, "looked up again and again without a pause");
                state.takes
            };
            tokio::time::sleep(takes).await;
            let state = self.0.lock().unwrap();
            let addresses = state.addresses.clone()?;
            Ok(Found {
                addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
                valid_until: state.ttl.map(|ttl| Instant::now() + ttl),
                config_records: state
                    .records
                    .as_ref()
                    .map(|records| records.iter().map(ToString::to_string).collect()),
            })
        })
    }
}

/// A resolver of `greet:1` and the name service behind it.
struct Rig {
    fake: Fake,
    resolver: DnsResolver,
    resolve_now: ResolveNow,
}

const SECOND: Duration = Duration::from_secs(1);

fn rig(ttl: impl Into<Option<Duration>>) -> Rig {
    rig_with(ttl, &ResolverOptions::default())
}

fn rig_with(ttl: impl Into<Option<Duration>>, options: &ResolverOptions) -> Rig {
    let fake = Fake(Arc::new(Mutex::new(State {
        start: Instant::now(),
        addresses: Ok(vec!["10.0.0.1"]),
        ttl: ttl.into(),
        records: None,
        takes: Duration::ZERO,
        asked: Vec::new(),
    })));
    let target: Target = "greet:1".parse().unwrap();
    let Place::Dns { host, .. } = target.place() else { panic!("a host") };
    let resolver = DnsResolver::new(Box::new(fake.clone()), host, options);
    Rig { fake, resolver, resolve_now: ResolveNow::default() }
}

impl Rig {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.fake.0.lock().unwrap());
    }

    async fn answer(&mut self) -> Result<Resolution, Status> {
        let answer = timeout(1000 * SECOND, self.resolver.next(&self.resolve_now)).await;
        answer.expect("an answer")
    }

    /// The addresses of the next answer.
    async fn next(&mut self) -> Result<Vec<String>, Status> {
        let answer = self.answer().await?;
        let addresses = answer.endpoints.iter().map(|endpoint| {
            assert_eq!(endpoint.authority, "greet:1");
            endpoint.addresses[0].to_string()
        });
        Ok(addresses.collect())
    }

    /// No answer comes within that time.
    async fn stays_silent(&mut self, time: Duration) {
        let answer = timeout(time, self.resolver.next(&self.resolve_now)).await;
        assert!(answer.is_err(), "an answer without news: {answer:?}");
    }

    /// When the name was looked up, in whole milliseconds since the start.
    fn asked(&self) -> Vec<u64> {
        let state = self.fake.0.lock().unwrap();
        state.asked.iter().map(|at| u64::try_from(at.as_millis()).unwrap()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_is_looked_up_again_when_its_records_expire_and_news_is_answered() {
    let mut rig = rig(5 * SECOND);
    assert_eq!(rig.next().await.unwrap(), ["10.0.0.1:1"]);
    rig.stays_silent(11 * SECOND).await;
    rig.set(|state| state.addresses = Ok(vec!["10.0.0.2", "::1"]));
    assert_eq!(rig.next().await.unwrap(), ["10.0.0.2:1", "[::1]:1"]);
    let at: Vec<_> = rig.asked().iter().map(|at| at / 1000).collect();
    assert_eq!(at, [0, 5, 10, 15]);
}

#[tokio::test(start_paused = true)]
async fn a_ttl_below_the_least_interval_is_that_interval() {
    for (interval, expected) in [(SECOND, 1000), (3 * SECOND, 3000), (Duration::ZERO, 10)] {
        let options = ResolverOptions { dns_min_interval: interval, ..Default::default() };
        let mut rig = rig_with(Duration::ZERO, &options);
        rig.next().await.unwrap();
        rig.stays_silent(Duration::from_secs(10)).await;
        let asked = rig.asked();
        for pause in asked.windows(2).map(|pair| pair[1] - pair[0]) {
            assert!((expected..=expected + 2).contains(&pause), "{pause} for {interval:?}");
        }
        assert!(asked.len() >= 4);
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_expires_is_looked_up_when_the_channel_asks_and_answered_without_news() {
    let mut rig = rig(None);
    rig.next().await.unwrap();
    rig.stays_silent(Duration::from_secs(100_000)).await;
    assert_eq!(rig.asked(), [0]);
    rig.resolve_now.want();
    assert_eq!(rig.next().await.unwrap(), ["10.0.0.1:1"]);
    assert_eq!(rig.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn wishes_are_answered_at_most_once_in_the_least_interval() {
    let mut rig = rig(100 * SECOND);
    rig.set(|state| state.takes = SECOND / 2);
    rig.resolve_now.want();
    rig.next().await.unwrap();
    assert_eq!(rig.asked(), [0], "the first look-up fulfils the wishes before it");
    for _ in 0..3 {
        rig.resolve_now.want();
        rig.resolve_now.want();
        rig.next().await.unwrap();
    }
    // Half a second of looking up, then a whole one of waiting.
    let asked = rig.asked();
    assert_eq!(asked.len(), 4);
    for (at, expected) in asked.iter().zip([0, 1500, 3000, 4500]) {
        assert!(at.abs_diff(expected) <= 5, "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_comes_while_records_expire_is_answered_though_nothing_is_new() {
    let options = ResolverOptions { dns_min_interval: 3 * SECOND, ..Default::default() };
    let mut rig = rig_with(SECOND, &options);
    rig.next().await.unwrap();
    // The records have expired, and the look-up waits for the interval to pass.
    rig.stays_silent(2 * SECOND).await;
    rig.resolve_now.want();
    rig.next().await.unwrap();
    assert_eq!(rig.asked().len(), 2);
    rig.stays_silent(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_next_look_up_is_at_once_but_for_the_least_interval_and_answers() {
    let mut rig = rig(5 * SECOND);
    rig.next().await.unwrap();
    rig.set(|state| state.addresses = Err(Status::unavailable("no name server")));
    assert_eq!(rig.next().await.unwrap_err().message(), "no name server");
    assert_eq!(rig.next().await.unwrap_err().message(), "no name server");
    rig.set(|state| state.addresses = Ok(vec!["10.0.0.1"]));
    assert_eq!(rig.next().await.unwrap(), ["10.0.0.1:1"], "the failure is over: that is news");
    let at: Vec<_> = rig.asked().iter().map(|at| at / 1000).collect();
    assert_eq!(at, [0, 5, 6, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_without_end_is_given_up_after_thirty_seconds() {
    let mut rig = rig(5 * SECOND);
    rig.set(|state| state.takes = Duration::MAX);
    let start = Instant::now();
    let status = rig.next().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "'greet' cannot be looked up: no answer in 30 s");
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn the_order_is_the_servers_at_first_and_then_stays() {
    let mut rig = rig(SECOND);
    rig.set(|state| state.addresses = Ok(vec!["10.0.0.2", "10.0.0.1", "10.0.0.2", "10.0.0.3"]));
    assert_eq!(rig.next().await.unwrap(), ["10.0.0.2:1", "10.0.0.1:1", "10.0.0.3:1"]);
    rig.set(|state| state.addresses = Ok(vec!["10.0.0.3", "10.0.0.2", "10.0.0.1"]));
    rig.stays_silent(10 * SECOND).await;
    rig.set(|state| state.addresses = Ok(vec!["10.0.0.4", "10.0.0.3", "10.0.0.2"]));
    assert_eq!(rig.next().await.unwrap(), ["10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"]);
}

/// Every record is a config, but for "none" and those that begin with "bad". Counts how often it is asked.
#[derive(Debug, Default)]
struct Choose(std::sync::atomic::AtomicUsize);

impl ChooseServiceConfig for Choose {
    fn choose(&self, records: &[String]) -> Option<Result<ServiceConfig, ServiceConfigError>> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match &**records.first()? {
            "none" => None,
            bad if bad.starts_with("bad") => Some(Err(ServiceConfigError::new(bad, "is bad"))),
            _ => Some(Ok(ServiceConfig::default())),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_config_is_read_when_its_records_change_and_kept_while_there_is_no_answer() {
    let choose = Arc::new(Choose::default());
    let options =
        ResolverOptions { txt_service_config: Some(choose.clone()), ..ResolverOptions::default() };
    let mut rig = rig_with(SECOND, &options);
    for (records, expected, read) in [
        (None, None, 0),
        (Some(vec!["good"]), Some(Ok(())), 1),
        (Some(vec!["good"]), Some(Ok(())), 1),
        (None, Some(Ok(())), 1),
        (Some(vec!["bad one"]), Some(Err("bad one")), 2),
        (None, Some(Err("bad one")), 2),
        (Some(vec!["none"]), None, 3),
        (Some(vec!["bad two", "good"]), Some(Err("bad two")), 4),
        (Some(vec![]), None, 5),
    ] {
        rig.set(|state| state.records = records.clone());
        rig.resolve_now.want();
        let answer = rig.answer().await.unwrap();
        let config = answer.service_config.as_ref();
        let seen = config.map(|config| config.as_ref().map(|_| ()).map_err(|error| error.field()));
        assert_eq!(seen, expected, "{records:?}");
        assert_eq!(choose.0.load(std::sync::atomic::Ordering::Relaxed), read, "{records:?}");
    }
    rig.stays_silent(5 * SECOND).await;
    rig.set(|state| state.records = Some(vec!["good"]));
    assert!(rig.answer().await.unwrap().service_config.is_some());
}

#[tokio::test(start_paused = true)]
async fn addresses_and_localhost_are_answered_without_a_look_up() {
    for (target, expected) in [
        ("10.0.0.1:1", &["10.0.0.1:1"][..]),
        ("dns:///[2001:db8::1]", &["[2001:db8::1]:443"]),
        ("localhost:1", &["127.0.0.1:1", "[::1]:1"]),
        ("Greet.LocalHost.:1", &["127.0.0.1:1", "[::1]:1"]),
        ("dns://10.0.0.53/localhost:1", &["127.0.0.1:1", "[::1]:1"]),
    ] {
        let target: Target = target.parse().unwrap();
        let mut resolver = build(&target, &ResolverOptions::default()).unwrap();
        let resolve_now = ResolveNow::default();
        let answer = resolver.next(&resolve_now).now_or_never().expect("no look-up").unwrap();
        let [endpoint] = &*answer.endpoints else { panic!("{target}: {answer:?}") };
        let addresses: Vec<_> = endpoint.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, expected, "{target}");
        assert_eq!(endpoint.authority, target.default_authority());
    }
    assert!(!is_localhost("localhost.example"));
    assert!(!is_localhost("notlocalhost"));
}

async fn from_files(
    name: &str,
    hosts: &'static str,
    resolv_conf: Option<&'static str>,
) -> Result<Vec<String>, Status> {
    let servers = NameServers::new(name, Source::Files { hosts, resolv_conf }, false).unwrap();
    let found = servers.lookup().await?;
    assert_eq!(found.valid_until, None, "a hosts file says no TTL");
    Ok(found.addresses.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn the_hosts_file_comes_first_and_needs_no_name_server() {
    let hosts = "# local\n10.0.0.1 greet.example Greet\nfd00::1 greet\n10.0.0.2 greet # another\n";
    for resolv_conf in [None, Some("nameserver 192.0.2.1\n")] {
        let found = from_files("greet", hosts, resolv_conf).await.unwrap();
        assert_eq!(found, ["10.0.0.1", "10.0.0.2", "fd00::1"]);
        assert_eq!(from_files("GREET.example.", hosts, resolv_conf).await.unwrap(), ["10.0.0.1"]);
    }
}

#[tokio::test]
async fn a_machine_without_a_dns_configuration_says_so() {
    for (resolv_conf, why) in [
        (None, "not found"),
        (Some("search example\n"), "no nameservers"),
        (Some("\u{1}junk"), "no nameservers"),
    ] {
        let status = from_files("greet", "10.0.0.1 other", resolv_conf).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        let start = "'greet' cannot be looked up: the system's DNS configuration (/etc/resolv.conf) cannot be used: ";
        assert!(status.message().starts_with(start), "{status:?}");
        assert!(status.message().contains(why), "{status:?}");
    }
}
