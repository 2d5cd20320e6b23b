/// The upper bounds of a histogram's buckets. Values are counted as whole numbers, which can be added without a lock, and are told in a larger unit.
#[derive(Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The largest value of each bucket; one more bucket takes what is larger than all.
    pub(super) upper: &'static [u64],
    /// How many of what is counted make one of what is told.
    pub(super) per_unit: u64,
}

impl Bounds {
    /// Bounds in the unit that is counted, ascending, and how many of it make the unit that is told.
    pub const fn new(upper: &'static [u64], per_unit: u64) -> Self {
        Self { upper, per_unit }
    }

    /// A counted value as it is told.
    pub(super) fn told(&self, counted: u64) -> f64 {
        counted as f64 / self.per_unit as f64
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = NANOS_PER_SECOND;

/// How long calls take: counted in nanoseconds, told in seconds. Source: gRFC A66, "Units".
pub static LATENCY: Bounds = Bounds::new(
    &[
        0,
        10 * US,
        50 * US,
        100 * US,
        300 * US,
        600 * US,
        800 * US,
        MS,
        2 * MS,
        3 * MS,
        4 * MS,
        5 * MS,
        6 * MS,
        8 * MS,
        10 * MS,
        13 * MS,
        16 * MS,
        20 * MS,
        25 * MS,
        30 * MS,
        40 * MS,
        50 * MS,
        65 * MS,
        80 * MS,
        100 * MS,
        130 * MS,
        160 * MS,
        200 * MS,
        250 * MS,
        300 * MS,
        400 * MS,
        500 * MS,
        650 * MS,
        800 * MS,
        S,
        2 * S,
        5 * S,
        10 * S,
        20 * S,
        50 * S,
        100 * S,
    ],
    NANOS_PER_SECOND,
);

/// How long requests of plain HTTP take: counted in nanoseconds, told in seconds. Source: OpenTelemetry, "Semantic conventions for HTTP metrics",
/// `http.server.request.duration`.
pub static HTTP_LATENCY: Bounds = Bounds::new(
    &[
        5 * MS,
        10 * MS,
        25 * MS,
        50 * MS,
        75 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        750 * MS,
        S,
        2_500 * MS,
        5 * S,
        7_500 * MS,
        10 * S,
    ],
    NANOS_PER_SECOND,
);

/// How large messages are, in bytes. Source: gRFC A66, "Units".
pub static SIZE: Bounds = Bounds::new(
    &[
        0,
        1 << 10,
        2 << 10,
        4 << 10,
        16 << 10,
        64 << 10,
        256 << 10,
        1 << 20,
        4 << 20,
        16 << 20,
        64 << 20,
        256 << 20,
        1 << 30,
        4 << 30,
    ],
    1,
);

/// Retries, or hedges, of a call. Source: gRFC A96.
pub static RETRIES: Bounds = Bounds::new(&[1, 2, 3, 4, 5], 1);

/// Retries of a call that no policy is asked about. Source: gRFC A96.
pub static TRANSPARENT_RETRIES: Bounds = Bounds::new(&[1, 2, 3, 4, 5, 10], 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_and_size_have_the_buckets_of_the_grfc() {
        let latency = "0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013, 0.016, 0.02, \
            0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100";
        let size = "0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456, 1073741824, 4294967296";
        for (bounds, expected) in [(&LATENCY, latency), (&SIZE, size)] {
            let told: Vec<_> = bounds.upper.iter().map(|at| bounds.told(*at).to_string()).collect();
            assert_eq!(told.join(", "), expected);
        }
    }
}
