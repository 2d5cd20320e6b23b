//! What our own strategies have to reach, fault by fault.

mod check;
#[cfg(test)]
mod tests;

pub(crate) use check::{Check, checks};
