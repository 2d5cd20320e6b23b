//! The routes as an OpenAPI 3.1 document, made of the descriptors and the comments in the proto files.
//!
//! Operations are those of the bindings (`operation`), their messages become components (`schema`), and `comments` finds what the
//! proto files say of each. Whatever canonical proto JSON does to a type is said in its schema.

mod comments;
mod document;
mod operation;
mod path;
mod schema;

pub(crate) use comments::Comments;
pub(crate) use document::document;
pub(crate) use path::path;
