//! Where in a trace a call is.

use std::fmt::{self, Display, Formatter};
use std::num::{NonZeroU64, NonZeroU128};

use http::HeaderValue;

/// The id of a trace, 16 bytes that are not all zero; written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of a span, 8 bytes that are not all zero; written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// An id of these bytes, in network order; none if all of them are zero.
    pub fn new(id: u128) -> Option<Self> {
        NonZeroU128::new(id).map(Self)
    }

    /// Ids have to differ and need not be secret, so the fast generator does.
    pub(super) fn random() -> Self {
        Self(NonZeroU128::new(fastrand::u128(..)).unwrap_or(NonZeroU128::MIN))
    }

    /// The id as a number.
    pub fn get(self) -> u128 {
        self.0.get()
    }
}

impl SpanId {
    /// An id of these bytes, in network order; none if all of them are zero.
    pub fn new(id: u64) -> Option<Self> {
        NonZeroU64::new(id).map(Self)
    }

    pub(super) fn random() -> Self {
        Self(NonZeroU64::new(fastrand::u64(..)).unwrap_or(NonZeroU64::MIN))
    }

    /// The id as a number.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl Display for TraceId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        hexadecimal(self.get(), &mut digits);
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl Display for SpanId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 16];
        hexadecimal(self.get().into(), &mut digits);
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

/// Writes the lowest digits of a number: a fifth of what `format!("{:032x}")` takes.
pub(super) fn hexadecimal(number: u128, digits: &mut [u8]) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 0xf) as usize];
        rest >>= 4;
    }
}

/// Where in a trace a call is: which span its children have as their parent, and what is handed on with that.
///
/// In the extensions of a request that is made, it is the span that the call is made within.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) sampled: bool,
    /// `tracestate` as it came. Source: W3C Trace Context, section 3.3.
    pub(super) state: Option<HeaderValue>,
    /// `baggage` as it came. Source: W3C Baggage.
    pub(super) baggage: Option<HeaderValue>,
}

impl TraceContext {
    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace
    }

    /// The span of the call.
    pub fn span_id(&self) -> SpanId {
        self.span
    }

    /// Whether the spans of the trace are exported.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// The `tracestate` of the trace, which other vendors write.
    pub fn state(&self) -> Option<&HeaderValue> {
        self.state.as_ref()
    }

    /// The `baggage` that is handed on.
    pub fn baggage(&self) -> Option<&HeaderValue> {
        self.baggage.as_ref()
    }

    /// The context of a span within this one.
    pub(crate) fn child(&self) -> Self {
        Self { span: SpanId::random(), ..self.clone() }
    }
}
