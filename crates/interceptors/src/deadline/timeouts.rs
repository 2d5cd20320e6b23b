use tokio::time::Duration;

/// How long the calls of a method may take. The default is as long as they want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// The timeout of a call whose caller has set none. None: the maximum, and without one no timeout.
    pub default: Option<Duration>,
    /// The longest timeout.
    pub max: Option<Duration>,
}

impl Timeouts {
    /// The timeout of a call whose caller asks for `wanted`.
    pub(crate) fn apply(self, wanted: Option<Duration>) -> Option<Duration> {
        let timeout = wanted.or(self.default);
        [timeout, self.max].into_iter().flatten().min()
    }
}
