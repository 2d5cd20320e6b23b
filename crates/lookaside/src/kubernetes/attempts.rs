//! When the API server is asked again.

use tokio::sync::{Mutex, watch};
use tokio::time::{Duration, Instant, sleep_until};
use wayside_balance::ResolveNow;

use super::error::KubernetesError;

/// From the start of one attempt to that of the next. With a fifth more at most, and an answer that takes no longer than the rest of the second, a
/// resolver is back within a second of the API server, however long it was away.
const PACE: Duration = Duration::from_millis(500);
/// Twice as long after each refusal, from the first to the last of these.
const REFUSAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// The longest time for which an API server that has too much to do can send a resolver away.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(10);

/// The attempts of one resolver.
#[derive(Debug)]
pub(super) struct Attempts {
    /// The next begins no earlier than this, and no later than that.
    next: (Instant, Instant),
    refusal: Duration,
}

impl Attempts {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { next: (now, now), refusal: REFUSAL.0 }
    }

    /// Waits until the next attempt may begin. What the channel wants counts after a refusal only: nothing else lasts long.
    pub(super) async fn turn(&mut self, resolve_now: &ResolveNow) {
        let (earliest, latest) = self.next;
        tokio::select! {
            biased;
            () = sleep_until(latest) => {}
            () = resolve_now.wanted() => sleep_until(earliest.min(latest)).await,
        }
        let next = Instant::now() + jittered(PACE);
        self.next = (next, next);
    }

    /// Takes the outcome of an attempt into account.
    pub(super) fn ended(&mut self, error: Option<&KubernetesError>) {
        let now = Instant::now();
        match error {
            Some(error) if error.is_for_an_administrator() => {
                self.next = (now + REFUSAL.0, now + jittered(self.refusal));
                self.refusal = (self.refusal * 2).min(REFUSAL.1);
            }
            Some(KubernetesError::Overloaded { retry_after: Some(after), .. }) => {
                let until = now + jittered(*after.min(&LONGEST_RETRY_AFTER));
                self.next = (self.next.0.max(until), self.next.1.max(until));
            }
            Some(_) => {}
            None => self.refusal = REFUSAL.0,
        }
    }
}

/// What the resolvers of a process know together of whether the API server is there.
#[derive(Debug)]
pub(super) struct Outage {
    down: watch::Sender<bool>,
    /// When the next of them may try.
    next: Mutex<Instant>,
}

impl Outage {
    pub(super) fn new() -> Self {
        Self { down: watch::Sender::new(false), next: Mutex::new(Instant::now()) }
    }

    /// Makes a request; while the API server is down, when it is this resolver's turn.
    pub(super) async fn attempt<T>(
        &self,
        request: impl Future<Output = Result<T, KubernetesError>>,
    ) -> Result<T, KubernetesError> {
        let mut down = self.down.subscribe();
        tokio::select! {
            biased;
            // The sender is in self, so it is not gone.
            _ = down.wait_for(|down| !down) => {}
            () = self.turn() => {}
        }
        let result = request.await;
        let is_down = result.as_ref().is_err_and(KubernetesError::is_outage);
        self.down.send_if_modified(|down| std::mem::replace(down, is_down) != is_down);
        result
    }

    async fn turn(&self) {
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        *next = Instant::now() + PACE;
    }
}

/// Up to a fifth more, so that the resolvers of many processes do not go on asking at the same moment at which all of them lost the API server.
fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(fastrand::f64().mul_add(0.2, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> KubernetesError {
        KubernetesError::Configuration("none".into())
    }

    async fn waited(attempts: &mut Attempts, resolve_now: &ResolveNow) -> f64 {
        let start = Instant::now();
        attempts.turn(resolve_now).await;
        start.elapsed().as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_begin_half_a_second_apart_however_many_there_were() {
        let (mut attempts, nobody) = (Attempts::new(), ResolveNow::default());
        assert!(waited(&mut attempts, &nobody).await < 0.001, "the first begins at once");
        for _ in 0..200 {
            attempts.ended(Some(&KubernetesError::Unreachable("refused".into())));
            let delay = waited(&mut attempts, &nobody).await;
            assert!((0.5..0.602).contains(&delay), "{delay}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_followed_by_up_to_ten_seconds_which_a_wish_shortens_to_one() {
        let (mut attempts, resolve_now) = (Attempts::new(), ResolveNow::default());
        for nominal in [1.0, 2.0, 4.0, 8.0, 10.0, 10.0] {
            attempts.ended(Some(&refused()));
            let delay = waited(&mut attempts, &resolve_now).await;
            assert!((nominal..nominal * 1.2 + 0.002).contains(&delay), "{delay} for {nominal}");
        }
        attempts.ended(Some(&refused()));
        resolve_now.want();
        let delay = waited(&mut attempts, &resolve_now).await;
        assert!((1.0..1.002).contains(&delay), "{delay}");
        attempts.ended(None);
        attempts.ended(Some(&refused()));
        assert!(waited(&mut attempts, &resolve_now).await < 1.202, "success begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_with_too_much_to_do_says_for_how_long_within_limits() {
        for (says, nominal) in [(3, 3.0), (3600, 10.0)] {
            let mut attempts = Attempts::new();
            attempts.ended(Some(&KubernetesError::Overloaded {
                code: http::StatusCode::TOO_MANY_REQUESTS,
                message: String::new(),
                retry_after: Some(Duration::from_secs(says)),
            }));
            let delay = waited(&mut attempts, &ResolveNow::default()).await;
            assert!((nominal..nominal * 1.2 + 0.002).contains(&delay), "{delay} for {nominal}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_resolvers_ask_a_dead_api_server_twice_a_second_and_are_all_back_at_once() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

        let outage = Arc::new(Outage::new());
        let asked = Arc::new(AtomicU32::new(0));
        let is_back = Arc::new(AtomicBool::new(false));
        let mut resolvers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (outage, asked, is_back) = (outage.clone(), asked.clone(), is_back.clone());
            resolvers.spawn(async move {
                let (mut attempts, nobody) = (Attempts::new(), ResolveNow::default());
                loop {
                    attempts.turn(&nobody).await;
                    let request = async {
                        asked.fetch_add(1, Ordering::Relaxed);
                        match is_back.load(Ordering::Relaxed) {
                            true => Ok(()),
                            false => Err(KubernetesError::Unreachable("refused".into())),
                        }
                    };
                    if outage.attempt(request).await.is_ok() {
                        return;
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        asked.store(0, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let asked = asked.load(Ordering::Relaxed);
        assert!((110..=121).contains(&asked), "{asked} requests in a minute");
        is_back.store(true, Ordering::Relaxed);
        let start = Instant::now();
        while resolvers.join_next().await.is_some() {}
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}
