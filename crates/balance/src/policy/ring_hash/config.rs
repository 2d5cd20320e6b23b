//! What a service config says of the policy.

use http::HeaderName;

use crate::ServiceConfigError;
use crate::service_config::Fields;

/// More entries than this are an error, as in every gRPC stack.
const MAX_RING_SIZE: u32 = 8 * 1024 * 1024;

/// Settings of `ring_hash`. Source: gRFC A42, A76.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// How many entries a ring has at least, if its cap allows. Default 1024.
    pub(crate) min_ring_size: u32,
    /// How many it has at most. Default 4096.
    pub(crate) max_ring_size: u32,
    /// The client's own word on how large rings may be, whatever the two above say: who writes service configs is not to decide how much memory clients
    /// use. Default 4096. Not a part of the service config.
    pub(crate) ring_size_cap: u32,
    /// What is hashed of a call. Without it, every call fails: the other source of hashes that A42 knows is xDS.
    pub(crate) request_hash_header: Option<HeaderName>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            min_ring_size: 1024,
            max_ring_size: 4096,
            ring_size_cap: 4096,
            request_hash_header: None,
        }
    }
}

impl Config {
    pub(crate) fn parse(fields: &Fields<'_>) -> Result<Self, ServiceConfigError> {
        let default = Self::default();
        let size = |name, default| match fields.u32(name)? {
            // 0 is how protos write that a field is not set.
            None | Some(0) => Ok(default),
            Some(size) if size > MAX_RING_SIZE => {
                Err(fields.invalid(name, format!("is more than {MAX_RING_SIZE}")))
            }
            Some(size) => Ok(size),
        };
        let min_ring_size = size("minRingSize", default.min_ring_size)?;
        let max_ring_size = size("maxRingSize", default.max_ring_size)?;
        if min_ring_size > max_ring_size {
            let problem = format!("is more than maxRingSize, {max_ring_size}");
            return Err(fields.invalid("minRingSize", problem));
        }
        let request_hash_header = match fields.string("requestHashHeader")? {
            None | Some("") => None,
            Some(name) => {
                let name = header(name).map_err(|why| fields.invalid("requestHashHeader", why))?;
                Some(name)
            }
        };
        Ok(Self { min_ring_size, max_ring_size, request_hash_header, ..default })
    }
}

/// The name of a text header as gRPC allows it.
fn header(name: &str) -> Result<HeaderName, &'static str> {
    let name = name.to_ascii_lowercase();
    if name.ends_with("-bin") {
        return Err("is the name of a binary header");
    }
    // HTTP allows more, as `!`.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    Some(&name)
        .filter(|name| name.bytes().all(allowed))
        .and_then(|name| name.parse().ok())
        .ok_or("is not the name of a header")
}
