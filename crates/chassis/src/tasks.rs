//! Work of a server beside its calls.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs a server's background work, and ends it with the server: no task outlives [`Prepared::serve`](crate::Prepared::serve).
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    end: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
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
        let tasks = Tasks::default();
        let held = Arc::new(());
        let inside = held.clone();
        tasks.spawn(async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        });
        tasks.end().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
