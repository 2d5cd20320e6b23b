//! The look-aside balancer: tells clients which endpoints a service has.

pub mod kubernetes;
