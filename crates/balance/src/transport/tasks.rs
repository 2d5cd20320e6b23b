//! What hyper wants run for a connection, run by the task that drives it.
//!
//! hyper gives what reads and writes a connection, and each call's wait for its response, to an executor. As tasks of the runtime they would be queued one by one, and threads be
//! woken to take a wait off another's hands only to find that there is nothing to do yet. In one task, requests that have come together leave in one write, and
//! responses that have come together wake their callers one after the other.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hyper::rt::Executor;
use tokio::runtime::Handle;

use super::own_task::OwnTask;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tasks that were begun and not looked at yet.
#[derive(Default)]
struct Begun(Mutex<Vec<Task>>);

impl Begun {
    fn lock(&self) -> MutexGuard<'_, Vec<Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tasks of one connection. Completes when there is none left.
#[derive(Default)]
pub(super) struct Tasks {
    begun: Arc<Begun>,
    running: FuturesUnordered<Task>,
}

impl Tasks {
    /// What gives tasks to these, and those that send a stream to the runtime. A task that comes when these are gone is dropped.
    pub(super) fn executor(&self, own_task: OwnTask) -> TasksExecutor {
        TasksExecutor { begun: Arc::downgrade(&self.begun), own_task }
    }

    /// Runs what is left in a task of the runtime; when there is no runtime any more, nobody waits for it.
    pub(super) fn go_on_alone(self) {
        self.look_for_new();
        if !self.running.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self);
        }
    }

    /// Whether any was begun since this was last called.
    fn look_for_new(&self) -> bool {
        let mut begun = self.begun.lock();
        let any = !begun.is_empty();
        begun.drain(..).for_each(|task| self.running.push(task));
        any
    }
}

impl Future for Tasks {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.look_for_new();
        loop {
            match self.running.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) if !self.look_for_new() => return Poll::Ready(()),
                Poll::Pending if !self.look_for_new() => return Poll::Pending,
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
    }
}

/// Where hyper puts the tasks of a connection.
#[derive(Clone)]
pub(super) struct TasksExecutor {
    begun: Weak<Begun>,
    own_task: OwnTask,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for TasksExecutor {
    fn execute(&self, task: F) {
        if self.own_task.is_due() {
            tokio::spawn(task);
        } else if let Some(begun) = self.begun.upgrade() {
            begun.lock().push(Box::pin(task));
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tokio::sync::mpsc::{Receiver, channel};
    use tokio::task::yield_now;
    use tokio::time::{Duration, timeout};
    use tonic::body::Body;

    use super::*;

    fn tasks() -> (Tasks, TasksExecutor) {
        let tasks = Tasks::default();
        let executor = tasks.executor(OwnTask::default());
        (tasks, executor)
    }

    fn all(mut told: Receiver<u32>) -> Vec<u32> {
        std::iter::from_fn(|| told.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn tasks_that_a_task_begins_are_run_as_well() {
        let (tasks, executor) = tasks();
        let (tell, told) = channel(4);
        let inner = executor.clone();
        executor.execute(async move {
            yield_now().await;
            let last = tell.clone();
            inner.execute(async move {
                yield_now().await;
                last.try_send(2).unwrap();
            });
            tell.try_send(1).unwrap();
        });
        tasks.await;
        assert_eq!(all(told), [1, 2]);
    }

    #[tokio::test]
    async fn what_is_left_goes_on_without_the_driver_and_then_nothing_is_kept() {
        let (mut tasks, executor) = tasks();
        let (tell, mut told) = channel(4);
        let (go, wait) = tokio::sync::oneshot::channel();
        let begun = tell.clone();
        executor.execute(async move {
            begun.try_send(1).unwrap();
            wait.await.unwrap();
            begun.try_send(2).unwrap();
        });
        let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut tasks).poll(cx)));
        assert!(polled.await.is_pending());
        executor.execute(async move { tell.try_send(3).unwrap() });
        tasks.go_on_alone();
        go.send(()).unwrap();
        let mut seen = Vec::new();
        while let Some(number) = told.recv().await {
            seen.push(number);
        }
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
        assert!(executor.begun.upgrade().is_none());
        executor.execute(async { panic!("nobody is there to run it") });
    }

    #[tokio::test]
    async fn a_stream_has_a_task_of_the_runtime() {
        let own_task = OwnTask::default();
        let tasks = Tasks::default();
        let executor = tasks.executor(own_task.clone());
        let (tell, mut told) = channel(4);
        let body = own_task.body(Body::new(Full::from("x")));
        http_body::Body::size_hint(&body);
        executor.execute(async move { tell.try_send(1).unwrap() });
        // Nobody polls the tasks.
        let told = timeout(Duration::from_secs(10), told.recv()).await;
        assert_eq!(told.unwrap(), Some(1));
        drop((body, tasks));
    }
}
