use std::num::NonZeroU32;

use tokio::time::Duration;

/// The longest that a quota which was used up may need to be whole again. It keeps every sum in nanoseconds far from 64 bits.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How many calls may be made: so many in a time, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota(governor::Quota);

impl Quota {
    /// `calls` a second, spread evenly, and up to `burst` at once after a pause.
    ///
    /// # Errors
    /// When one of the two is zero.
    pub fn per_second(calls: u32, burst: u32) -> Result<Self, InvalidQuota> {
        Self::per(Duration::from_secs(1), calls, burst)
    }

    /// `calls` a minute, spread evenly, and up to `burst` at once after a pause.
    ///
    /// # Errors
    /// When one of the two is zero, or the burst takes more than a year to be whole again.
    pub fn per_minute(calls: u32, burst: u32) -> Result<Self, InvalidQuota> {
        Self::per(Duration::from_secs(60), calls, burst)
    }

    fn per(time: Duration, calls: u32, burst: u32) -> Result<Self, InvalidQuota> {
        let (Some(calls), Some(burst)) = (NonZeroU32::new(calls), NonZeroU32::new(burst)) else {
            return Err(InvalidQuota::Nothing);
        };
        // Of more than a billion calls a second each would take no time.
        let one = (time / calls.get()).max(Duration::from_nanos(1));
        match governor::Quota::with_period(one) {
            Some(quota) if one.as_nanos() * u128::from(burst.get()) <= LONGEST.as_nanos() => {
                Ok(Self(quota.allow_burst(burst)))
            }
            _ => Err(InvalidQuota::TooLong),
        }
    }

    pub(super) fn governor(self) -> governor::Quota {
        self.0
    }
}

/// Why numbers do not make a [`Quota`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuota {
    /// It would never allow a call.
    #[error("a quota of no calls")]
    Nothing,
    /// Whoever uses it up would have to wait for longer than a year until it is whole again.
    #[error("a burst that takes more than a year to be whole again")]
    TooLong,
}
