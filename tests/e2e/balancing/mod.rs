//! Every way to balance, on real processes: the gateway, replicas of greet and of the look-aside balancer. Scenarios A1 to A12 and A25 of the project.

mod changes;
mod edge;
mod hello;
mod loss;
mod modes;
mod name_server;
mod process;
mod wire;
