use tokio::time::{Duration, Instant};

/// Longer than anything waits: thirty years.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The instant after some time. A time that no clock could add, as a configuration or a server may name it, is as good as thirty years.
pub(crate) fn after(from: Instant, time: Duration) -> Instant {
    from + time.min(FOREVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_there_is_can_be_waited_for() {
        let now = Instant::now();
        assert_eq!(after(now, Duration::from_secs(7)), now + Duration::from_secs(7));
        assert!(after(now, Duration::MAX) > now + Duration::from_secs(900_000_000));
    }
}
