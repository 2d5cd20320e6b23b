//! What a server gets to set itself up with.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wayside_balance::{Channel, ClientTls, Target, TlsError};

/// What a server gets to set itself up with: channels to other servers, and background work that ends with it: no task outlives
/// [`Prepared::serve`](crate::Prepared::serve).
#[derive(Clone, Debug, Default)]
pub struct Setup {
    end: CancellationToken,
    tracker: TaskTracker,
    tls: Option<ClientTls>,
}

impl Setup {
    /// A setup whose channels are encrypted if `tls` says how.
    pub(crate) fn new(tls: Option<ClientTls>) -> Self {
        Self { tls, ..Self::default() }
    }

    /// A channel to another server, encrypted if this process has a CA to verify servers with.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn channel(&self, target: &Target) -> Result<Channel, TlsError> {
        match &self.tls {
            Some(tls) => Channel::connect_lazy_tls(target, tls),
            None => Ok(Channel::connect_lazy(target)),
        }
    }

    /// Runs a future in the background. It is dropped, wherever it is, when the server has ended.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        self.tracker.spawn(async move {
            end.run_until_cancelled(work).await;
        });
    }

    /// Ends all work and waits until it is gone.
    pub(crate) async fn end(&self) {
        self.end.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn end_drops_work_that_would_never_finish() {
        let setup = Setup::default();
        let held = Arc::new(());
        let inside = held.clone();
        setup.spawn(async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        });
        setup.end().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
