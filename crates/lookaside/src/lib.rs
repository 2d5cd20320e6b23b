//! The look-aside balancer: tells clients which endpoints a service has.
