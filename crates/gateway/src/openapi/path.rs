//! Path templates as OpenAPI writes them.

use crate::template::{Segment, Template};

/// A path with a name in braces for each segment that is not a literal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PathText {
    pub(super) text: String,
    /// The names in braces, and for one that is the whole of a variable, which.
    pub(super) parameters: Vec<(String, Option<usize>)>,
}

/// The path of a template, such as `/v1/cache/{key}`.
pub(crate) fn path(template: &Template) -> String {
    PathText::of(template).text
}

impl PathText {
    pub(super) fn of(template: &Template) -> Self {
        let mut path = Self::default();
        for (index, segment) in template.segments.iter().enumerate() {
            path.text.push('/');
            match segment {
                Segment::Literal(literal) => path.text.push_str(literal),
                Segment::One | Segment::Rest => path.parameter(template, index),
            }
        }
        if let Some(verb) = &template.verb {
            path.text.push(':');
            path.text.push_str(verb);
        }
        path
    }

    fn parameter(&mut self, template: &Template, segment: usize) {
        let variable_of = |segment| {
            template.variables.iter().position(|variable| variable.segments.contains(&segment))
        };
        let of = variable_of(segment);
        let variable = of.and_then(|index| template.variables.get(index));
        let name =
            variable.map_or_else(|| "segment".to_owned(), |variable| variable.field.join("."));
        let before = template.segments.iter().take(segment).enumerate();
        let same = before
            .filter(|&(other, kind)| {
                !matches!(kind, Segment::Literal(_)) && variable_of(other) == of
            })
            .count();
        let unique = if same == 0 { name } else { format!("{name}_{}", same + 1) };
        self.text.push_str(&format!("{{{unique}}}"));
        let whole = variable.is_some_and(|variable| variable.segments.len() == 1);
        self.parameters.push((unique, of.filter(|_| whole)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_segment_that_is_not_a_literal_has_a_name_of_its_own() {
        for (template, expected) in [
            ("/", "/"),
            ("/v1/cache:restore", "/v1/cache:restore"),
            ("/v1/cache/{key=**}", "/v1/cache/{key}"),
            ("/v1/{id}:turn", "/v1/{id}:turn"),
            ("/v1/{a.b}/{a.c}", "/v1/{a.b}/{a.c}"),
            ("/v1/{the_name=shelves/*/books/*}", "/v1/shelves/{the_name}/books/{the_name_2}"),
            ("/*/**", "/{segment}/{segment_2}"),
        ] {
            assert_eq!(path(&template.parse().unwrap()), expected, "{template}");
        }
    }

    #[test]
    fn a_name_leads_to_its_variable_only_when_it_is_all_of_it() {
        let path = PathText::of(&"/{a}/{b=x/*}/*".parse().unwrap());
        assert_eq!(
            path.parameters,
            [("a".to_owned(), Some(0)), ("b".to_owned(), None), ("segment".to_owned(), None)]
        );
    }
}
