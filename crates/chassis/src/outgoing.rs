//! The client's interceptors, outermost first, around a channel.

use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use tonic::body::Body;
use tower::ServiceBuilder;
use tower::util::{Either, MapRequest, MapResponse};
use wayside_balance::service_config::{HedgingPolicy, MethodConfig, RetryPolicy, RetryThrottling};
use wayside_balance::{Address, CallWatch, Channel, SentAgain, TransparentRetries, WatchCall};
use wayside_interceptors::client::auth::Auth;
use wayside_interceptors::client::circuit_breaker::{CircuitBreakerLayer, CircuitBreakerService};
use wayside_interceptors::client::deadline::{DeadlineLayer, DeadlineService};
use wayside_interceptors::client::logging::CallLog;
use wayside_interceptors::client::metadata::{Metadata, MetadataLayer};
use wayside_interceptors::client::metrics::{ClientCalls, PerAttempt, PerCall};
use wayside_interceptors::client::observe::{Observe, ObserveLayer};
use wayside_interceptors::client::retry::{
    self, MethodPolicy, Policies, Retry, RetryLayer, Throttle,
};
use wayside_interceptors::client::trace::{AttemptNotes, TraceAttempts, TraceSent};
use wayside_interceptors::deadline::Timeouts;
use wayside_interceptors::trace::Tracer;

use crate::call_args::CallArgs;
use crate::debug::{AttemptObserver, CallObserver, Recent};
use crate::metrics::Watched;

/// What generated clients of a server are made with: a channel that keeps to the method part of its service config, timeouts, retries, hedging and their throttle,
/// hands metadata on and logs every call.
pub type Outgoing = Observe<Metadata<DeadlineService<Either<Auth<Attempts>, Attempts>>>, OfCall>;

/// What is told of calls: the span first, so that the others know its trace; the numbers, the page of the last calls, the log.
type OfCall = (Option<TraceSent>, PerCall, Option<CallObserver>, CallLog);

/// What is told of attempts.
type OfAttempt = (Option<TraceAttempts>, PerAttempt, Option<AttemptObserver>);

/// What makes the attempts of a call.
type Attempts = Retry<Observe<CircuitBreakerService<Told>, OfAttempt>>;

/// A channel that tells the span of an attempt what becomes of it, and the answer how often it was sent.
type Told = MapResponse<MapRequest<Channel, TellSpan>, TellAnswer>;
type TellSpan = fn(Request<Body>) -> Request<Body>;
type TellAnswer = fn(Response<Body>) -> Response<Body>;

/// Puts the client's interceptors around a channel, with the defaults of [`CallArgs`].
pub fn outgoing(channel: Channel) -> Outgoing {
    compose(channel, "", &CallArgs::default(), None, None).0
}

/// Puts the client's interceptors around a channel to `target`, and gives what is counted there. The spans of calls are made by `tracer`, and the last calls written down in `recent`.
pub(crate) fn compose(
    channel: Channel,
    target: &str,
    args: &CallArgs,
    tracer: Option<Tracer>,
    recent: Option<&Recent>,
) -> (Outgoing, Watched) {
    let timeouts = channel.clone();
    let policies = ServiceConfigPolicies { channel: channel.clone(), throttle: Arc::default() };
    let throttle = policies.throttle.clone();
    let retry = RetryLayer::new(policies);
    let retry = match args.budget() {
        Some(budget) => retry.budget(budget),
        None => retry,
    };
    let watched = Watched {
        channel: channel.clone(),
        calls: ClientCalls::new(channel.target().to_string()),
        breaker: args.breaker(target),
        retries: retry.stats(),
        throttle,
    };
    let (calls, breaker) = (&watched.calls, watched.breaker.clone());
    let (writes_call, writes_attempt) = recent.map(|recent| recent.observers(target)).unzip();
    let outgoing = ServiceBuilder::new()
        // Outermost, so that it is one line a call, with what became of it after all attempts.
        .layer(ObserveLayer::new((
            tracer.clone().map(TraceSent::new),
            calls.per_call(),
            writes_call,
            CallLog,
        )))
        // Before anything is kept of the request to send it again.
        .layer(MetadataLayer::default())
        // So that the deadline covers every attempt and the pauses between them, and the fetching of a token.
        .layer(DeadlineLayer::new(move |path| timeouts_of(&timeouts, path)))
        // Around the retries, as a refused token is no matter of their policy.
        .option_layer(args.token())
        // Each attempt is picked anew.
        .layer(retry)
        // Around the breaker, so that an attempt that it refuses is seen to have failed.
        .layer(ObserveLayer::new((
            tracer.map(TraceAttempts::new),
            calls.per_attempt(),
            writes_attempt,
        )))
        // Innermost, so that every attempt counts, and none is made while the target is left alone.
        .layer(CircuitBreakerLayer::new(breaker))
        .map_response(tell_answer as TellAnswer)
        .map_request(tell_span as TellSpan)
        .service(channel);
    (outgoing, watched)
}

/// Has the channel tell the span of an attempt what becomes of it.
fn tell_span(mut request: Request<Body>) -> Request<Body> {
    if let Some(notes) = request.extensions_mut().remove::<AttemptNotes>() {
        request.extensions_mut().insert(CallWatch::new(Notes(notes)));
    }
    request
}

/// Says in the words of the interceptors what the channel says.
fn tell_answer(mut answer: Response<Body>) -> Response<Body> {
    if let Some(again) = answer.extensions().get::<TransparentRetries>() {
        let again = retry::TransparentRetries(again.0);
        answer.extensions_mut().insert(again);
    }
    answer
}

struct Notes(AttemptNotes);

impl WatchCall for Notes {
    fn picked(&self, endpoint: &Address, waited: bool) {
        self.0.picked(endpoint, waited);
    }

    fn resolved_late(&self) {
        self.0.resolved_late();
    }

    fn sent_again(&self, why: SentAgain) {
        self.0.note(match why {
            SentAgain::Unsent => "Transparent retry, never sent",
            SentAgain::GoAway => "Transparent retry, GOAWAY",
            SentAgain::Refused => "Transparent retry, REFUSED_STREAM",
        });
    }
}

fn timeouts_of(channel: &Channel, path: &str) -> Timeouts {
    let config = channel.service_config();
    let timeout = config.method(path).and_then(|method| method.timeout);
    // Source: grpc/grpc `service_config.proto`, "the stricter of both holds".
    Timeouts { default: timeout, max: timeout }
}

/// The throttle of a channel whose service config has one, and what it was made of.
pub(crate) type ThrottleInUse = Arc<Mutex<Option<(RetryThrottling, Arc<Throttle>)>>>;

/// The policies in a channel's service config, as it is now.
struct ServiceConfigPolicies {
    channel: Channel,
    throttle: ThrottleInUse,
}

impl Policies for ServiceConfigPolicies {
    fn policy(&self, path: &str) -> Option<MethodPolicy> {
        self.channel.service_config().method(path).and_then(method_policy)
    }

    fn throttle(&self) -> Option<Arc<Throttle>> {
        let wanted = self.channel.service_config().retry_throttling()?;
        // Replaced in one step, so a panic elsewhere cannot have left half of it.
        let mut last = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match &*last {
            Some((of, throttle)) if *of == wanted => return Some(throttle.clone()),
            Some((_, throttle)) => throttle.successor(wanted.max_tokens, wanted.token_ratio),
            None => Throttle::try_new(wanted.max_tokens, wanted.token_ratio),
        };
        // A service config is validated by the same rules, so it makes a throttle.
        let made = Arc::new(made.ok()?);
        *last = Some((wanted, made.clone()));
        Some(made)
    }
}

fn method_policy(method: &MethodConfig) -> Option<MethodPolicy> {
    let retry = method.retry_policy.as_ref().map(retry_policy);
    retry.or_else(|| method.hedging_policy.as_ref().map(hedging_policy)).flatten()
}

/// `None` cannot be: a service config is validated by the same rules.
fn retry_policy(policy: &RetryPolicy) -> Option<MethodPolicy> {
    let made = retry::RetryPolicy::try_new(
        policy.max_attempts,
        policy.initial_backoff,
        policy.max_backoff,
        policy.backoff_multiplier,
        policy.retryable_status_codes.iter().copied(),
    );
    made.ok().map(MethodPolicy::Retry)
}

fn hedging_policy(policy: &HedgingPolicy) -> Option<MethodPolicy> {
    let codes = policy.non_fatal_status_codes.iter().copied();
    let made = retry::HedgingPolicy::try_new(policy.max_attempts, policy.hedging_delay, codes);
    made.ok().map(MethodPolicy::Hedging)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_to_the_interceptors_what_the_channel_says() {
        let mut answer = Response::new(Body::empty());
        assert!(tell_answer(Response::new(Body::empty())).extensions().is_empty());
        answer.extensions_mut().insert(TransparentRetries(2));
        let told = tell_answer(answer).extensions().get().copied();
        assert_eq!(told, Some(retry::TransparentRetries(2)));
    }
}
