//! The strategies: ways for a client to call three servers. Adding one is adding an entry.

use super::protocol::Stack;

/// A way for a client to use several servers.
#[derive(Debug)]
pub(crate) struct Strategy {
    /// What it is called on the command line and in the table.
    pub(crate) name: &'static str,
    /// What it is, for somebody who has not read gRPC's documents.
    pub(crate) about: &'static str,
    client: Client,
}

#[derive(Debug)]
enum Client {
    TonicOne,
    TonicBalance { attempts: u32 },
    TonicCounter,
    Grpcio { service_config: &'static str },
    Wayside { service_config: &'static str, connections: u32 },
}

const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;
/// Of two draws with replacement, both are the slow one of three in a ninth of all picks, whatever its load; of five hardly ever. Source: gRFC A48.
const LEAST_REQUEST: &str =
    r#"{"loadBalancingConfig":[{"least_request_experimental":{"choiceCount":5}}]}"#;
const PICK_FIRST: &str = r#"{"loadBalancingConfig":[{"pick_first":{}}]}"#;
/// The first wait is short because the other servers are well.
const ROUND_ROBIN_RETRY: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}],"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":4,"initialBackoff":"0.05s","maxBackoff":"1s","backoffMultiplier":2,"retryableStatusCodes":["UNAVAILABLE"]}}]}"#;

/// Every strategy, in the order of the table: stock first, ours last.
pub(crate) static STRATEGIES: [Strategy; 11] = [
    Strategy {
        name: "tonic-one",
        about: "tonic's Channel to one server, as in its first example",
        client: Client::TonicOne,
    },
    Strategy {
        name: "tonic-balance",
        about: "tonic's Channel::balance_list over all servers",
        client: Client::TonicBalance { attempts: 1 },
    },
    Strategy {
        name: "tonic-naive-retry",
        about: "the same, and a call that fails is made again at once, three attempts in all",
        client: Client::TonicBalance { attempts: 3 },
    },
    Strategy {
        name: "tonic-counter",
        about: "a tonic Channel to each server, and a counter that says whose turn it is",
        client: Client::TonicCounter,
    },
    Strategy {
        name: "grpcio",
        about: "Python's grpcio, which is gRPC's C core, with round_robin",
        client: Client::Grpcio { service_config: ROUND_ROBIN },
    },
    Strategy {
        name: "grpcio-retry",
        about: "the same with a retryPolicy of 4 attempts",
        client: Client::Grpcio { service_config: ROUND_ROBIN_RETRY },
    },
    Strategy {
        name: "round_robin",
        about: "wayside-balance: every server in turn",
        client: Client::Wayside { service_config: ROUND_ROBIN, connections: 1 },
    },
    Strategy {
        name: "least_request",
        about: "wayside-balance: of five draws at random the server with the fewest calls in flight",
        client: Client::Wayside { service_config: LEAST_REQUEST, connections: 1 },
    },
    Strategy {
        name: "pool",
        about: "wayside-balance: round_robin with up to 4 connections to each server",
        client: Client::Wayside { service_config: ROUND_ROBIN, connections: 4 },
    },
    Strategy {
        name: "pick_first",
        about: "wayside-balance: one server until it is gone, then the next",
        client: Client::Wayside { service_config: PICK_FIRST, connections: 1 },
    },
    Strategy {
        name: "round_robin-retry",
        about: "wayside-balance: every server in turn, with a retryPolicy of 4 attempts",
        client: Client::Wayside { service_config: ROUND_ROBIN_RETRY, connections: 1 },
    },
];

impl Strategy {
    /// The strategy of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        STRATEGIES.iter().find(|strategy| strategy.name == name)
    }

    /// Whether it is ours, and so held to a bar.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.client, Client::Wayside { .. })
    }

    /// Whether its service config has a retry policy.
    pub(crate) fn retries(&self) -> bool {
        self.service_config() == Some(ROUND_ROBIN_RETRY)
    }

    /// Whether it takes the servers exactly in turn.
    pub(crate) fn takes_turns(&self) -> bool {
        matches!(self.service_config(), Some(ROUND_ROBIN | ROUND_ROBIN_RETRY))
    }

    /// Whether it has several connections to each server.
    pub(crate) fn has_pool(&self) -> bool {
        matches!(self.client, Client::Wayside { connections: 2.., .. })
    }

    /// Whether it has one server in use at a time.
    pub(crate) fn uses_one_server(&self) -> bool {
        matches!(self.client, Client::TonicOne) || self.service_config() == Some(PICK_FIRST)
    }

    /// Whether it avoids a server with many calls in flight.
    pub(crate) fn counts_requests(&self) -> bool {
        self.service_config() == Some(LEAST_REQUEST)
    }

    fn service_config(&self) -> Option<&'static str> {
        match self.client {
            Client::Grpcio { service_config } | Client::Wayside { service_config, .. } => {
                Some(service_config)
            }
            _ => None,
        }
    }

    /// What its client process is told.
    pub(crate) fn stack(&self) -> Stack {
        match self.client {
            Client::TonicOne => Stack::TonicOne,
            Client::TonicBalance { attempts } => Stack::TonicBalance { attempts },
            Client::TonicCounter => Stack::TonicCounter,
            Client::Grpcio { service_config } => {
                Stack::Grpcio { service_config: service_config.to_owned() }
            }
            Client::Wayside { service_config, connections } => {
                Stack::Wayside { service_config: service_config.to_owned(), connections }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_config_is_json_and_every_name_is_found_again() {
        for strategy in &STRATEGIES {
            assert!(std::ptr::eq(Strategy::named(strategy.name).unwrap(), strategy));
            if let Some(service_config) = strategy.service_config() {
                let parsed = serde_json::from_str::<serde_json::Value>(service_config).unwrap();
                assert_eq!(strategy.retries(), parsed.get("methodConfig").is_some());
            }
        }
    }
}
