//! What is printed.

mod conditions;
mod document;
mod missed;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use conditions::{Conditions, build};
pub(crate) use document::document;
pub(crate) use missed::missed;
#[cfg(test)]
use table::WIDTH;
pub(crate) use table::{new_table, table};
