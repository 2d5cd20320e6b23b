use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// More would take memory, and the reader's time, for threads that rarely meet.
const MOST: usize = 8;

/// One `T` for each thread that may run at the same time as others, up to 8: threads that count in the same place hand its cache line to and fro, which takes
/// several times as long as counting.
#[derive(Debug)]
pub(crate) struct Striped<T>(Box<[Stripe<T>]>);

/// By itself in its cache lines; 128 bytes, as processors fetch lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe<T>(T);

impl<T> Striped<T> {
    pub(crate) fn new(make: impl FnMut() -> T) -> Self {
        let count = available_parallelism().map_or(1, usize::from).min(MOST);
        Self(std::iter::repeat_with(make).map(Stripe).take(count).collect())
    }

    /// The part of the thread that asks. Several may have the same one.
    pub(crate) fn mine(&self) -> &T {
        &self.0[thread_number() % self.0.len()].0
    }

    /// All parts, to be added up.
    pub(crate) fn each(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }

    pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|stripe| &mut stripe.0)
    }
}

/// Threads that ask are numbered in the order in which they come, so that those of one runtime have different parts.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        NUMBER.set(Some(number));
        number
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn nothing_is_lost_that_threads_count_in_their_parts() {
        let counts = Striped::new(|| AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..2 * MOST {
                scope.spawn(|| {
                    (0..1000).for_each(|_| {
                        counts.mine().fetch_add(1, Ordering::Relaxed);
                    });
                });
            }
        });
        let total: u64 = counts.each().map(|count| count.load(Ordering::Relaxed)).sum();
        assert_eq!(total, 16_000);
    }

    #[test]
    fn a_thread_keeps_its_part_and_threads_that_follow_each_other_have_different_ones() {
        let parts = Striped((0..4).map(Stripe).collect());
        let mine = *parts.mine();
        assert_eq!(mine, *parts.mine());
        let mut seen = [0; 4];
        for _ in 0..64 {
            let part = std::thread::scope(|scope| scope.spawn(|| *parts.mine()).join().unwrap());
            seen[part] += 1;
        }
        assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
    }
}
