//! What `wayside demo` can be told.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::list::{DEMOS, Demo, explanations};

/// What runs every demonstration.
const ALL: &str = "all";

#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_long_help = explanations())]
pub(crate) struct DemoArgs {
    /// Which demonstration to run, or all; without it they are listed.
    #[arg(value_parser = choice(), hide_possible_values = true)]
    pub(crate) name: Option<Choice>,
}

/// Which demonstrations to run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice {
    /// Every one, in the order of the list.
    All,
    /// This one.
    One(&'static Demo),
}

fn choice() -> impl TypedValueParser<Value = Choice> {
    let one = |demo: &Demo| PossibleValue::new(demo.name).aliases(demo.former_name);
    let names = DEMOS.iter().map(one).chain([PossibleValue::new(ALL)]);
    PossibleValuesParser::new(names).try_map(|name| match Demo::named(&name) {
        Some(demo) => Ok(Choice::One(demo)),
        None if name == ALL => Ok(Choice::All),
        None => Err("a demonstration that is not known"),
    })
}
