//! The table of routes: a path and a method to what serves them, the most specific template first.
//!
//! Templates are kept as a tree of segments. At each segment a literal is tried before `*`, and `*` before `**`, with a way back when
//! the rest of the path does not fit; a template with a verb is tried before one without.

use std::collections::{BTreeSet, HashMap};

use http::Method;

use crate::template::{Segment, Template, decode_literal};

/// Routes to values of `T`.
#[derive(Debug)]
pub(crate) struct Tree<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literals: HashMap<String, Node<T>>,
    one: Option<Box<Node<T>>>,
    /// Templates that end in `**` here.
    rest: Vec<Leaf<T>>,
    /// Templates that end here.
    end: Vec<Leaf<T>>,
}

#[derive(Debug)]
struct Leaf<T> {
    verb: Option<String>,
    /// `None` for any method.
    method: Option<Method>,
    value: T,
}

/// What was found for a method and a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'t, 'p, T> {
    /// The value, and the segments of the path without the verb.
    Route(&'t T, Vec<&'p str>),
    /// The path is served, but only with these methods.
    Methods(BTreeSet<String>),
    /// The path is not served.
    Nothing,
}

/// Two routes take the same requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

impl<T> Tree<T> {
    pub(crate) fn new() -> Self {
        Self { root: Node::new() }
    }

    /// Adds a route; `None` serves any method.
    pub(crate) fn insert(
        &mut self,
        method: Option<Method>,
        template: &Template,
        value: T,
    ) -> Result<(), Conflict> {
        let mut node = &mut self.root;
        let mut into_rest = false;
        for segment in &template.segments {
            match segment {
                Segment::Literal(text) => {
                    node = node.literals.entry(text.clone()).or_insert_with(Node::new)
                }
                Segment::One => node = node.one.get_or_insert_with(|| Box::new(Node::new())),
                // Always the last one, as the parser has made sure.
                Segment::Rest => into_rest = true,
            }
        }
        let leaves = if into_rest { &mut node.rest } else { &mut node.end };
        let same = |leaf: &Leaf<T>| {
            leaf.verb == template.verb
                && (leaf.method == method || leaf.method.is_none() || method.is_none())
        };
        if leaves.iter().any(same) {
            return Err(Conflict);
        }
        leaves.push(Leaf { verb: template.verb.clone(), method, value });
        Ok(())
    }

    /// Finds what serves a request. HEAD is served by whatever serves GET.
    pub(crate) fn find<'t, 'p>(&'t self, method: &Method, path: &'p str) -> Found<'t, 'p, T> {
        let Some(path) = path.strip_prefix('/') else { return Found::Nothing };
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let mut search = Search { method, verb: None, others: BTreeSet::new() };
        // Only a colon in the last segment, and not an encoded one, can begin a verb.
        if let Some((path, verb)) = path.rsplit_once(':').filter(|(_, verb)| !verb.contains('/')) {
            search.verb = Some(verb);
            let segments = path.split('/').collect::<Vec<_>>();
            if let Some(value) = search.walk(&self.root, &segments) {
                return Found::Route(value, segments);
            }
            search.verb = None;
        }
        let segments = path.split('/').collect::<Vec<_>>();
        match search.walk(&self.root, &segments) {
            Some(value) => Found::Route(value, segments),
            None if search.others.is_empty() => Found::Nothing,
            None => Found::Methods(search.others),
        }
    }
}

impl<T> Node<T> {
    fn new() -> Self {
        Self { literals: HashMap::new(), one: None, rest: Vec::new(), end: Vec::new() }
    }
}

struct Search<'s> {
    method: &'s Method,
    verb: Option<&'s str>,
    /// The methods of routes that fit but for their method.
    others: BTreeSet<String>,
}

impl Search<'_> {
    fn walk<'t, T>(&mut self, node: &'t Node<T>, segments: &[&str]) -> Option<&'t T> {
        let Some((first, after)) = segments.split_first() else {
            return self.pick(&node.end).or_else(|| self.pick(&node.rest));
        };
        let literal = decode_literal(first).and_then(|text| node.literals.get(text.as_ref()));
        if let Some(value) = literal.and_then(|next| self.walk(next, after)) {
            return Some(value);
        }
        let one = node.one.as_deref().filter(|_| !first.is_empty());
        if let Some(value) = one.and_then(|next| self.walk(next, after)) {
            return Some(value);
        }
        self.pick(&node.rest)
    }

    fn pick<'t, T>(&mut self, leaves: &'t [Leaf<T>]) -> Option<&'t T> {
        for leaf in leaves.iter().filter(|leaf| leaf.verb.as_deref() == self.verb) {
            match &leaf.method {
                Some(method) if method != self.method => {
                    self.others.insert(method.to_string());
                    if method == Method::GET {
                        self.others.insert(Method::HEAD.to_string());
                    }
                }
                _ => return Some(&leaf.value),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(routes: &[(&str, &'static str)]) -> Tree<&'static str> {
        let mut tree = Tree::new();
        for (method, template) in routes {
            let method = (*method != "*").then(|| method.parse().unwrap());
            tree.insert(method, &template.parse().unwrap(), *template).unwrap();
        }
        tree
    }

    fn found<'t>(tree: &'t Tree<&'static str>, method: &str, path: &str) -> Option<&'t str> {
        match tree.find(&method.parse().unwrap(), path) {
            Found::Route(value, _) => Some(value),
            Found::Methods(_) | Found::Nothing => None,
        }
    }

    #[test]
    fn the_most_specific_template_wins() {
        let tree = tree(&[
            ("GET", "/v1/{rest=**}"),
            ("GET", "/v1/{id}"),
            ("GET", "/v1/cache"),
            ("GET", "/v1/cache/{key=**}"),
            ("GET", "/v1/{a}/b"),
            ("GET", "/v1/a/{b}"),
            ("GET", "/v1/{id}:verb"),
            ("GET", "/v1/cache:verb"),
            ("GET", "/"),
        ]);
        for (path, expected) in [
            ("/", "/"),
            ("/v1", "/v1/{rest=**}"),
            ("/v1/x", "/v1/{id}"),
            ("/v1/cache", "/v1/cache"),
            ("/v1/c%61che", "/v1/cache"),
            ("/v1/cache/", "/v1/cache/{key=**}"),
            ("/v1/cache/a/b", "/v1/cache/{key=**}"),
            // A literal at the first segment that differs counts more than one further on.
            ("/v1/a/b", "/v1/a/{b}"),
            ("/v1/x/b", "/v1/{a}/b"),
            // The way back: `a` fits, what follows does not.
            ("/v1/a/x/y", "/v1/{rest=**}"),
            ("/v1/x/y", "/v1/{rest=**}"),
            ("/v1/", "/v1/{rest=**}"),
            ("/v1/x:verb", "/v1/{id}:verb"),
            ("/v1/cache:verb", "/v1/cache:verb"),
            // Not a verb that anybody has, so the colon belongs to the value.
            ("/v1/x:other", "/v1/{id}"),
            ("/v1/x%3Averb", "/v1/{id}"),
            ("/v1/x:verb/y", "/v1/{rest=**}"),
        ] {
            assert_eq!(found(&tree, "GET", path), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_route_with_the_method_is_found_behind_a_more_specific_one_without() {
        let tree = tree(&[("GET", "/v1/cache"), ("PUT", "/v1/{key=**}")]);
        assert_eq!(found(&tree, "PUT", "/v1/cache"), Some("/v1/{key=**}"));
    }

    #[test]
    fn the_segments_of_a_match_have_no_verb() {
        let tree = tree(&[("POST", "/v1/{id}:turn")]);
        let found = tree.find(&Method::POST, "/v1/a:b:turn");
        assert_eq!(found, Found::Route(&"/v1/{id}:turn", vec!["v1", "a:b"]));
    }

    #[test]
    fn other_methods_are_told_and_unknown_paths_are_nothing() {
        let tree = tree(&[
            ("GET", "/v1/{id}"),
            ("PATCH", "/v1/{id}"),
            ("POST", "/v1/{id}:turn"),
            ("*", "/any"),
        ]);
        let methods = |path| match tree.find(&Method::PUT, path) {
            Found::Methods(methods) => methods.into_iter().collect::<Vec<_>>().join(","),
            _ => String::new(),
        };
        assert_eq!(methods("/v1/x"), "GET,HEAD,PATCH");
        assert_eq!(methods("/v1/x:turn"), "GET,HEAD,PATCH,POST");
        for path in ["/", "", "*", "/v1", "/v1/", "/v1/x/y", "/v2/x"] {
            assert_eq!(tree.find(&Method::PUT, path), Found::Nothing, "{path}");
        }
        assert_eq!(found(&tree, "PUT", "/any"), Some("/any"));
        assert_eq!(found(&tree, "HEAD", "/v1/x"), Some("/v1/{id}"));
    }

    #[test]
    fn two_routes_for_the_same_requests_are_a_conflict() {
        for (first, second) in
            [("GET /v1/{a}", "GET /v1/{b}"), ("* /v1/x", "PUT /v1/x"), ("GET /{a=**}", "GET /**")]
        {
            let mut tree = Tree::new();
            let mut insert = |route: &str| {
                let (method, template) = route.split_once(' ').unwrap();
                tree.insert(
                    (method != "*").then(|| method.parse().unwrap()),
                    &template.parse().unwrap(),
                    (),
                )
            };
            insert(first).unwrap();
            assert_eq!(insert(second), Err(Conflict), "{first} and {second}");
        }
    }
}
