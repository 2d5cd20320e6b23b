//! `outlier_detection_experimental`: an endpoint that fails more of its calls than it should gets none for a while.
//!
//! Every interval the calls of each endpoint that have ended are judged, by one algorithm or two. An endpoint that is an outlier is ejected: the child
//! policy is told that its connections are not to be used. They stay, so that the endpoint can be used at once when its time is over. That time grows
//! with every ejection, and shrinks with every interval that the endpoint is not an outlier.
//!
//! Source: gRFC A50; A61 for endpoints with several addresses, and for `pick_first`, which has nobody else to give its calls to and is left alone.

mod algorithms;
mod calls;
mod config;
mod endpoints;
mod policy;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use config::Config;
pub(crate) use policy::OutlierDetection;
