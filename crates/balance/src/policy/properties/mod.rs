//! Whole lives of policies: any sequence of lists, attempts, losses, health and timers, held against a naive model after every step.

mod model;
mod tests;
mod world;
