//! One binding as an operation.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};
use serde_json::{Value as Json, json};

use super::path::PathText;
use super::schema::{Schemas, describe};
use crate::binding::{Binding, BodyRule, FieldPath, ReplyRule, has_text_form};

/// How deep fields in fields are listed as query parameters.
const MAX_DEPTH: usize = 4;

pub(super) fn operation(binding: &Binding, id: &str, schemas: &mut Schemas<'_>) -> Json {
    let method = &binding.target.method;
    let mut operation = json!({
        "operationId": id,
        "tags": [method.parent_service().full_name()],
        "summary": schemas.comments.summary(method),
        "parameters": parameters(binding, schemas),
        "responses": {
            "200": { "description": "The reply.", "content": reply(binding, schemas) },
            "default": { "$ref": "#/components/responses/Error" },
        },
        "x-grpc-method": method.full_name(),
    });
    describe(&mut operation, schemas.comments.method(method));
    if let Some(body) = request_body(binding, schemas) {
        operation["requestBody"] = body;
    }
    operation
}

fn parameters(binding: &Binding, schemas: &mut Schemas<'_>) -> Vec<Json> {
    let mut parameters = Vec::new();
    for (name, variable) in PathText::of(&binding.template).parameters {
        let path = variable.and_then(|variable| binding.variables.get(variable));
        let schema =
            path.map_or_else(|| json!({ "type": "string" }), |path| schemas.field(&path.field));
        let mut parameter =
            json!({ "name": name, "in": "path", "required": true, "schema": schema });
        if variable
            .and_then(|variable| binding.template.variables.get(variable))
            .is_some_and(|variable| variable.multi)
        {
            parameter["description"] = "May contain slashes.".into();
        }
        parameters.push(parameter);
    }
    let mut fields = Vec::new();
    query_fields(&binding.target.input, &mut Vec::new(), &mut fields);
    for path in fields.iter().filter(|path| binding.in_query(path)) {
        parameters.push(
            json!({ "name": path.name(), "in": "query", "schema": schemas.field(&path.field) }),
        );
    }
    parameters.push(json!({ "$ref": "#/components/parameters/grpc-timeout" }));
    parameters
}

/// Every field that has a text form, fields in fields included.
fn query_fields(
    message: &MessageDescriptor,
    parents: &mut Vec<FieldDescriptor>,
    found: &mut Vec<FieldPath>,
) {
    for field in message.fields().filter(|field| !field.is_map()) {
        match field.kind() {
            kind if has_text_form(&kind) => {
                found.push(FieldPath { parents: parents.clone(), field })
            }
            Kind::Message(inner) if !field.is_list() && parents.len() < MAX_DEPTH => {
                let recursive = parents.iter().any(|parent| *parent.parent_message() == inner)
                    || inner == *message;
                if !recursive {
                    parents.push(field);
                    query_fields(&inner, parents, found);
                    parents.pop();
                }
            }
            _ => {}
        }
    }
}

fn request_body(binding: &Binding, schemas: &mut Schemas<'_>) -> Option<Json> {
    let input = &binding.target.input;
    let in_path = |field: &FieldDescriptor| {
        binding.variables.iter().any(|path| path.parents.is_empty() && path.field == *field)
    };
    let schema = match &binding.body {
        BodyRule::None => return None,
        BodyRule::Field(field) => schemas.field(field),
        BodyRule::Whole if input.fields().any(|field| in_path(&field)) => {
            schemas.object(input, |field| !in_path(field))
        }
        BodyRule::Whole => schemas.message(input),
    };
    let content = if binding.target.method.is_client_streaming() {
        json!({ "application/x-ndjson": { "schema": lines(&schema) }, "application/json": { "schema": schema } })
    } else {
        json!({ "application/json": { "schema": schema } })
    };
    Some(json!({ "content": content }))
}

fn reply(binding: &Binding, schemas: &mut Schemas<'_>) -> Json {
    let schema = match &binding.reply {
        ReplyRule::Text { .. } => {
            return json!({ "text/plain": { "schema": { "type": "string" } } });
        }
        ReplyRule::Field(field) => schemas.field(field),
        ReplyRule::Whole => schemas.message(&binding.target.output),
    };
    if !binding.target.method.is_server_streaming() {
        return json!({ "application/json": { "schema": schema } });
    }
    let error = json!({
        "type": "object",
        "properties": { "error": { "$ref": "#/components/schemas/google.rpc.Status" } },
        "required": ["error"],
        "description": "The last line of a stream that failed.",
    });
    json!({ "application/x-ndjson": { "schema": lines(&json!({ "anyOf": [schema, error] })) } })
}

/// OpenAPI 3.1 has no word for a media type of lines, so the schema is that of one of them, and says so.
fn lines(schema: &Json) -> Json {
    json!({ "description": "One of these a line, as NDJSON.", "allOf": [schema] })
}

/// A name for the operation: that of the service and the method, and a number when the method has several.
pub(super) fn id(method: &MethodDescriptor, number: usize) -> String {
    let name = format!("{}_{}", method.parent_service().name(), method.name());
    if number == 1 { name } else { format!("{name}_{number}") }
}
