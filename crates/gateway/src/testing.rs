//! What unit tests share: an API that uses everything `google.api.http` allows.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};
use wayside_balance::Channel;
use wayside_chassis::{Outgoing, outgoing};

use crate::binding::{Binding, Target};
use crate::rule::Rule;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler =
        protox::Compiler::new([here.join("tests"), here.join("../../proto")]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_file("library.proto").unwrap();
    let mut pool =
        DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap();
    pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET).unwrap();
    pool
});

pub(crate) fn pool() -> &'static DescriptorPool {
    &POOL
}

/// A method of `library.v1.LibraryService`.
pub(crate) fn method(name: &str) -> MethodDescriptor {
    let service = pool().get_service_by_name("library.v1.LibraryService").unwrap();
    service.methods().find(|method| method.name() == name).unwrap()
}

/// A channel to where nobody listens, within a runtime.
pub(crate) fn nowhere() -> Outgoing {
    outgoing(Channel::connect_lazy(&"127.0.0.1:1".parse().unwrap()).unwrap())
}

/// A binding of a method of `library.v1.LibraryService`, within a runtime.
pub(crate) fn binding(method: &str, path: &str, body: &str) -> Binding {
    let channel = nowhere();
    let target = Arc::new(Target::new(&self::method(method), channel).unwrap());
    let [path, body] = [path, body].map(str::to_owned);
    Binding::new(target, Rule { http_method: None, path, body, response_body: String::new() })
        .unwrap()
}

/// A message of `library.v1`.
pub(crate) fn message(name: &str) -> MessageDescriptor {
    pool().get_message_by_name(&format!("library.v1.{name}")).unwrap()
}
