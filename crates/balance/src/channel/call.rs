//! One call: pick, wait, send, and once more if no server has seen it.

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, Request, Response, Uri};
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::body::Body;

use super::body::{self, Reply};
use super::current::{Current, Pictures};
use super::request_body::RequestBody;
use super::timeout::{grpc_timeout, set_grpc_timeout};
use super::{CallWatch, Inner, SentAgain, TransparentRetries, WaitForReady};
use crate::policy::{Pick, PickArgs};
use crate::status;
use crate::subchannel::{Picked, Place};

/// A call that is to be sent.
struct Call<'a> {
    channel: &'a Inner,
    head: http::request::Parts,
    deadline: Option<Instant>,
    wait_for_ready: bool,
    watch: Option<CallWatch>,
}

/// What a look at the picker says.
enum Turn {
    Go(Picked),
    /// It was picked, and every connection has as many calls as the server takes.
    Full(Picked),
    /// Nowhere to go yet.
    Wait,
    Fail(Status),
}

/// Makes a call.
pub(super) async fn call(
    channel: &Inner,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let (head, body) = request.into_parts();
    let body = RequestBody::read(body).await?;
    let (call, turn) = Call::begin(channel, head);
    call.send(turn, body).await
}

impl<'a> Call<'a> {
    /// The call, and what the first look at the picker says, which is the one that the service config belongs to.
    fn begin(channel: &'a Inner, mut head: http::request::Parts) -> (Self, Turn) {
        let asked = head.extensions.remove::<WaitForReady>();
        let watch = head.extensions.remove::<CallWatch>();
        let current = channel.pictures.now();
        let (timeout, configured) = current
            .config
            .method(head.uri.path())
            .map_or((None, None), |method| (method.timeout, method.wait_for_ready));
        let wait_for_ready =
            asked.map(|WaitForReady(wait)| wait).or(configured).unwrap_or_default();
        let own = grpc_timeout(&head.headers);
        if let Some(timeout) = timeout.filter(|timeout| own.is_none_or(|own| *timeout < own)) {
            set_grpc_timeout(&mut head.headers, timeout);
        }
        let deadline = own.into_iter().chain(timeout).min().map(|timeout| Instant::now() + timeout);
        channel.complete(&mut head.headers);
        let call = Self { channel, head, deadline, wait_for_ready, watch };
        let turn = call.turn(&current);
        (call, turn)
    }

    /// Sends the call by whichever connection takes it.
    ///
    /// A call that comes back was never sent, so it is sent again as often as it takes. One that a server has refused unseen (REFUSED_STREAM, or above the last stream
    /// of its GOAWAY) is sent again once. Source: gRFC A6, "Transparent Retries".
    async fn send(self, first: Turn, body: RequestBody) -> Result<Response<Body>, Status> {
        let (mut turn, mut refused, mut again) = (first, false, 0);
        loop {
            let picked = self.place(turn).await?;
            let Some(connection) = picked.connection() else {
                turn = self.look();
                continue;
            };
            let attempt = body.attempt();
            let attempt = if body.is_stream() { connection.streamed(attempt) } else { attempt };
            let sent = connection.send(self.attempt(&picked, attempt));
            let sent = self.in_time(sent).await?;
            let error = match sent {
                Ok(mut response) => {
                    picked.answered();
                    if again > 0 {
                        response.extensions_mut().insert(TransparentRetries(again));
                    }
                    return Ok(self.reply(picked, response, body));
                }
                Err(error) => error,
            };
            let unsent = error.message().is_some();
            if !unsent {
                if refused || !body.can_be_sent_again() || !status::is_unseen(error.error()) {
                    let status = status::of(error.error());
                    let mut picked = picked;
                    picked.end(status.code(), None);
                    return Err(status);
                }
                refused = true;
            }
            let going_away = status::is_go_away(error.error());
            self.tell_of_return(unsent, going_away);
            again += 1;
            if unsent || going_away {
                // The connection has taken its last call; whoever drives it will notice when it is polled.
                picked.connection_is_closing();
            }
            picked.returned();
            tokio::task::yield_now().await;
            turn = self.look();
        }
    }

    fn tell_of_return(&self, unsent: bool, going_away: bool) {
        let why = match (unsent, going_away) {
            (true, _) => SentAgain::Unsent,
            (false, true) => SentAgain::GoAway,
            (false, false) => SentAgain::Refused,
        };
        CallWatch::sent_again(self.watch.as_ref(), why);
    }

    fn picked(&self, picked: Picked, waited: bool) -> Picked {
        CallWatch::picked(self.watch.as_ref(), picked.subchannel().address(), waited);
        picked
    }

    /// A subchannel and a place on one of its connections, which has to be waited for unless the first look has found one.
    async fn place(&self, first: Turn) -> Result<Picked, Status> {
        match first {
            Turn::Go(picked) => return Ok(self.picked(picked, false)),
            Turn::Fail(status) => return Err(status),
            Turn::Full(picked) => picked.returned(),
            Turn::Wait => {}
        }
        let pictures = &self.channel.pictures;
        let _waiting = pictures.wait()?;
        let mut unresolved = !self.channel.board.has_answer();
        loop {
            CallWatch::look_resolved(self.watch.as_ref(), &mut unresolved, &self.channel.board);
            let mut changed = std::pin::pin!(pictures.changed());
            // A picture that is shown between the look and the wait counts.
            changed.as_mut().enable();
            match self.look() {
                Turn::Go(picked) => return Ok(self.picked(picked, true)),
                Turn::Fail(status) => return Err(status),
                Turn::Full(mut picked) => {
                    match self.ready_in_time(picked.wait_for_place()).await? {
                        Place::Taken => return Ok(self.picked(picked, true)),
                        Place::Full | Place::Gone => picked.returned(),
                    }
                }
                Turn::Wait => {
                    self.channel.wake_if_idle();
                    self.ready_in_time(changed).await?;
                }
            }
        }
    }

    fn look(&self) -> Turn {
        self.turn(&self.channel.pictures.now())
    }

    fn turn(&self, current: &Current) -> Turn {
        let args = PickArgs { path: self.head.uri.path(), headers: &self.head.headers };
        match current.picture.picker.pick(&args) {
            Pick::Subchannel(subchannel) => {
                let mut picked = Picked::new(subchannel);
                match picked.take_place() {
                    Place::Taken => Turn::Go(picked),
                    Place::Full => Turn::Full(picked),
                    Place::Gone => {
                        picked.returned();
                        Turn::Wait
                    }
                }
            }
            Pick::Fail(status) => {
                // The list may be out of date, and its resolver in a long backoff.
                self.channel.resolve_now.want();
                if self.wait_for_ready {
                    Turn::Wait
                } else {
                    Turn::Fail(status::control_plane(status))
                }
            }
            Pick::Drop(status) => {
                Turn::Fail(status::not_to_be_retried(status::control_plane(status)))
            }
            Pick::Queue => Turn::Wait,
        }
    }

    /// The request as it is sent by one connection.
    fn attempt(&self, picked: &Picked, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.version_mut() = http::Version::HTTP_2;
        *request.headers_mut() = self.head.headers.clone();
        let mut uri = http::uri::Parts::default();
        let encrypted = self.channel.transport.is_encrypted();
        uri.scheme = Some(if encrypted { Scheme::HTTPS } else { Scheme::HTTP });
        uri.authority = Some(picked.subchannel().authority().clone());
        let path = self.head.uri.path_and_query().cloned();
        uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        // Scheme, authority and path are all there, which is all that can be wrong.
        *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
        request
    }

    fn reply(
        &self,
        picked: Picked,
        response: Response<hyper::body::Incoming>,
        request: RequestBody,
    ) -> Response<Body> {
        let (mut head, incoming) = response.into_parts();
        body::mend(&mut head.headers);
        let reply = Reply::new(incoming, picked, self.deadline, &head.headers, request.into_rest());
        Response::from_parts(head, reply.map_or_else(Body::empty, Body::new))
    }

    async fn in_time<F: Future>(&self, work: F) -> Result<F::Output, Status> {
        let Some(deadline) = self.deadline else { return Ok(work.await) };
        timeout_at(deadline, work).await.map_err(|_| status::deadline_exceeded("the call was sent"))
    }

    /// As [`in_time`](Self::in_time); what ran out of time says what it waited for.
    async fn ready_in_time<F: Future>(&self, work: F) -> Result<F::Output, Status> {
        let Some(deadline) = self.deadline else { return Ok(work.await) };
        timeout_at(deadline, work).await.map_err(|_| self.never_ready())
    }

    fn never_ready(&self) -> Status {
        let pictures: &Pictures = &self.channel.pictures;
        let current = pictures.now();
        let no_headers = HeaderMap::new();
        let args = PickArgs { path: self.head.uri.path(), headers: &no_headers };
        status::deadline_exceeded(&match current.picture.picker.pick(&args) {
            Pick::Fail(status) => format!("no connection was ready: {}", status.message()),
            _ => format!("no connection was ready, the channel is {}", current.picture.state),
        })
    }
}
