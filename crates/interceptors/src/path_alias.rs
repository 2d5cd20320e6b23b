//! Serves the clients of an older package name by the methods of the newer one.
//!
//! gRPC puts the package name into the path of a call, so a package that is renamed or versioned breaks every client although
//! its messages are the same on the wire. A [`PathAlias`] maps the old prefix to the new one before the call is routed.
//!
//! ```
//! use wayside_interceptors::path_alias::{PathAlias, PathAliasLayer};
//!
//! const ALIASES: &[PathAlias] = &[PathAlias { from: "/greet.GreetService/", to: "/greet.v1.GreetService/" }];
//! let layer = PathAliasLayer::new(ALIASES);
//! ```

use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

/// An old path prefix and the one that serves it. Both start and end with `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathAlias {
    /// What the path of the call starts with.
    pub from: &'static str,
    /// What takes its place.
    pub to: &'static str,
}

/// In a request's extensions: the call came by an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalledByAlias(pub PathAlias);

/// Applies [`PathAlias`]es.
#[derive(Clone, Copy, Debug)]
pub struct PathAliasLayer {
    aliases: &'static [PathAlias],
}

impl PathAliasLayer {
    /// A layer that applies the first alias that fits.
    pub fn new(aliases: &'static [PathAlias]) -> Self {
        Self { aliases }
    }
}

impl<S> Layer<S> for PathAliasLayer {
    type Service = PathAliasService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PathAliasService { aliases: self.aliases, inner }
    }
}

/// The service of [`PathAliasLayer`].
#[derive(Clone, Copy, Debug)]
pub struct PathAliasService<S> {
    aliases: &'static [PathAlias],
    inner: S,
}

impl<S, B> Service<Request<B>> for PathAliasService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        if let Some(alias) = self.aliases.iter().find(|alias| path.starts_with(alias.from))
            && let Some(uri) = renamed(request.uri(), alias)
        {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(CalledByAlias(*alias));
        }
        self.inner.call(request)
    }
}

fn renamed(uri: &Uri, alias: &PathAlias) -> Option<Uri> {
    let path_and_query = uri.path_and_query()?.as_str();
    let rest = path_and_query.strip_prefix(alias.from)?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{}{rest}", alias.to)).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::ServiceExt;
    use tower::service_fn;

    use super::*;

    const ALIASES: &[PathAlias] =
        &[PathAlias { from: "/rpc.Cache/", to: "/cache.v1.CacheService/" }];

    async fn routed(uri: &str) -> (String, bool) {
        let inner = service_fn(|request: Request<()>| async move {
            let aliased = request.extensions().get::<CalledByAlias>().is_some();
            Ok::<_, Infallible>((request.uri().to_string(), aliased))
        });
        let request = Request::builder().uri(uri).body(()).unwrap();
        PathAliasLayer::new(ALIASES).layer(inner).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn an_old_path_is_renamed_and_marked() {
        let (uri, aliased) = routed("http://host:1/rpc.Cache/Store").await;
        assert_eq!((uri.as_str(), aliased), ("http://host:1/cache.v1.CacheService/Store", true));
    }

    #[tokio::test]
    async fn other_paths_are_left_alone() {
        for path in ["/cache.v1.CacheService/Store", "/rpc.CacheX/Store", "/x/rpc.Cache/Store"] {
            assert_eq!(routed(path).await, (path.to_owned(), false));
        }
    }
}
