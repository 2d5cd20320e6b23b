//! Who is told of calls.

use http::{HeaderMap, StatusCode, request};

use super::{CallRecord, End};

/// Is told of every call that begins.
///
/// Several observers are a tuple, which is told in its order; one that may not be there is an `Option`.
pub trait Observer {
    /// What is told of the rest of a call.
    type Call: ObservedCall;

    /// Whether calls are looked at now. When no observer is on, there is no [`CallRecord`], and [`start`](Self::start) is not called.
    fn is_on(&self) -> bool {
        true
    }

    /// A call has begun. Some: what wants to know how it goes on. The head of the request may be changed, before any inner layer sees it.
    fn start(&self, record: &CallRecord, head: &mut request::Parts) -> Option<Self::Call>;
}

/// Is told of one call.
pub trait ObservedCall {
    /// The head of the response is there. Not called when the call is dropped before that.
    fn head(&mut self, record: &CallRecord, status: StatusCode, headers: &HeaderMap) {
        let _ = (record, status, headers);
    }

    /// A message of a gRPC response, or some of the body of another, is handed to the connection.
    fn sent(&mut self, record: &CallRecord, bytes: u32) {
        let _ = (record, bytes);
    }

    /// The call is over.
    fn ended(self, record: &CallRecord, end: &End<'_>);
}

impl<O: Observer> Observer for Option<O> {
    type Call = O::Call;

    fn is_on(&self) -> bool {
        self.as_ref().is_some_and(Observer::is_on)
    }

    fn start(&self, record: &CallRecord, head: &mut request::Parts) -> Option<Self::Call> {
        self.as_ref()?.start(record, head)
    }
}

impl<C: ObservedCall> ObservedCall for Option<C> {
    fn head(&mut self, record: &CallRecord, status: StatusCode, headers: &HeaderMap) {
        if let Some(call) = self {
            call.head(record, status, headers);
        }
    }

    fn sent(&mut self, record: &CallRecord, bytes: u32) {
        if let Some(call) = self {
            call.sent(record, bytes);
        }
    }

    fn ended(self, record: &CallRecord, end: &End<'_>) {
        if let Some(call) = self {
            call.ended(record, end);
        }
    }
}

macro_rules! tuple_of_observers {
    ($($observer:ident $index:tt),+) => {
        impl<$($observer: Observer),+> Observer for ($($observer,)+) {
            type Call = ($(Option<$observer::Call>,)+);

            fn is_on(&self) -> bool {
                $(self.$index.is_on())||+
            }

            fn start(&self, record: &CallRecord, head: &mut request::Parts) -> Option<Self::Call> {
                let calls = ($(if self.$index.is_on() { self.$index.start(record, head) } else { None },)+);
                ($(calls.$index.is_some())||+).then_some(calls)
            }
        }

        impl<$($observer: ObservedCall),+> ObservedCall for ($(Option<$observer>,)+) {
            fn head(&mut self, record: &CallRecord, status: StatusCode, headers: &HeaderMap) {
                $(self.$index.head(record, status, headers);)+
            }

            fn sent(&mut self, record: &CallRecord, bytes: u32) {
                $(self.$index.sent(record, bytes);)+
            }

            fn ended(self, record: &CallRecord, end: &End<'_>) {
                $(self.$index.ended(record, end);)+
            }
        }
    };
}

tuple_of_observers!(A 0, B 1);
tuple_of_observers!(A 0, B 1, C 2);
tuple_of_observers!(A 0, B 1, C 2, D 3);
