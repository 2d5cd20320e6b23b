//! Who is told of calls.

use bytes::Buf;
use http::{request, response};

use super::{Ending, OutgoingCall, Watcher};

/// Is told of every call that begins.
///
/// Several observers are a tuple, which is told in its order; one that may not be there is an `Option`.
pub trait Observer {
    /// What is told of the rest of a call.
    type Call: ObservedCall;

    /// Whether calls are looked at now. When no observer is on, [`start`](Self::start) is not called.
    fn is_on(&self) -> bool {
        true
    }

    /// A call begins. Some: what wants to know how it goes on. The head of the request may be changed, before any inner layer sees it.
    fn start(&self, call: &mut OutgoingCall, head: &mut request::Parts) -> Option<Self::Call>;
}

/// Is told of one call.
pub trait ObservedCall {
    /// Whether messages have to be counted in both directions, which takes a wrapper of the request body.
    const COUNTS: bool = false;

    /// The head of the response has come. Not called when the call fails without one.
    fn head(&mut self, call: &OutgoingCall, head: &response::Parts) {
        let _ = (call, head);
    }

    /// A message has begun to come. Told where an observer [counts](Self::COUNTS).
    fn received(&mut self, call: &OutgoingCall, bytes: u32) {
        let _ = (call, bytes);
    }

    /// The call is over.
    fn ended(self, call: &OutgoingCall, ending: Ending<'_>);
}

/// An observed call and what is known of it.
#[derive(Debug)]
pub struct Told<C> {
    pub(super) call: OutgoingCall,
    pub(super) observer: C,
}

impl<C: ObservedCall> Watcher for Told<C> {
    fn head(&mut self, head: &response::Parts) {
        self.observer.head(&self.call, head);
    }

    fn data(&mut self, data: &impl Buf) {
        if C::COUNTS {
            let Self { call, observer } = self;
            call.receive(data, |call, bytes| observer.received(call, bytes));
        }
    }

    fn ended(self, ending: Ending<'_>) {
        self.observer.ended(&self.call, ending);
    }
}

impl<O: Observer> Observer for Option<O> {
    type Call = O::Call;

    fn is_on(&self) -> bool {
        self.as_ref().is_some_and(Observer::is_on)
    }

    fn start(&self, call: &mut OutgoingCall, head: &mut request::Parts) -> Option<Self::Call> {
        self.as_ref()?.start(call, head)
    }
}

impl<C: ObservedCall> ObservedCall for Option<C> {
    const COUNTS: bool = C::COUNTS;

    fn head(&mut self, call: &OutgoingCall, head: &response::Parts) {
        if let Some(observer) = self {
            observer.head(call, head);
        }
    }

    fn received(&mut self, call: &OutgoingCall, bytes: u32) {
        if let Some(observer) = self {
            observer.received(call, bytes);
        }
    }

    fn ended(self, call: &OutgoingCall, ending: Ending<'_>) {
        if let Some(observer) = self {
            observer.ended(call, ending);
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

            fn start(&self, call: &mut OutgoingCall, head: &mut request::Parts) -> Option<Self::Call> {
                let calls = ($(if self.$index.is_on() { self.$index.start(call, head) } else { None },)+);
                ($(calls.$index.is_some())||+).then_some(calls)
            }
        }

        impl<$($observer: ObservedCall),+> ObservedCall for ($(Option<$observer>,)+) {
            const COUNTS: bool = $($observer::COUNTS)||+;

            fn head(&mut self, call: &OutgoingCall, head: &response::Parts) {
                $(self.$index.head(call, head);)+
            }

            fn received(&mut self, call: &OutgoingCall, bytes: u32) {
                $(self.$index.received(call, bytes);)+
            }

            fn ended(self, call: &OutgoingCall, ending: Ending<'_>) {
                $(self.$index.ended(call, ending);)+
            }
        }
    };
}

tuple_of_observers!(A 0, B 1);
tuple_of_observers!(A 0, B 1, C 2);
tuple_of_observers!(A 0, B 1, C 2, D 3);
