//! What a middle passes back of the metadata of an answer, and the token that it passes on.

use tonic::metadata::{KeyAndValueRef, MetadataMap};

/// Who calls, as the caller says it to the server that it calls.
const AUTHORIZATION: &str = "authorization";

/// Headers that HTTP or gRPC itself wrote for one hop, and those that a server and its own clients keep between them. The next hop writes its own.
const OF_THE_HOP: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "server",
    "set-cookie",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Adds to `to` what the application at the other end wrote into `from`, keys and values as they are.
///
/// Names that begin with `grpc-` belong to gRPC and to the hop: the status, the encodings (PROTOCOL-HTTP2).
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

/// Adds to `to` the token in `from`. It has to be one that this server has checked: then it was made for servers of this kind, of which the next one is another.
pub(crate) fn pass_on_token(from: &MetadataMap, to: &mut MetadataMap) {
    if let Some(token) = from.get(AUTHORIZATION) {
        to.insert(AUTHORIZATION, token.clone());
    }
}

fn is_of_the_application(name: &str) -> bool {
    !name.starts_with("grpc-") && name != AUTHORIZATION && !OF_THE_HOP.contains(&name)
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
        for name in ["grpc-timeout", "grpc-encoding", "grpc-previous-rpc-attempts", AUTHORIZATION]
            .iter()
            .chain(OF_THE_HOP)
        {
            from.insert(*name, "x".parse().unwrap());
        }
        let mut to = MetadataMap::new();
        pass_on(&from, &mut to);
        assert!(to.is_empty(), "{to:?}");
    }

    #[test]
    fn a_token_is_passed_on_alone_and_stays_out_of_logs() {
        let mut from = MetadataMap::new();
        let mut token: MetadataValue<_> = "Bearer secret".parse().unwrap();
        token.set_sensitive(true);
        from.insert(AUTHORIZATION, token);
        from.insert("cookie", "session=secret".parse().unwrap());
        let mut to = MetadataMap::new();
        pass_on_token(&from, &mut to);
        assert_eq!(to.len(), 1);
        assert_eq!(to.get(AUTHORIZATION).unwrap(), "Bearer secret");
        assert!(!format!("{to:?}").contains("secret"), "{to:?}");
        pass_on_token(&MetadataMap::new(), &mut to);
        assert_eq!(to.len(), 1, "no token is no token");
    }
}
