//! Every route that the gateway has.

use std::sync::Arc;

use http::Method;
use prost_reflect::{DescriptorPool, MethodDescriptor};
use wayside_chassis::Outgoing;

use crate::backends::Backends;
use crate::binding::{Binding, Target};
use crate::error::RouteError;
use crate::greet;
use crate::pages::Page;
use crate::rule::Rules;
use crate::tree::Tree;

/// What a route leads to.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// A method of a server.
    Call(Arc<Binding>),
    /// Something that the gateway has itself.
    Page(Page),
}

/// Every route that the gateway has.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) tree: Tree<Endpoint>,
    /// Every binding, in the order of the proto files.
    pub(crate) bindings: Vec<Arc<Binding>>,
}

impl Table {
    /// Makes routes of every annotation in the pool, and of what the gateway has without one.
    pub(crate) fn new(pool: &DescriptorPool, backends: &Backends) -> Result<Self, RouteError> {
        let rules = Rules::new(pool);
        let mut table = Self { tree: Tree::new(), bindings: Vec::new() };
        for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let of_method =
                rules.as_ref().map_or_else(|| Ok(Vec::new()), |rules| rules.of(&method))?;
            if of_method.is_empty() {
                continue;
            }
            let target = Arc::new(Target::new(&method, channel(backends, &method)?)?);
            for rule in of_method {
                table.add(Binding::new(target.clone(), rule)?)?;
            }
            if let Some(binding) = greet::binding(&target)? {
                table.add(binding)?;
            }
        }
        table.add_pages()?;
        Ok(table)
    }

    fn add(&mut self, binding: Binding) -> Result<(), RouteError> {
        let binding = Arc::new(binding);
        let added = self.tree.insert(
            binding.http_method.clone(),
            &binding.template,
            Endpoint::Call(binding.clone()),
        );
        added.map_err(|_| {
            RouteError::new(
                &binding.target.method,
                "has the same HTTP method and path as another one",
            )
        })?;
        self.bindings.push(binding);
        Ok(())
    }

    fn add_pages(&mut self) -> Result<(), RouteError> {
        for page in Page::ALL {
            let template = page.path().parse().map_err(|_| RouteError::page(page.path()))?;
            let added = self.tree.insert(Some(Method::GET), &template, Endpoint::Page(page));
            added.map_err(|_| RouteError::page(page.path()))?;
        }
        Ok(())
    }
}

fn channel(backends: &Backends, method: &MethodDescriptor) -> Result<Outgoing, RouteError> {
    let channel = backends.channel(method.parent_service());
    channel.ok_or_else(|| {
        RouteError::new(method, "has an annotation, but its service has no target in backends.rs")
    })
}
