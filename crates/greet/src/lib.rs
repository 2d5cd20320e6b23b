//! The greeting service: four kinds of call, and two releases of one message that understand each other.

mod app;
mod host;
mod service;
mod words;

pub use app::{Greet, GreetArgs, Release};
