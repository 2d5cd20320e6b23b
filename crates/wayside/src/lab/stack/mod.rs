//! `wayside lab stack`: the server with and without its interceptors, taking turns.

mod compare;
mod count;
mod everything;
mod report;
mod rows;
mod run;

pub(crate) use rows::ROWS;
pub(crate) use run::stack;
