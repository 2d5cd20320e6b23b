//! The calls of one connection: counted, and ended when the connection has to go.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::Either;
use http::{Extensions, HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;
use tower::util::Oneshot;
use tower::{Service, ServiceExt};
use wayside_interceptors::Peer;
use wayside_interceptors::grpc_only::is_grpc;

use super::state::ConnectionState;

/// The service of one connection.
#[derive(Debug)]
pub(super) struct Calls<S> {
    /// One for all calls of the connection, which come one after the other: a clone of a stack for each call would count up and down whatever its layers share.
    service: Mutex<S>,
    /// What every request has.
    extensions: Extensions,
    state: Arc<ConnectionState>,
}

impl<S> Calls<S> {
    pub(super) fn new(service: S, peer: Peer, state: Arc<ConnectionState>) -> Self {
        let mut extensions = roomy();
        extensions.insert(peer);
        Self { service: Mutex::new(service), extensions, state }
    }
}

/// Empty, with room for what the layers of a stack add, which a copy has as well: a map that grows for each request is moved each time.
fn roomy() -> Extensions {
    #[derive(Clone)]
    struct Filler<const N: usize>;
    let mut extensions = Extensions::new();
    extensions.insert(Filler::<0>);
    extensions.insert(Filler::<1>);
    extensions.insert(Filler::<2>);
    extensions.insert(Filler::<3>);
    extensions.clear();
    extensions
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Calls<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone,
{
    type Response = Response<CallBody<B>>;
    type Error = Infallible;
    type Future = CallFuture<Either<S::Future, Pin<Box<Oneshot<S, Request<Incoming>>>>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let grpc = is_grpc(request.headers());
        request.extensions_mut().extend(self.extensions.clone());
        // A panic in a layer outside of the recovery ends its connection, and with it this.
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        // What serves gRPC is always ready; a service that is not is waited for by a clone.
        let inner = match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(_) => Either::Left(service.call(request)),
            Poll::Pending => Either::Right(Box::pin(service.clone().oneshot(request))),
        };
        let in_flight = Some(InFlight::new(self.state.clone()));
        CallFuture { inner, cut: Cut::default(), in_flight, grpc }
    }
}

/// Counts a call for as long as it lives.
#[derive(Debug)]
struct InFlight(Arc<ConnectionState>);

impl InFlight {
    fn new(state: Arc<ConnectionState>) -> Self {
        state.call_begins();
        Self(state)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.call_ends();
    }
}

/// UNAVAILABLE, so that the client knows that another server may be asked.
fn going() -> Status {
    Status::unavailable("the server is going away and the call took longer than it could wait")
}

/// Waits until the calls of the connection are cut. Made when a call has to wait for something, which one that is answered at once does not.
#[derive(Debug, Default)]
struct Cut(Option<Pin<Box<WaitForCancellationFutureOwned>>>);

impl Cut {
    fn poll(&mut self, in_flight: Option<&InFlight>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(InFlight(state)) = in_flight else { return Poll::Pending };
        let made = || Box::pin(state.cut.clone().cancelled_owned());
        self.0.get_or_insert_with(made).as_mut().poll(cx)
    }
}

pin_project! {
    /// A call until the head of its response.
    pub(super) struct CallFuture<F> {
        #[pin]
        inner: F,
        cut: Cut,
        in_flight: Option<InFlight>,
        grpc: bool,
    }
}

impl<F, B> Future for CallFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<CallBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(Ok(response)) = this.inner.poll(cx) {
            let in_flight = this.in_flight.take();
            return Poll::Ready(
                Ok(response.map(|body| CallBody::new(body, in_flight, *this.grpc))),
            );
        }
        std::task::ready!(this.cut.poll(this.in_flight.as_ref(), cx));
        let mut response = Response::new(());
        if *this.grpc {
            response = going().into_http::<()>();
        } else {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        Poll::Ready(Ok(response.map(|()| CallBody::ended())))
    }
}

pin_project! {
    /// The rest of a call.
    pub(super) struct CallBody<B> {
        #[pin]
        inner: Option<B>,
        cut: Cut,
        in_flight: Option<InFlight>,
        grpc: bool,
    }
}

impl<B> CallBody<B> {
    fn new(inner: B, in_flight: Option<InFlight>, grpc: bool) -> Self {
        Self { inner: Some(inner), cut: Cut::default(), in_flight, grpc }
    }

    fn ended() -> Self {
        Self { inner: None, cut: Cut::default(), in_flight: None, grpc: false }
    }
}

impl<B: Body> Body for CallBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = inner.poll_frame(cx) {
            if frame.is_none() {
                this.inner.set(None);
                this.in_flight.take();
            }
            return Poll::Ready(frame);
        }
        std::task::ready!(this.cut.poll(this.in_flight.as_ref(), cx));
        this.inner.set(None);
        this.in_flight.take();
        let mut trailers = HeaderMap::new();
        if *this.grpc && going().add_header(&mut trailers).is_ok() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
