use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tokio::runtime;

use super::world::{News, Step, World};
use crate::policy::{PolicyConfig, pick_first, random, round_robin};

fn step() -> impl Strategy<Value = Step> {
    let news = |news| any::<u8>().prop_map(move |which| Step::News(news, which));
    prop_oneof![
        2 => prop::collection::vec(0..6_usize, 1..=8).prop_map(Step::List),
        8 => news(News::Connecting),
        4 => news(News::Ready),
        2 => news(News::Unhealthy),
        6 => news(News::Failure),
        5 => news(News::Idle),
        1 => any::<u8>().prop_map(Step::TooLate),
        3 => prop::sample::select(vec![0, 100, 249, 250, 1_000]).prop_map(Step::Wait),
        1 => Just(Step::Call),
    ]
}

/// Always the same cases; what fails is made as short as possible.
fn holds_for(config: &PolicyConfig) {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap();
    let limits = ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let steps = prop::collection::vec(step(), 1..60);
    let result = TestRunner::new_with_rng(limits, rng).run(&steps, |steps| {
        fastrand::seed(1);
        runtime.block_on(async {
            let mut world = World::new(config.clone());
            for step in &steps {
                world.step(step).await?;
            }
            world.recover().await
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn round_robin_picks_every_ready_endpoint_in_turn_and_nothing_else() {
    holds_for(&PolicyConfig::RoundRobin(round_robin::Config));
}

#[test]
fn random_picks_every_ready_endpoint_and_nothing_else() {
    holds_for(&PolicyConfig::Random(random::Config));
}

#[test]
fn pick_first_picks_the_address_that_is_connected_and_nothing_else() {
    for shuffle_address_list in [false, true] {
        holds_for(&PolicyConfig::PickFirst(pick_first::Config { shuffle_address_list }));
    }
}
