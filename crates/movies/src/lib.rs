//! A catalogue of movies: streaming, typed errors, deadlines, cancellation, and failures on purpose.
//!
//! A server answers from the catalogue, or as a *middle* by calling another movies server; either can work slowly or fail on a plan.

mod app;
mod catalogue;
mod error;
mod fault;
mod metadata;
mod middle;
mod remark;
mod service;

pub use app::{Movies, MoviesArgs};
pub use error::movie_error;
pub use fault::{FaultPlan, FaultPlanError};
pub use remark::{Observer, Remark};
