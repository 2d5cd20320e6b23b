//! What a call hands on, and what every call of a channel says.
//!
//! A call that is made within another has that one's [`Propagated`] in its extensions, as a handler's context puts it there: the request id and the headers of the
//! server's allow-list are written into it. A call within a dry run is a dry run. Headers of the channel's own, such as the name of the client, are written into every call. What a caller has
//! set by itself is left as it is.
//!
//! ```
//! use http::{HeaderName, HeaderValue};
//! use tower_layer::Layer;
//! use wayside_interceptors::client::metadata::MetadataLayer;
//!
//! let client = HeaderName::from_static("x-client");
//! let layer = MetadataLayer::default().with(client, HeaderValue::from_static("gateway"));
//! # let channel = tonic::service::Routes::default();
//! let service = layer.layer(channel);
//! ```

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::dry_run::{self, DRY_RUN, DryRun};
use crate::metadata::Propagated;

/// Writes metadata into calls. See the [module docs](self).
#[derive(Clone, Debug, Default)]
pub struct MetadataLayer {
    own: Arc<[(HeaderName, HeaderValue)]>,
}

impl MetadataLayer {
    /// Adds a header to every call.
    #[must_use]
    pub fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        let own = self.own.iter().cloned().chain([(name, value)]).collect();
        Self { own }
    }
}

impl<S> Layer<S> for MetadataLayer {
    type Service = Metadata<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Metadata { inner, own: self.own.clone() }
    }
}

/// The service of [`MetadataLayer`].
#[derive(Clone, Debug)]
pub struct Metadata<S> {
    inner: S,
    own: Arc<[(HeaderName, HeaderValue)]>,
}

impl<S, B> Service<Request<B>> for Metadata<S>
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
        let dry = request.extensions().get::<DryRun>().is_some();
        if let Some(propagated) = request.extensions_mut().remove::<Propagated>() {
            add(request.headers_mut(), propagated.headers());
        }
        if dry {
            // Whatever the caller has set: nothing of a dry run may have an effect.
            request.headers_mut().insert(DRY_RUN, dry_run::one());
        }
        add(request.headers_mut(), self.own.iter().map(|(name, value)| (name, value)));
        self.inner.call(request)
    }
}

/// Adds headers, several of a name too, but for names that are there already.
fn add<'a>(
    headers: &mut HeaderMap,
    added: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) {
    let mut last: Option<&HeaderName> = None;
    for (name, value) in added {
        // Values of one name follow each other.
        if last == Some(name) || !headers.contains_key(name) {
            headers.append(name, value.clone());
            last = Some(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::Response;
    use tower::{ServiceExt, service_fn};

    use super::*;
    use crate::metadata::{self, AllowList};

    /// The extensions of a request that is served, which has these headers.
    async fn serving(headers: &[(&'static str, &'static str)]) -> http::Extensions {
        let inner = service_fn(|request: Request<()>| async move {
            Ok::<_, Infallible>(Response::new(request.into_parts().0.extensions))
        });
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        let list = AllowList::new(["tenant", "experiment"]).unwrap();
        let service = metadata::MetadataLayer::new(list).layer(inner);
        service.oneshot(request).await.unwrap().into_body()
    }

    async fn sent(layer: MetadataLayer, request: Request<()>) -> HeaderMap {
        let inner = service_fn(|request: Request<()>| async move {
            Ok::<_, Infallible>(request.headers().clone())
        });
        layer.layer(inner).oneshot(request).await.unwrap()
    }

    fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_call_within_another_has_its_id_and_its_listed_headers() {
        let mut request = Request::new(());
        *request.extensions_mut() = serving(&[
            ("x-request-id", "order-17"),
            ("tenant", "a"),
            ("tenant", "b"),
            ("experiment", "blue"),
            ("authorization", "Bearer secret"),
        ])
        .await;
        request.headers_mut().insert("experiment", HeaderValue::from_static("own"));
        let headers = sent(MetadataLayer::default(), request).await;
        assert_eq!(values(&headers, "x-request-id"), ["order-17"]);
        assert_eq!(values(&headers, "tenant"), ["a", "b"]);
        assert_eq!(values(&headers, "experiment"), ["own"], "what the caller has set stays");
        assert_eq!(values(&headers, "authorization"), [""; 0]);
    }

    #[tokio::test]
    async fn a_call_within_a_dry_run_is_one_whatever_its_caller_says() {
        let mut request = Request::new(());
        request.extensions_mut().insert(DryRun);
        request.headers_mut().insert(DRY_RUN, HeaderValue::from_static("0"));
        assert_eq!(values(&sent(MetadataLayer::default(), request).await, "dry-run"), ["1"]);
        assert_eq!(
            values(&sent(MetadataLayer::default(), Request::new(())).await, "dry-run"),
            [""; 0]
        );
    }

    #[tokio::test]
    async fn headers_of_the_channel_are_in_every_call() {
        let name = HeaderName::from_static("x-client");
        let layer = MetadataLayer::default().with(name, HeaderValue::from_static("gateway"));
        assert_eq!(values(&sent(layer.clone(), Request::new(())).await, "x-client"), ["gateway"]);
        let mut request = Request::new(());
        request.headers_mut().insert("x-client", HeaderValue::from_static("own"));
        assert_eq!(values(&sent(layer, request).await, "x-client"), ["own"]);
    }
}
