//! The metadata that a call passes on.

use tonic::metadata::{KeyAndValueRef, MetadataMap};

/// Headers that HTTP or gRPC itself wrote for one hop. The next hop writes its own.
const OF_THE_HOP: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "host",
    "keep-alive",
    "proxy-connection",
    "server",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Adds to `to` what the application at the other end wrote into `from`, keys and values as they are.
///
/// Names that begin with `grpc-` belong to gRPC and to the hop: the timeout, the encodings, the number of attempts (PROTOCOL-HTTP2).
pub(crate) fn pass_on(from: &MetadataMap, to: &mut MetadataMap) {
    for entry in from.iter() {
        match entry {
            KeyAndValueRef::Ascii(key, value) if is_of_the_application(key.as_str()) => {
                to.append(key.clone(), value.clone());
            }
            KeyAndValueRef::Binary(key, value) if is_of_the_application(key.as_str()) => {
                to.append_bin(key.clone(), value.clone());
            }
            _ => {}
        }
    }
}

fn is_of_the_application(name: &str) -> bool {
    !name.starts_with("grpc-") && !OF_THE_HOP.contains(&name)
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataValue;

    use super::*;

    #[test]
    fn every_value_of_the_application_is_passed_on_in_order() {
        let mut from = MetadataMap::new();
        from.append("key", "first".parse().unwrap());
        from.append("key", "second".parse().unwrap());
        from.append_bin("key-bin", MetadataValue::from_bytes(&[0, 255]));
        let mut to = MetadataMap::new();
        to.insert("grpc-timeout", "1S".parse().unwrap());
        pass_on(&from, &mut to);
        assert_eq!(to.get_all("key").iter().collect::<Vec<_>>(), ["first", "second"]);
        assert_eq!(to.get_bin("key-bin").unwrap().to_bytes().unwrap().as_ref(), [0, 255]);
        assert_eq!(to.get("grpc-timeout").unwrap(), "1S");
    }

    #[test]
    fn what_belongs_to_one_hop_stays_there() {
        let mut from = MetadataMap::new();
        for name in
            ["grpc-timeout", "grpc-encoding", "grpc-previous-rpc-attempts"].iter().chain(OF_THE_HOP)
        {
            from.insert(*name, "x".parse().unwrap());
        }
        let mut to = MetadataMap::new();
        pass_on(&from, &mut to);
        assert!(to.is_empty(), "{to:?}");
    }
}
