//! `wayside lab-server`: a greet server for the lab, by our chassis or by tonic's own server.

mod app;
mod pod;
mod run;

pub(crate) use pod::{number_of_pod, pod_name};
pub(crate) use run::{CPU_TIME, LISTENING, LabServerArgs, SUBCOMMAND, serve};
