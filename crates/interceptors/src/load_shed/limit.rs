/// How many calls may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Always so many. 0 refuses every call.
    Fixed(u32),
    /// As many as the server can do without making them wait, and a few more, found by how long calls take.
    ///
    /// The time of a call is that to the head of its response: all of a unary call, and of a stream the time to its beginning. It is compared
    /// to the time that calls take when few are in flight: `gradient = 1.25 × ideal / now`, `limit = gradient × limit`, and the square
    /// root of that on top, for calls that come in bursts. Times are 90th percentiles, of windows of 100 ms, or longer ones while calls
    /// take longer than 50 ms. The limit does not change while less than half of it is in use, as nothing is learnt then.
    ///
    /// The ideal time is measured anew every 10 s while less than half of the limit is in use, which costs nothing. While calls are refused,
    /// it is measured at once and then every minute by lowering the limit for 50 calls at a time, to a half, and to a half of that as long as this makes calls
    /// faster. Calls that fail or are given up count if they took longer than the ideal time, as then they say that it is too late;
    /// others, such as those without a valid token, say nothing about the load.
    ///
    /// Sources: Envoy's adaptive concurrency filter (gradient controller) and Netflix's concurrency-limits (Gradient2). Unlike Envoy, no limit of 3
    /// stops nearly all calls while the ideal time is measured, and a server without load does not grow a limit that it has never tried.
    Adaptive {
        /// The limit never falls below this, nor below 1. It should be lower than what the server can do at the same time: what it is given
        /// at the least is what is taken for ideal.
        min: u32,
        /// The limit never grows above this.
        max: u32,
        /// The limit at first, brought between the two others.
        initial: u32,
    },
}

impl Limit {
    /// An adaptive limit with the defaults: 20 at first (Netflix), never below 3 or above 1,000 (Envoy).
    pub fn adaptive() -> Self {
        Self::Adaptive { min: 3, max: 1000, initial: 20 }
    }
}

/// What a limit does now, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// The calls that may be in flight.
    pub limit: u32,
    /// Those that are.
    pub in_flight: u32,
    /// Those that have been refused since the start.
    pub shed: u64,
}
