//! The counts as observers of calls and of attempts.

use http::{Extensions, HeaderMap, request, response};

use super::{ClientAttempt, ClientCall, ClientCalls};
use crate::client::head::PREVIOUS_ATTEMPTS;
use crate::client::observe::{Ending, ObservedCall, Observer, OutgoingCall};
use crate::client::retry::{Attempts, TransparentRetries};
use crate::metrics::{Totals, sampled};

/// Observes whole calls: for an [`ObserveLayer`](crate::client::observe::ObserveLayer) around the retries.
#[derive(Clone, Debug)]
pub struct PerCall(pub(super) ClientCalls);

/// Observes attempts: for an [`ObserveLayer`](crate::client::observe::ObserveLayer) inside of the retries.
#[derive(Clone, Debug)]
pub struct PerAttempt(pub(super) ClientCalls);

/// A call that [`PerCall`] observes.
#[derive(Debug)]
pub struct CallInProgress {
    call: ClientCall,
    attempts: Option<Attempts>,
}

impl Observer for PerCall {
    type Call = CallInProgress;

    fn start(&self, call: &mut OutgoingCall, _: &mut request::Parts) -> Option<CallInProgress> {
        Some(CallInProgress { call: self.0.start(call.path()), attempts: None })
    }
}

impl ObservedCall for CallInProgress {
    fn head(&mut self, _: &OutgoingCall, head: &response::Parts) {
        self.attempts = head.extensions.get().copied().or_else(|| sent_again(&head.extensions));
    }

    fn ended(self, call: &OutgoingCall, ending: Ending<'_>) {
        let attempts = self.attempts.or_else(|| told(ending.metadata()?)).unwrap_or_default();
        let (duration, trace_id) = (call.elapsed(), sampled(call.trace()));
        let totals = Totals { duration, trace_id, ..Totals::default() };
        self.call.end(ending.code(), &totals, attempts);
    }
}

/// A call whose method has no policy is one attempt, which its channel may have sent again.
fn sent_again(extensions: &Extensions) -> Option<Attempts> {
    let transparent_retries = TransparentRetries::of(extensions);
    let attempts = Attempts { total: 1, transparent_retries, ..Attempts::default() };
    (transparent_retries > 0).then_some(attempts)
}

/// A call that fails without the head of a response is told how many attempts there were, but not what they were for: they count as retries.
fn told(metadata: &HeaderMap) -> Option<Attempts> {
    let retries: u32 = metadata.get(PREVIOUS_ATTEMPTS)?.to_str().ok()?.parse().ok()?;
    let total = retries.checked_add(1)?;
    Some(Attempts { total, retries, ..Attempts::default() })
}

impl Observer for PerAttempt {
    type Call = ClientAttempt;

    fn start(&self, call: &mut OutgoingCall, _: &mut request::Parts) -> Option<ClientAttempt> {
        Some(self.0.start(call.path()).attempt())
    }
}

impl ObservedCall for ClientAttempt {
    const COUNTS: bool = true;

    fn ended(self, call: &OutgoingCall, ending: Ending<'_>) {
        let totals = Totals {
            duration: call.elapsed(),
            sent_bytes: call.sent().message_bytes(),
            received_bytes: call.received().message_bytes(),
            trace_id: sampled(call.trace()),
        };
        self.end(ending.code(), &totals);
    }
}
