//! Turns in proportion to weights. Source: grpc/grpc `static_stride_scheduler.cc`, the scheduler of gRFC A58.

use super::turns::Turns;

/// What the largest weight is scaled to.
const MAX: u16 = u16::MAX;
/// Weights above this many times the mean count as this many: a pick then tries ten turns at most, on average.
const MAX_RATIO: f64 = 10.0;
/// Weights below this share of the mean count as this share: an endpoint that is hardly ever picked would hardly ever report that it is better again.
const MIN_RATIO: f64 = 0.01;

/// Which of several is picked at which turn.
///
/// Turns go round as if all weights were the same, and one of weight `w` lets its turn pass in all but `w` of [`MAX`] rounds, evenly spread. Threads share
/// nothing but the number of the turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stride {
    weights: Box<[u16]>,
}

impl Stride {
    /// Takes the weights, `None` being one that is not known, which gets the mean of the others.
    ///
    /// `None` when there is nothing to tell apart, and plain turns are right: fewer than two weights are known, or all are the same.
    pub(crate) fn new(weights: &[Option<f32>]) -> Option<Self> {
        let known = || weights.iter().flatten().map(|&weight| f64::from(weight));
        let count = known().count();
        if count < 2 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^52 endpoints")]
        let mean = known().sum::<f64>() / count as f64;
        let max = known().fold(0.0, f64::max).min(mean * MAX_RATIO);
        let scale = |weight: f64| {
            let scaled = (weight.clamp(mean * MIN_RATIO, max) / max * f64::from(MAX)).round();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "from 1 to MAX: weight / max is from MIN_RATIO / MAX_RATIO to 1"
            )]
            let scaled = scaled as u16;
            scaled
        };
        let weights: Box<[u16]> =
            weights.iter().map(|weight| scale(weight.map_or(mean, f64::from))).collect();
        weights.iter().any(|weight| *weight != weights[0]).then_some(Self { weights })
    }

    /// The one to pick, by the next turns.
    pub(crate) fn pick(&self, turns: &Turns) -> usize {
        // The largest weight lets no turn pass, so this ends within two rounds.
        loop {
            let turn = turns.take();
            let index = turn % self.weights.len();
            if self.takes(index, turn / self.weights.len()) {
                return index;
            }
        }
    }

    fn takes(&self, index: usize, round: usize) -> bool {
        let weight = usize::from(self.weights[index]);
        // Half a period apart, neighbours of the same weight do not let their turns pass in the same rounds.
        let offset = index.wrapping_mul(usize::from(MAX / 2));
        let phase = weight.wrapping_mul(round).wrapping_add(offset) % usize::from(MAX);
        phase >= usize::from(MAX) - weight
    }
}
