use super::{InFlight, ReportedWeight, Stride, Turns, Unusable};

/// How often each is picked in this many picks.
fn counts(stride: &Stride, turns: &Turns, endpoints: usize, picks: usize) -> Vec<u32> {
    let mut counts = vec![0; endpoints];
    for _ in 0..picks {
        counts[stride.pick(turns)] += 1;
    }
    counts
}

fn known(weights: &[f32]) -> Vec<Option<f32>> {
    weights.iter().copied().map(Some).collect()
}

#[test]
fn turns_are_numbered_without_a_gap() {
    let turns = Turns::starting_at(usize::MAX);
    assert_eq!([turns.take(), turns.take(), turns.take()], [usize::MAX, 0, 1]);
}

#[test]
fn picks_are_in_proportion_to_weights_over_every_period() {
    for weights in [&[1.0, 2.0, 3.0][..], &[5.0, 5.0, 5.0, 1.0], &[0.001, 0.002], &[1e30, 2e30]] {
        let stride = Stride::new(&known(weights)).unwrap();
        let turns = Turns::starting_at(12_345);
        let sum = weights.iter().map(|&w| f64::from(w)).sum::<f64>();
        let counts = counts(&stride, &turns, weights.len(), 100_000);
        for (&count, &weight) in counts.iter().zip(weights) {
            let expected = 100_000.0 * f64::from(weight) / sum;
            assert!((f64::from(count) - expected).abs() < 5.0, "{counts:?} for {weights:?}");
        }
    }
}

#[test]
fn picks_are_spread_evenly_in_time() {
    // Of 60 picks each gets its share within one or two, wherever they begin.
    let stride = Stride::new(&known(&[1.0, 2.0, 3.0])).unwrap();
    let turns = Turns::starting_at(0);
    for _ in 0..1000 {
        let counts = counts(&stride, &turns, 3, 60);
        for (count, expected) in counts.iter().zip([10, 20, 30]) {
            assert!(count.abs_diff(expected) <= 2, "{counts:?}");
        }
    }
}

#[test]
fn neighbours_of_the_same_weight_pass_in_different_rounds() {
    // Were both passed over in the same round, the third would be picked twice in a row.
    let stride = Stride::new(&known(&[1.0, 1.0, 2.0])).unwrap();
    let turns = Turns::starting_at(0);
    let picks: Vec<_> = (0..1000).map(|_| stride.pick(&turns)).collect();
    assert!(picks.windows(2).all(|pair| pair != [2, 2]), "{:?}", &picks[..20]);
}

#[test]
fn weights_that_tell_nothing_apart_are_no_schedule() {
    for weights in [
        &[][..],
        &[None],
        &[Some(1.0)],
        &[None, None, None],
        &[Some(1.0), None, None],
        &[Some(2.0), Some(2.0)],
        &[Some(2.0), None, Some(2.0)],
        // Less apart than the scheduler can tell.
        &[Some(1.0), Some(1.000_001)],
    ] {
        assert_eq!(Stride::new(weights), None, "{weights:?}");
    }
}

#[test]
fn unknown_weight_is_the_mean_of_the_known() {
    let unknown = Stride::new(&[Some(1.0), None, Some(3.0)]);
    assert!(unknown.is_some());
    assert_eq!(unknown, Stride::new(&known(&[1.0, 2.0, 3.0])));
}

#[test]
fn weights_are_kept_between_a_hundredth_of_the_mean_and_ten_times_it() {
    let mut weights = vec![1.0; 100];
    weights[0] = 1e6;
    let stride = Stride::new(&known(&weights)).unwrap();
    let mean = (1e6 + 99.0) / 100.0_f64;
    let counts = counts(&stride, &Turns::starting_at(0), 100, 1_000_000);
    // Ten times the mean against 99 of a hundredth of it.
    let all = 10.0 * mean + 99.0 * 0.01 * mean;
    let expected = 1e6 * 10.0 * mean / all;
    assert!((f64::from(counts[0]) / expected - 1.0).abs() < 0.01, "{}", counts[0]);
    let expected = 1e6 * 0.01 * mean / all;
    for count in &counts[1..] {
        assert!((f64::from(*count) / expected - 1.0).abs() < 0.05, "{count}");
    }
}

#[test]
fn reported_weight_keeps_what_the_scheduler_can_tell_apart() {
    for weight in [1.0, 0.1, 123_456.7, f32::MAX, f32::MIN_POSITIVE, 1e-40, f32::from_bits(1)] {
        for time in [0, 1, 34 * 365 * 86_400_000] {
            let reported = ReportedWeight::new();
            reported.report(weight, time);
            let got = reported.get(time, u64::MAX, 0).unwrap();
            assert!(
                got > 0.0 && (got - weight).abs() <= weight.max(f32::MIN_POSITIVE) / 65_536.0,
                "{weight}"
            );
            assert_eq!(reported.get(time, 1, 0), Ok(got), "the time of {weight} is kept too");
            assert_eq!(reported.get(time + 1, 1, 0), Err(Unusable::Stale));
        }
    }
}

#[test]
fn reported_weight_is_used_after_its_blackout_and_before_it_expires() {
    let reported = ReportedWeight::new();
    let get = |now| reported.get(now, 100, 10);
    let (not_yet, stale) = (Err(Unusable::NotYet), Err(Unusable::Stale));
    assert_eq!(get(0), not_yet, "no report");
    reported.report(2.0, 1000);
    reported.report(3.0, 1005);
    for (now, expected) in [
        // A report that came after the clock was read.
        (999, not_yet),
        (1009, not_yet),
        (1010, Ok(3.0)),
        (1104, Ok(3.0)),
        (1105, stale),
        // It has expired once and for all.
        (1104, not_yet),
        (1106, stale),
    ] {
        assert_eq!(get(now), expected, "at {now}");
    }
    reported.report(4.0, 1200);
    assert_eq!([get(1209), get(1210)], [not_yet, Ok(4.0)], "the blackout applies again");
    reported.restart();
    assert_eq!(get(1211), not_yet);
    reported.report(5.0, 1211);
    assert_eq!([get(1220), get(1221)], [not_yet, Ok(5.0)], "and after a restart");
}

#[test]
fn calls_are_counted() {
    let calls = InFlight::new();
    calls.add();
    calls.add();
    calls.remove();
    assert_eq!(calls.get(), 1);
}

#[test]
#[should_panic(expected = "more calls have ended than have begun")]
#[cfg(debug_assertions)]
fn call_that_ends_twice_is_found_in_tests() {
    let calls = InFlight::new();
    calls.add();
    calls.remove();
    calls.remove();
}
