//! One way to call one method over HTTP, resolved when the gateway starts: no request looks a name up in the descriptors, except for
//! the names that it brings itself.

use std::sync::Arc;

use http::uri::PathAndQuery;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use wayside_chassis::Outgoing;

use crate::error::RouteError;
use crate::rule::Rule;
use crate::template::{Template, Variable};

/// A gRPC method and the channel to its server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) method: MethodDescriptor,
    /// `/package.Service/Method`
    pub(crate) path: PathAndQuery,
    pub(crate) input: MessageDescriptor,
    pub(crate) output: MessageDescriptor,
    pub(crate) channel: Outgoing,
}

/// One way to call one method over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) target: Arc<Target>,
    /// `None` is any method.
    pub(crate) http_method: Option<http::Method>,
    pub(crate) template: Template,
    /// The template as it is written: what spans and counts tell routes apart by.
    pub(crate) route: Arc<str>,
    /// The fields of the template's variables, in their order.
    pub(crate) variables: Vec<FieldPath>,
    pub(crate) body: BodyRule,
    pub(crate) media: MediaRule,
    pub(crate) reply: ReplyRule,
}

/// The way from a message to a field in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldPath {
    /// Singular message fields on the way.
    pub(crate) parents: Vec<FieldDescriptor>,
    pub(crate) field: FieldDescriptor,
}

/// What the body of a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyRule {
    /// There is none: every field that is not in the path is a query parameter.
    None,
    /// All fields that are not in the path.
    Whole,
    /// This field; the others are query parameters.
    Field(FieldDescriptor),
}

/// How a body that is not empty has to be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaRule {
    /// As JSON, which no HTML form can do.
    Json,
    /// In any way, or not at all.
    Any,
}

/// What is sent of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReplyRule {
    /// All of it, as JSON.
    Whole,
    /// This field, as JSON.
    Field(FieldDescriptor),
    /// This string field, as text after a fixed beginning.
    Text { beginning: &'static str, field: FieldDescriptor },
}

impl Target {
    pub(crate) fn new(method: &MethodDescriptor, channel: Outgoing) -> Result<Self, RouteError> {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let path = path
            .parse()
            .map_err(|_| RouteError::new(method, "has a name that cannot be in a path"))?;
        Ok(Self {
            method: method.clone(),
            path,
            input: method.input(),
            output: method.output(),
            channel,
        })
    }
}

impl Binding {
    /// Resolves the names in a rule.
    pub(crate) fn new(target: Arc<Target>, rule: Rule) -> Result<Self, RouteError> {
        let error = |reason: String| RouteError::new(&target.method, reason);
        let template: Template =
            rule.path.parse().map_err(|cause| error(format!("cannot be served: {cause}")))?;
        let variable = |variable: &Variable| {
            field_path(&target.input, &variable.field).ok_or_else(|| {
                error(format!(
                    "has '{}' in its path, which is not a field with one plain value",
                    variable.field.join(".")
                ))
            })
        };
        let variables = template.variables.iter().map(variable).collect::<Result<_, _>>()?;
        let field = |message: &MessageDescriptor, name: &str| {
            message
                .get_field_by_name(name)
                .ok_or_else(|| error(format!("has no field '{name}' for a body")))
        };
        let body = match rule.body.as_str() {
            "" => BodyRule::None,
            "*" => BodyRule::Whole,
            name => BodyRule::Field(field(&target.input, name)?),
        };
        let reply = match rule.response_body.as_str() {
            "" => ReplyRule::Whole,
            name => ReplyRule::Field(field(&target.output, name)?),
        };
        let media = if body == BodyRule::None { MediaRule::Any } else { MediaRule::Json };
        let (http_method, route) = (rule.http_method, rule.path.into());
        Ok(Self { http_method, template, route, variables, body, media, reply, target })
    }

    /// Whether a field can come as a query parameter.
    pub(crate) fn in_query(&self, path: &FieldPath) -> bool {
        let in_body = match &self.body {
            BodyRule::None => false,
            BodyRule::Whole => true,
            BodyRule::Field(field) => path.parents.first().unwrap_or(&path.field) == field,
        };
        !in_body && !self.variables.contains(path)
    }
}

impl FieldPath {
    /// The names on the way, joined by dots.
    pub(crate) fn name(&self) -> String {
        let names = self.parents.iter().chain([&self.field]).map(FieldDescriptor::name);
        names.collect::<Vec<_>>().join(".")
    }
}

fn field_path(message: &MessageDescriptor, names: &[String]) -> Option<FieldPath> {
    let (last, parents) = names.split_last()?;
    let mut message = message.clone();
    let mut path = Vec::with_capacity(parents.len());
    for name in parents {
        let field =
            message.get_field_by_name(name).filter(|field| !field.is_list() && !field.is_map())?;
        message = field.kind().as_message()?.clone();
        path.push(field);
    }
    let field = message.get_field_by_name(last)?;
    let plain = !field.is_list() && !field.is_map() && has_text_form(&field.kind());
    plain.then_some(FieldPath { parents: path, field })
}

/// Whether one value of this kind can be written as the text of a path or a query parameter.
pub(crate) fn has_text_form(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => matches!(
            message.full_name(),
            "google.protobuf.Timestamp"
                | "google.protobuf.Duration"
                | "google.protobuf.FieldMask"
                | "google.protobuf.DoubleValue"
                | "google.protobuf.FloatValue"
                | "google.protobuf.Int64Value"
                | "google.protobuf.UInt64Value"
                | "google.protobuf.Int32Value"
                | "google.protobuf.UInt32Value"
                | "google.protobuf.BoolValue"
                | "google.protobuf.StringValue"
                | "google.protobuf.BytesValue"
        ),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn bound(path: &str, body: &str, response_body: &str) -> Result<Binding, RouteError> {
        let channel = crate::testing::nowhere();
        let target = Arc::new(Target::new(&testing::method("Update"), channel).unwrap());
        let [path, body, response_body] = [path, body, response_body].map(str::to_owned);
        Binding::new(target, Rule { http_method: None, path, body, response_body })
    }

    #[tokio::test]
    async fn names_are_resolved_to_fields() {
        let binding = bound("/{name}/{book.sequel.id}/{wait}", "book", "tags").unwrap();
        let names = binding.variables.iter().map(FieldPath::name).collect::<Vec<_>>();
        assert_eq!(names, ["name", "book.sequel.id", "wait"]);
        assert_eq!(binding.target.path, "/library.v1.LibraryService/Update");
        assert!(matches!(&binding.body, BodyRule::Field(field) if field.name() == "book"));
        assert!(matches!(&binding.reply, ReplyRule::Field(field) if field.name() == "tags"));
    }

    #[tokio::test]
    async fn rules_that_do_not_fit_the_messages_are_refused() {
        for (path, body, response_body, reason) in [
            ("/v1/", "", "", "empty segment"),
            ("/{nobody}", "", "", "'nobody'"),
            ("/{book}", "", "", "'book'"),
            ("/{tags}", "", "", "'tags'"),
            ("/{counts}", "", "", "'counts'"),
            ("/{more.id}", "", "", "'more.id'"),
            ("/{name.id}", "", "", "'name.id'"),
            ("/x", "nothing", "", "'nothing'"),
            ("/x", "", "nothing", "'nothing'"),
        ] {
            let error = bound(path, body, response_body).unwrap_err().to_string();
            assert!(
                error.contains(reason) && error.contains("library.v1.LibraryService.Update"),
                "{path}: {error}"
            );
        }
    }
}
