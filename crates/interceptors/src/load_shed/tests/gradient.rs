use tokio::time::{Duration, Instant};

use super::super::gradient::{Gradient, Window};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A limit that has found the ideal time to be 10 ms, with a limit low enough to tell.
fn measured(min: u32, max: u32, initial: u32) -> Gradient {
    let mut gradient = Gradient::new(min, max, initial, Instant::now());
    // The first window has nothing to be compared to, so half of the limit is tried as well, if it may be so low.
    while gradient.is_measuring() {
        busy(&mut gradient, millis(10), Instant::now());
    }
    assert_eq!((gradient.limit(), gradient.ideal()), (initial, millis(10)));
    gradient
}

/// Closes a window in which all of the limit was in use.
fn busy(gradient: &mut Gradient, time: Duration, now: Instant) -> u32 {
    let window = Window { time, peak: gradient.limit(), shed: true };
    gradient.close(window, now, 0.0);
    gradient.limit()
}

#[tokio::test(start_paused = true)]
async fn the_limit_goes_by_the_gradient_and_leaves_room_for_bursts() {
    for (time, expected) in [
        // 1.25 x 10 / 12.5 is 1, and the square root of 100 is 10.
        (12.5, 110),
        // 0.8 x 100, and the square root of that.
        (15.625, 88),
        (10.0, 136),
        (6.25, 214),
        // Never less than half.
        (1000.0, 57),
    ] {
        let time = Duration::from_secs_f64(time / 1000.0);
        let mut gradient = measured(3, 1000, 100);
        assert_eq!(busy(&mut gradient, time, Instant::now()), expected, "{time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_stays_between_its_bounds() {
    let mut gradient = measured(3, 110, 100);
    for _ in 0..5 {
        assert!(busy(&mut gradient, millis(10), Instant::now()) <= 110);
    }
    assert_eq!(gradient.limit(), 110);
    let mut gradient = measured(30, 110, 100);
    for _ in 0..5 {
        assert!(busy(&mut gradient, millis(1000), Instant::now()) >= 30);
    }
    assert_eq!(gradient.limit(), 30);
    let of = |min, max, initial| Gradient::new(min, max, initial, Instant::now()).limit();
    assert_eq!([of(3, 10, 100), of(3, 10, 1), of(0, 10, 0), of(20, 10, 5)], [10, 3, 1, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_which_less_than_half_is_in_use_does_not_change() {
    let mut gradient = measured(3, 1000, 100);
    for time in [1, 10, 1000] {
        let window = Window { time: millis(time), peak: 50, shed: false };
        gradient.close(window, Instant::now(), 0.0);
        assert_eq!((gradient.limit(), gradient.is_measuring()), (100, false));
    }
}

#[tokio::test(start_paused = true)]
async fn the_ideal_time_is_measured_at_lower_limits_as_long_as_calls_become_faster() {
    let mut gradient = Gradient::new(3, 1000, 160, Instant::now());
    let mut limits = vec![gradient.limit()];
    for time in [100, 50, 25, 12, 12] {
        limits.push(busy(&mut gradient, millis(time), Instant::now()));
    }
    assert_eq!(limits, [160, 80, 40, 20, 10, 160]);
    assert_eq!(gradient.ideal(), millis(12));
}

#[tokio::test(start_paused = true)]
async fn it_is_measured_after_a_minute_of_overload_with_jitter() {
    for (jitter, seconds) in [(0.0, 60), (1.0, 69)] {
        let start = Instant::now();
        let mut gradient = Gradient::new(3, 1000, 100, start);
        for time in [10, 10] {
            let window = Window { time: millis(time), peak: 100, shed: true };
            gradient.close(window, start, jitter);
        }
        let due = start + Duration::from_secs(seconds);
        busy(&mut gradient, millis(12), due - millis(1));
        assert!(!gradient.is_measuring());
        let limit = gradient.limit();
        assert_eq!(busy(&mut gradient, millis(12), due), limit / 2);
        assert!(gradient.is_measuring());
    }
}

#[tokio::test(start_paused = true)]
async fn a_measurement_without_load_costs_nothing_and_is_confirmed_under_load() {
    let start = Instant::now();
    let mut gradient = Gradient::new(3, 1000, 100, start);
    let idle = Window { time: millis(10), peak: 10, shed: false };
    gradient.close(idle, start, 0.0);
    assert!(!gradient.is_measuring());
    let due = start + Duration::from_secs(10);
    gradient.close(idle, due, 0.0);
    assert_eq!((gradient.is_measuring(), gradient.limit()), (true, 100), "the limit stays");
    gradient.close(Window { time: millis(20), ..idle }, due, 0.0);
    assert_eq!((gradient.is_measuring(), gradient.ideal()), (false, millis(20)));
    assert_eq!(busy(&mut gradient, millis(40), due), 50, "calls are refused: is it true?");
    assert_eq!(busy(&mut gradient, millis(10), due), 25);
    assert_eq!(busy(&mut gradient, millis(10), due), 100);
    assert_eq!(gradient.ideal(), millis(10));
    assert!(
        !{
            busy(&mut gradient, millis(10), due);
            gradient.is_measuring()
        },
        "it is certain now"
    );
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_stays_at_its_least_puts_the_ideal_time_in_doubt() {
    let now = Instant::now();
    let mut gradient = measured(3, 1000, 3);
    for _ in 0..5 {
        assert_eq!(busy(&mut gradient, millis(50), now), 3);
        assert!(!gradient.is_measuring());
    }
    busy(&mut gradient, millis(50), now);
    assert!(gradient.is_measuring());
    busy(&mut gradient, millis(50), now);
    assert_eq!(gradient.ideal(), millis(50));
    assert!(busy(&mut gradient, millis(50), now) > 3);
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_twice_as_fast_as_ideal_put_it_in_doubt() {
    let now = Instant::now();
    let mut gradient = measured(3, 1000, 100);
    busy(&mut gradient, millis(5), now);
    assert!(!gradient.is_measuring());
    let mut gradient = measured(3, 1000, 100);
    busy(&mut gradient, millis(4), now);
    assert!(gradient.is_measuring());
    busy(&mut gradient, millis(4), now);
    assert_eq!((gradient.is_measuring(), gradient.ideal()), (false, millis(4)));
}
