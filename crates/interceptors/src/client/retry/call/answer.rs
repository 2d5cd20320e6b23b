//! What the answers of attempts mean for their call.

use std::mem;

use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tower_service::Service;

use super::super::accounting::Failure;
use super::super::plan::{self, Next, Plan};
use super::super::pushback::Pushback;
use super::super::stats::TransparentRetries;
use super::{Accounting, BoxError, Call, Failed, ObservedBody, Output, Refusal};
use crate::client::head::PREVIOUS_ATTEMPTS;
use crate::client::observe::{head_code, status_of};
use crate::client::trace::note;

impl<S, R> Call<S, R>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    /// Decides what an answer means for the call. Some: the call is over, as far as this layer is concerned.
    pub(super) fn answered(
        &mut self,
        number: usize,
        result: Result<Response<R>, S::Error>,
    ) -> Option<Output<R>> {
        let result = result.map_err(status_of);
        if let Ok(response) = &result {
            self.attempts.transparent_retries += TransparentRetries::of(response.extensions());
        }
        let failure = match &result {
            Ok(response) => match head_code(response.status(), response.headers()) {
                code @ (None | Some(Code::Ok)) => return Some(self.commit(number, result, code)),
                Some(code) => Failure { code, metadata: response.headers(), status: None },
            },
            Err(status) => {
                let metadata = status.metadata().as_ref();
                Failure { code: status.code(), metadata, status: Some(status) }
            }
        };
        // Its connection may still be reading the request, for nothing.
        self.replay.retire(number);
        match self.after(&failure) {
            Next::End(refusal) => Some(self.finish(result, refusal)),
            Next::Wait(refusal) => {
                self.next = None;
                self.last = Some(Failed { at: Instant::now(), result, refusal: Some(refusal) });
                None
            }
            Next::At(due) => {
                // To wait for the deadline would hide the failure behind DEADLINE_EXCEEDED, and take longer.
                self.next = Some(due).filter(|due| self.is_in_time(due));
                self.last = Some(Failed { at: Instant::now(), result, refusal: None });
                None
            }
        }
    }

    /// What follows a failure, once everything that has a say was asked.
    fn after(&mut self, failure: &Failure<'_>) -> Next {
        let pushback = Pushback::of(failure.metadata);
        let accounting = self.accounting.as_ref();
        let allowed = accounting.and_then(|accounting| accounting.failed(failure, pushback));
        let Some(allowed) = allowed else { return Next::End(None) };
        let next = self.plan.failed(&plan::Failed {
            code: failure.code,
            pushback,
            throttled: !allowed,
            repeatable: self.replay.is_repeatable(),
            left: self.left(),
            now: Instant::now(),
        });
        match (next, &self.plan) {
            // A retry pays now, because its call does not wait for nothing; a hedge when it is sent, which may be never.
            (Next::At(due), Plan::Retry { .. }) if self.is_in_time(&due) && !self.pay() => {
                Next::End(Some(Refusal::OverBudget))
            }
            (next, _) => next,
        }
    }

    /// The call goes on with the attempt that has a head, and the others are dropped.
    fn commit(
        &mut self,
        number: usize,
        result: Result<Response<R>, Status>,
        code: Option<Code>,
    ) -> Output<R> {
        self.replay.commit(number);
        let accounting = self.accounting.take();
        let accounting = match code {
            None => accounting,
            Some(_) => {
                accounting.inspect(Accounting::succeeded);
                None
            }
        };
        self.end(result, accounting)
    }

    /// No attempt is under way, and none will be.
    pub(super) fn give_up(&mut self) -> Output<R> {
        match self.last.take() {
            Some(last) => self.finish(last.result, last.refusal),
            None => self.finish(Err(Status::internal("polled after completion")), None),
        }
    }

    /// The call fails.
    pub(super) fn finish(
        &mut self,
        result: Result<Response<R>, Status>,
        refusal: Option<Refusal>,
    ) -> Output<R> {
        if let Some(refusal) = refusal {
            self.config.stats.refused(refusal);
            note(self.head.extensions(), refusal.name());
        }
        self.end(result, None)
    }

    /// Drops what is under way, and tells the caller how the call was made.
    fn end(
        &mut self,
        result: Result<Response<R>, Status>,
        accounting: Option<Accounting>,
    ) -> Output<R> {
        self.running.clear();
        let previous = self.attempts.total.saturating_sub(1);
        match result {
            Ok(mut response) => {
                response.extensions_mut().insert(self.attempts);
                tell(previous, response.headers_mut());
                Ok(response.map(|body| ObservedBody::new(body, accounting)))
            }
            Err(mut status) => {
                let mut metadata = mem::take(status.metadata_mut()).into_headers();
                tell(previous, &mut metadata);
                *status.metadata_mut() = MetadataMap::from_headers(metadata);
                Err(status)
            }
        }
    }
}

/// Source: gRFC A6, "Exposed Retry Metadata": absent when there was no attempt before.
fn tell(previous: u32, metadata: &mut HeaderMap) {
    if previous > 0 {
        metadata.insert(PREVIOUS_ATTEMPTS, HeaderValue::from(previous));
    }
}
