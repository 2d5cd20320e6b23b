//! Pickers for the benchmarks of this crate, which are not a part of its API.
//!
//! Benchmarks see only what is public, and pickers are not. These are made by the policies themselves, as a channel has them made, over subchannels that are
//! READY without being connected to anything.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::time::Duration;
use tonic::Code;

use crate::policy::{CallEnd, CallTracker, Controller, NewSubchannel, Picker, PolicyConfig};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::{Endpoint, LoadReport, ServiceConfigError, Subchannel};

/// The picker of a policy, written as an entry of `loadBalancingConfig`, over so many READY endpoints, which have some calls in flight and have reported
/// loads that differ.
///
/// # Errors
/// When the policy is not known or its settings are not valid.
pub fn picker(policy: &str, endpoints: u32) -> Result<Arc<dyn Picker>, ServiceConfigError> {
    let entry = serde_json::from_str(policy)
        .map_err(|error| ServiceConfigError::new("", error.to_string()))?;
    let config = PolicyConfig::parse_list(&[(&entry, String::new())], "")?;
    let mut policy = config.build();
    let mut detached = Detached::default();
    policy.update(&list(endpoints)?, &config, &mut detached);
    for number in 0..detached.made.len() {
        let subchannel = detached.made[number].clone();
        policy.subchannel_changed(subchannel.id(), &SubchannelState::Connecting, &mut detached);
        policy.subchannel_changed(subchannel.id(), &SubchannelState::Ready, &mut detached);
        let calls = number % 5;
        (0..calls).for_each(|_| subchannel.calls().add());
        report(&detached.trackers[number], calls);
    }
    policy
        .picture()
        .map(|picture| picture.picker)
        .ok_or_else(|| ServiceConfigError::new("", "has no picture"))
}

fn list(endpoints: u32) -> Result<Vec<Endpoint>, ServiceConfigError> {
    (1..=endpoints)
        .map(|number| {
            let ip = Ipv4Addr::from_bits((10 << 24) + number);
            let authority = ip.to_string().parse();
            let authority =
                authority.map_err(|_| ServiceConfigError::new("", "has no authority"))?;
            Ok(Endpoint::new(SocketAddr::from((ip, 50051)), authority))
        })
        .collect()
}

/// The load of a server with so many calls.
fn report(trackers: &[Arc<dyn CallTracker>], calls: usize) {
    let load = LoadReport {
        rps_fractional: 100.0,
        application_utilization: [0.5, 0.55, 0.6, 0.65, 0.7][calls],
        ..LoadReport::default()
    };
    let end = CallEnd { code: Code::Ok, duration: Duration::ZERO, load: Some(&load) };
    for tracker in trackers {
        tracker.ended(&end);
    }
}

/// Makes subchannels that are never connected.
#[derive(Default)]
struct Detached {
    made: Vec<Arc<Subchannel>>,
    trackers: Vec<Vec<Arc<dyn CallTracker>>>,
}

impl Controller for Detached {
    fn new_subchannel(&mut self, new: NewSubchannel<'_>) -> Arc<Subchannel> {
        self.trackers.push(new.trackers.clone());
        let made = Arc::new(Subchannel::new(
            SubchannelId(self.made.len() as u64),
            new.address.clone(),
            new.endpoint.authority.clone(),
            new.trackers,
            Arc::default(),
        ));
        self.made.push(made.clone());
        made
    }

    fn request_resolution(&mut self) {}
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use http::HeaderMap;

    use super::*;
    use crate::policy::{Pick, PickArgs};

    #[test]
    fn pickers_pick_among_all_endpoints() {
        for (policy, expected) in [
            (r#"{"pick_first": {}}"#, 1),
            (r#"{"random": {}}"#, 10),
            (r#"{"round_robin": {}}"#, 10),
            (r#"{"least_request": {"choiceCount": 2}}"#, 10),
            (r#"{"least_request_experimental": {}}"#, 10),
            (r#"{"weighted_round_robin": {"blackoutPeriod": "0s"}}"#, 10),
            (r#"{"ring_hash": {"requestHashHeader": "user"}}"#, 10),
            (r#"{"ring_hash_experimental": {"requestHashHeader": "user"}}"#, 10),
        ] {
            fastrand::seed(7);
            let picker = picker(policy, 10).unwrap();
            let headers = HeaderMap::new();
            let picked: HashSet<_> = (0..1000)
                .filter_map(|_| {
                    match picker.pick(&PickArgs { path: "/a.B/C", headers: &headers }) {
                        Pick::Subchannel(subchannel) => Some(subchannel.id()),
                        _ => None,
                    }
                })
                .collect();
            assert_eq!(picked.len(), expected, "{policy}");
        }
        assert!(picker(r#"{"no_such_policy": {}}"#, 10).is_err());
        assert!(picker("not JSON", 10).is_err());
    }

    #[test]
    fn reported_loads_make_a_difference() {
        let picker = picker(r#"{"weighted_round_robin": {"blackoutPeriod": "0s"}}"#, 5).unwrap();
        assert!(
            format!("{picker:?}").contains("Stride"),
            "it is not plain turns that are measured"
        );
    }
}
