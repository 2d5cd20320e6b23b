//! `POST /greet`, the route of the first greeting edge, which clients still call.
//!
//! Its body is the person, `{"first_name": …, "last_name": …}`, and its reply is text that begins with `reponse from Greet rpc: `.
//! The missing "s" is historic: it is in the first edge and in every transcript of it, so it stays, byte for byte. That edge never
//! looked how a body was declared, and a plain `curl -d` calls it a form, so here it may be called anything. Nothing is changed by a
//! greeting that a page of another site could want to change.

use std::sync::Arc;

use http::Method;

use crate::binding::{Binding, MediaRule, ReplyRule, Target};
use crate::error::RouteError;
use crate::rule::Rule;

/// The route, if the method is the one that it calls.
pub(crate) fn binding(target: &Arc<Target>) -> Result<Option<Binding>, RouteError> {
    if target.method.full_name() != "greet.v1.GreetService.Greet" {
        return Ok(None);
    }
    let rule = Rule {
        http_method: Some(Method::POST),
        path: "/greet".to_owned(),
        body: "greeting".to_owned(),
        response_body: String::new(),
    };
    let mut binding = Binding::new(target.clone(), rule)?;
    let field = target.output.get_field_by_name("result");
    let field = field
        .ok_or_else(|| RouteError::new(&target.method, "has no field 'result' for POST /greet"))?;
    binding.media = MediaRule::Any;
    binding.reply = ReplyRule::Text { beginning: "reponse from Greet rpc: ", field };
    Ok(Some(binding))
}
