//! Which methods a server has: those are told apart, and all others are one.

use prost::Message;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::{App, StartError, health};

/// The method of both versions of reflection.
const REFLECTION: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The path of every method that `A` answers, those included that every server has.
///
/// # Errors
/// When the descriptor set is none.
pub(crate) fn paths<A: App>(reflection: bool) -> Result<Vec<String>, StartError> {
    let mut paths = Vec::new();
    for (set, services) in
        [(A::DESCRIPTOR_SET, A::SERVICES), (health::DESCRIPTOR_SET, health::SERVICES)]
    {
        let set =
            FileDescriptorSet::decode(set).map_err(|error| StartError::setup(A::NAME, &error))?;
        paths.extend(set.file.iter().flat_map(|file| of_file(file, services)));
    }
    if reflection {
        paths.extend(REFLECTION.map(str::to_owned));
    }
    Ok(paths)
}

fn of_file(file: &FileDescriptorProto, services: &[&str]) -> Vec<String> {
    let mut paths = Vec::new();
    for service in &file.service {
        let name = format!("{}.{}", file.package(), service.name());
        if services.contains(&name.as_str()) {
            let methods = service.method.iter();
            paths.extend(methods.map(|method| format!("/{name}/{}", method.name())));
        }
    }
    paths
}
