//! The messages, clients and servers of every Wayside API, generated from `proto/`, and nothing else.
//!
//! A module per package and version: `greet::v1` is package `greet.v1`.

/// Every file of `proto/` with its imports, options and comments, encoded as a `google.protobuf.FileDescriptorSet`.
///
/// Encoded, because the decoded form of `prost-types` drops extensions such as `google.api.http`.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

mod redacted;

/// Package `accounts`.
pub mod accounts {
    /// Package `accounts.v1`.
    pub mod v1 {
        tonic::include_proto!("accounts.v1");
    }
}

/// Package `cache`.
pub mod cache {
    /// Package `cache.v1`.
    pub mod v1 {
        tonic::include_proto!("cache.v1");
    }
}

/// Package `greet`.
pub mod greet {
    /// Package `greet.v1`.
    pub mod v1 {
        tonic::include_proto!("greet.v1");
    }
}

/// Package `lookaside`.
pub mod lookaside {
    /// Package `lookaside.v1`.
    pub mod v1 {
        tonic::include_proto!("lookaside.v1");
    }
}

/// Package `media`.
pub mod media {
    /// Package `media.v1`.
    pub mod v1 {
        tonic::include_proto!("media.v1");
    }
}

/// Package `movies`.
pub mod movies {
    /// Package `movies.v1`.
    pub mod v1 {
        tonic::include_proto!("movies.v1");
    }
}
