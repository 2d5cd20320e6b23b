//! Text to [`Template`].

use std::str::FromStr;

use super::{Segment, Template, Variable, decode_literal};

/// A text that is not a path template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path template '{template}' {reason}")]
pub(crate) struct TemplateError {
    template: String,
    reason: &'static str,
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parser = Parser {
            rest: text,
            template: Self { segments: Vec::new(), verb: None, variables: Vec::new() },
        };
        parser.template().map_err(|reason| TemplateError { template: text.to_owned(), reason })?;
        Ok(parser.template)
    }
}

struct Parser<'t> {
    rest: &'t str,
    template: Template,
}

impl<'t> Parser<'t> {
    fn template(&mut self) -> Result<(), &'static str> {
        if self.rest == "/" {
            // The grammar has no word for the root, which is one empty segment.
            self.template.segments.push(Segment::Literal(String::new()));
            return Ok(());
        }
        if !self.take("/") {
            return Err("does not start with /");
        }
        self.segments(Self::segment)?;
        if self.take(":") {
            self.template.verb = Some(self.literal()?);
        }
        if !self.rest.is_empty() {
            return Err("goes on after what should be its end");
        }
        let rest = self.template.segments.iter().position(|segment| *segment == Segment::Rest);
        if rest.is_some_and(|position| position + 1 < self.template.segments.len()) {
            return Err("has ** before its end");
        }
        Ok(())
    }

    /// `Segments = Segment { "/" Segment }`
    fn segments(
        &mut self,
        segment: fn(&mut Self) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        segment(self)?;
        while self.take("/") {
            segment(self)?;
        }
        Ok(())
    }

    /// `Segment = "*" | "**" | LITERAL | Variable`
    fn segment(&mut self) -> Result<(), &'static str> {
        if self.take("{") { self.variable() } else { self.plain_segment() }
    }

    fn plain_segment(&mut self) -> Result<(), &'static str> {
        let segment = if self.take("**") {
            Segment::Rest
        } else if self.take("*") {
            Segment::One
        } else {
            Segment::Literal(self.literal()?)
        };
        self.template.segments.push(segment);
        Ok(())
    }

    /// `Variable = "{" FieldPath [ "=" Segments ] "}"`, after the brace.
    fn variable(&mut self) -> Result<(), &'static str> {
        let end = self.rest.find(['=', '}']).ok_or("has a variable that is not closed")?;
        let (path, rest) = self.rest.split_at(end);
        self.rest = rest;
        let field = path.split('.').map(str::to_owned).collect::<Vec<_>>();
        if field.iter().any(|name| !is_identifier(name)) {
            return Err("has a variable that is not the path of a field");
        }
        let start = self.template.segments.len();
        if self.take("=") {
            // A variable holds no other one, so its segments are plain.
            self.segments(Self::plain_segment)?;
        } else {
            self.template.segments.push(Segment::One);
        }
        if !self.take("}") {
            return Err("has a variable that is not closed");
        }
        let segments = start..self.template.segments.len();
        let multi = segments.len() > 1 || self.template.segments.last() == Some(&Segment::Rest);
        self.template.variables.push(Variable { field, segments, multi });
        Ok(())
    }

    fn literal(&mut self) -> Result<String, &'static str> {
        let end = self.rest.find(['/', '{', '}', '*', ':', '=']).unwrap_or(self.rest.len());
        let (literal, rest) = self.rest.split_at(end);
        self.rest = rest;
        if literal.is_empty() {
            return Err("has an empty segment");
        }
        decode_literal(literal)
            .map(|text| text.into_owned())
            .ok_or("has a literal that is not percent-encoded text")
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    fn variable(field: &[&str], segments: std::ops::Range<usize>, multi: bool) -> Variable {
        Variable { field: field.iter().map(|&name| name.to_owned()).collect(), segments, multi }
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        type Case = (&'static str, Vec<Segment>, Option<&'static str>, Vec<Variable>);
        let cases: &[Case] = &[
            ("/", vec![literal("")], None, vec![]),
            ("/v1/cache", vec![literal("v1"), literal("cache")], None, vec![]),
            ("/v1/cache:restore", vec![literal("v1"), literal("cache")], Some("restore"), vec![]),
            (
                "/v1/{id}",
                vec![literal("v1"), Segment::One],
                None,
                vec![variable(&["id"], 1..2, false)],
            ),
            (
                "/v1/{id}:turn",
                vec![literal("v1"), Segment::One],
                Some("turn"),
                vec![variable(&["id"], 1..2, false)],
            ),
            ("/{key=**}", vec![Segment::Rest], None, vec![variable(&["key"], 0..1, true)]),
            ("/{key=*}", vec![Segment::One], None, vec![variable(&["key"], 0..1, false)]),
            (
                "/v1/{name=shelves/*/books/**}:read",
                vec![
                    literal("v1"),
                    literal("shelves"),
                    Segment::One,
                    literal("books"),
                    Segment::Rest,
                ],
                Some("read"),
                vec![variable(&["name"], 1..5, true)],
            ),
            (
                "/{a.b}/x/{a.c}",
                vec![Segment::One, literal("x"), Segment::One],
                None,
                vec![variable(&["a", "b"], 0..1, false), variable(&["a", "c"], 2..3, false)],
            ),
            ("/*/**", vec![Segment::One, Segment::Rest], None, vec![]),
            ("/caf%C3%A9", vec![literal("café")], None, vec![]),
        ];
        for (text, segments, verb, variables) in cases {
            let template: Template = text.parse().unwrap();
            assert_eq!(&template.segments, segments, "{text}");
            assert_eq!(template.verb.as_deref(), *verb, "{text}");
            assert_eq!(&template.variables, variables, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_template_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "start with /"),
            ("v1", "start with /"),
            ("/v1/", "empty segment"),
            ("//v1", "empty segment"),
            ("/v1:", "empty segment"),
            ("/**/x", "** before its end"),
            ("/{a=**}/x", "** before its end"),
            ("/{a", "not closed"),
            ("/{a=b", "not closed"),
            ("/{a={b}}", "empty segment"),
            ("/{}", "path of a field"),
            ("/{a..b}", "path of a field"),
            ("/{1a}", "path of a field"),
            ("/a}", "goes on"),
            ("/a:b/c", "goes on"),
            ("/a:b:c", "goes on"),
            ("/%ff", "percent-encoded"),
        ] {
            let error = text.parse::<Template>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
