//! Whose turn it is among things that are compared: their turns are short, so that whatever disturbs the machine disturbs all of them.

use tokio::time::Duration;

/// How long a turn is: not much longer than other programs disturb for.
pub(crate) const TURN: Duration = Duration::from_millis(250);

/// Numbers of players, whose turns come one after the other until each has had `time`: there and back again, as who is first may have the cooler machine.
pub(crate) fn turns(players: usize, time: Duration) -> impl Iterator<Item = usize> {
    (0..time.as_millis().div_ceil(TURN.as_millis())).flat_map(move |round| {
        let back = round % 2 == 1;
        (0..players).map(move |place| if back { players - 1 - place } else { place })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_the_time_and_nobody_is_always_the_first() {
        assert_eq!(turns(3, TURN * 2).collect::<Vec<_>>(), [0, 1, 2, 2, 1, 0]);
        let more = turns(2, TURN * 2 + Duration::from_millis(1)).collect::<Vec<_>>();
        assert_eq!(more, [0, 1, 1, 0, 0, 1], "a part of a turn is a turn");
    }
}
