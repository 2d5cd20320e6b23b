//! A call that is observed; it tells the observers of its end when it is dropped, whichever way that comes.

use bytes::Buf;
use http::{HeaderMap, Response};

use super::end::Ending;
use super::{CallRecord, End, MessageCounter, ObservedCall, Outcome};
use crate::grpc_only::is_grpc;

#[derive(Debug)]
pub(super) struct Watched<C: ObservedCall> {
    record: CallRecord,
    /// `Some` until the end.
    call: Option<C>,
    ending: Ending,
    /// Whether the response is gRPC, whose body consists of messages.
    grpc: bool,
    sent: MessageCounter,
}

impl<C: ObservedCall> Watched<C> {
    pub(super) fn new(record: CallRecord, call: C) -> Self {
        let sent = MessageCounter::default();
        Self { record, call: Some(call), ending: Ending::Open, grpc: false, sent }
    }

    /// The head of the response is there.
    pub(super) fn head<B>(&mut self, response: &Response<B>) {
        let (status, headers) = (response.status(), response.headers());
        self.grpc = is_grpc(headers);
        self.ending = Ending::of_head(status, headers, self.grpc);
        if let Some(call) = &mut self.call {
            call.head(&self.record, status, headers);
        }
    }

    pub(super) fn sent(&mut self, data: &impl Buf) {
        if !self.grpc {
            return self.sent.count_bytes(data);
        }
        let Self { call, record, sent, .. } = self;
        sent.count(data, |bytes| {
            if let Some(call) = call {
                call.sent(record, bytes);
            }
        });
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        self.ending.trailers(trailers);
    }

    /// Whether it has to be told of the [end of the body](Self::end_of_body): a gRPC call has ended when its status was sent.
    pub(super) fn wants_end_of_body(&self) -> bool {
        !self.grpc
    }

    /// The body of a response that is not gRPC has been sent to its end.
    pub(super) fn end_of_body(&mut self) {
        self.ending.end_of_body();
    }
}

impl<C: ObservedCall> Drop for Watched<C> {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        let outcome: &Outcome = self.ending.outcome();
        let duration = self.record.start().elapsed();
        call.ended(&self.record, &End { outcome, duration, sent: self.sent.traffic() });
    }
}
