//! Reads the `google.api.http` annotations of a method.

use http::Method;
use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor, MethodDescriptor};

use crate::error::RouteError;

/// The fields of `google.api.HttpRule`, with the numbers of `google/api/http.proto`.
#[derive(Clone, PartialEq, prost::Message)]
struct HttpRule {
    #[prost(oneof = "Pattern", tags = "2, 3, 4, 5, 6, 8")]
    pattern: Option<Pattern>,
    #[prost(string, tag = "7")]
    body: String,
    #[prost(string, tag = "12")]
    response_body: String,
    #[prost(message, repeated, tag = "11")]
    additional_bindings: Vec<HttpRule>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Pattern {
    #[prost(string, tag = "2")]
    Get(String),
    #[prost(string, tag = "3")]
    Put(String),
    #[prost(string, tag = "4")]
    Post(String),
    #[prost(string, tag = "5")]
    Delete(String),
    #[prost(string, tag = "6")]
    Patch(String),
    #[prost(message, tag = "8")]
    Custom(CustomPattern),
}

#[derive(Clone, PartialEq, prost::Message)]
struct CustomPattern {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    path: String,
}

/// One way to call a method over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `None` is any method.
    pub(crate) http_method: Option<Method>,
    /// The path template.
    pub(crate) path: String,
    /// The field that the body is, `*` for all fields that are not in the path, empty for no body.
    pub(crate) body: String,
    /// The field of the reply that is sent, empty for the whole reply.
    pub(crate) response_body: String,
}

/// Reads the rules of methods.
#[derive(Debug)]
pub(crate) struct Rules {
    extension: ExtensionDescriptor,
}

impl Rules {
    /// `None` when nothing in the pool can be annotated.
    pub(crate) fn new(pool: &DescriptorPool) -> Option<Self> {
        Some(Self { extension: pool.get_extension_by_name("google.api.http")? })
    }

    /// Every rule of a method, the additional ones after the first. None when the method has no annotation.
    pub(crate) fn of(&self, method: &MethodDescriptor) -> Result<Vec<Rule>, RouteError> {
        let options: DynamicMessage = method.options();
        if !options.has_extension(&self.extension) {
            return Ok(Vec::new());
        }
        let value = options.get_extension(&self.extension);
        let rule =
            value.as_ref().as_message().and_then(|message| message.transcode_to::<HttpRule>().ok());
        let rule = rule
            .ok_or_else(|| RouteError::new(method, "has an annotation that is not an HttpRule"))?;
        let additional = rule.additional_bindings.clone();
        std::iter::once(rule).chain(additional).map(|rule| rule.read(method)).collect()
    }
}

impl HttpRule {
    fn read(self, method: &MethodDescriptor) -> Result<Rule, RouteError> {
        let (http_method, path) = match self.pattern {
            Some(Pattern::Get(path)) => (Some(Method::GET), path),
            Some(Pattern::Put(path)) => (Some(Method::PUT), path),
            Some(Pattern::Post(path)) => (Some(Method::POST), path),
            Some(Pattern::Delete(path)) => (Some(Method::DELETE), path),
            Some(Pattern::Patch(path)) => (Some(Method::PATCH), path),
            Some(Pattern::Custom(CustomPattern { kind, path })) if kind == "*" => (None, path),
            Some(Pattern::Custom(CustomPattern { kind, path })) => match kind.parse() {
                Ok(custom) => (Some(custom), path),
                Err(_) => {
                    return Err(RouteError::new(method, "has a custom HTTP method that is none"));
                }
            },
            None => return Err(RouteError::new(method, "has a rule without a path")),
        };
        Ok(Rule { http_method, path, body: self.body, response_body: self.response_body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn rules(name: &str) -> Vec<(String, String, String, String)> {
        let method = testing::method(name);
        let rules = Rules::new(method.parent_pool()).unwrap().of(&method).unwrap();
        let http_method =
            |rule: &Rule| rule.http_method.as_ref().map_or("*".to_owned(), ToString::to_string);
        rules
            .into_iter()
            .map(|rule| (http_method(&rule), rule.path, rule.body, rule.response_body))
            .collect()
    }

    fn rule(
        method: &str,
        path: &str,
        body: &str,
        response_body: &str,
    ) -> (String, String, String, String) {
        (method.to_owned(), path.to_owned(), body.to_owned(), response_body.to_owned())
    }

    #[test]
    fn every_part_of_a_rule_is_read_with_its_additional_bindings() {
        assert_eq!(
            rules("Update"),
            [
                rule("PATCH", "/v1/{name=shelves/*/books/*}", "book", "book"),
                rule("PUT", "/v1/books/{book.id}", "*", ""),
                rule("REPORT", "/v1/books", "", ""),
                rule("*", "/v1/anyhow/{name}", "tags", "tags"),
            ]
        );
    }

    #[test]
    fn a_method_without_an_annotation_has_no_rules() {
        assert_eq!(rules("Hidden"), []);
    }
}
