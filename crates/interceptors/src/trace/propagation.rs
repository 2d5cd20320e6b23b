//! How a trace goes from process to process: W3C Trace Context (`traceparent`, `tracestate`) and W3C Baggage, over gRPC metadata and HTTP headers alike.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::context::hexadecimal;
use super::{SpanId, TraceContext, TraceId};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits. Source: W3C Trace Context, section 3.2.2.
const TRACEPARENT_BYTES: usize = 55;
/// Longer ones are not handed on. Source: W3C Trace Context, section 3.3.1.5, which asks for 512 at least.
const MOST_TRACESTATE_BYTES: usize = 2048;
/// Longer ones are not handed on. Source: W3C Baggage, section 3.3.2.
const MOST_BAGGAGE_BYTES: usize = 8192;
/// The flag of `traceparent` that says that the trace is sampled.
const SAMPLED: u8 = 1;

/// What a caller says of the trace that its call belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extracted {
    pub(crate) parent: Option<TraceContext>,
    /// Is there without a trace too.
    pub(crate) baggage: Option<HeaderValue>,
}

/// Reads what the headers of a call say. A `traceparent` that is not one is as good as none, and so is the `tracestate` beside it.
pub(crate) fn extract(headers: &HeaderMap) -> Extracted {
    let baggage = joined(headers, &BAGGAGE, MOST_BAGGAGE_BYTES);
    let parent = parent(headers).map(|(trace, span, sampled)| TraceContext {
        trace,
        span,
        sampled,
        state: joined(headers, &TRACESTATE, MOST_TRACESTATE_BYTES),
        baggage: baggage.clone(),
    });
    Extracted { parent, baggage }
}

/// Writes into the headers of a call that it belongs to the span of `context`. Whatever is there of that kind is replaced; baggage that the caller has set itself stays.
pub(crate) fn inject(context: &TraceContext, headers: &mut HeaderMap) {
    headers.insert(TRACEPARENT, traceparent(context));
    match &context.state {
        Some(state) => drop(headers.insert(TRACESTATE, state.clone())),
        None => drop(headers.remove(TRACESTATE)),
    }
    if let Some(baggage) = &context.baggage
        && !headers.contains_key(BAGGAGE)
    {
        headers.insert(BAGGAGE, baggage.clone());
    }
}

fn parent(headers: &HeaderMap) -> Option<(TraceId, SpanId, bool)> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let text = values.next()?.as_bytes();
    if values.next().is_some() {
        return None;
    }
    let version = number(text.get(..2)?)? as u8;
    // A later version may have more behind another dash; version 00 may not, and ff is none.
    let ends = match text.get(TRACEPARENT_BYTES) {
        None => true,
        Some(next) => version > 0 && *next == b'-',
    };
    let dashes = [2, 35, 52].iter().all(|place| text.get(*place) == Some(&b'-'));
    if version == 0xff || !ends || !dashes {
        return None;
    }
    let trace = TraceId::new(number(text.get(3..35)?)?)?;
    let span = SpanId::new(u64::try_from(number(text.get(36..52)?)?).ok()?)?;
    let flags = number(text.get(53..TRACEPARENT_BYTES)?)? as u8;
    Some((trace, span, flags & SAMPLED != 0))
}

/// Digits in lower case, as nothing else is allowed.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

fn traceparent(context: &TraceContext) -> HeaderValue {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    hexadecimal(context.trace.get(), &mut text[3..35]);
    hexadecimal(context.span.get().into(), &mut text[36..52]);
    if context.sampled {
        text[54] = b'1';
    }
    let mut value = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text))
        .unwrap_or(HeaderValue::from_static(""));
    // Kept out of HPACK's table: it never comes again, and would push out what does.
    value.set_sensitive(true);
    value
}

/// The values of a header in one, as a list may be cut into several; none if they are too long.
fn joined(headers: &HeaderMap, name: &HeaderName, most: usize) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let mut rest = values.peekable();
    if rest.peek().is_none() {
        return (first.len() <= most).then(|| first.clone());
    }
    let mut all = BytesMut::from(first.as_bytes());
    for value in rest {
        all.put_u8(b',');
        all.put_slice(value.as_bytes());
    }
    if all.len() > most {
        return None;
    }
    HeaderValue::from_maybe_shared(all.freeze()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn traceparent_is_one(text: &str) -> bool {
        extract(&headers(&[("traceparent", text)])).parent.is_some()
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        for text in [PARENT, &PARENT.replace("-01", "-00")] {
            let sent = headers(&[("traceparent", text), ("tracestate", "a=1"), ("baggage", "k=v")]);
            let parent = extract(&sent).parent.unwrap();
            assert_eq!(parent.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
            let mut written = HeaderMap::new();
            inject(&parent, &mut written);
            assert_eq!(written, sent);
            assert!(written["traceparent"].is_sensitive(), "it would fill the table of HPACK");
        }
    }

    #[test]
    fn a_trace_is_sampled_by_one_bit_of_its_flags_alone() {
        for (flags, sampled) in [("01", true), ("03", true), ("ff", true), ("02", false)] {
            let text = format!("{}{flags}", &PARENT[..53]);
            let parent = extract(&headers(&[("traceparent", &text)])).parent.unwrap();
            assert_eq!(parent.is_sampled(), sampled, "{flags}");
        }
    }

    #[test]
    fn what_is_not_a_traceparent_is_as_good_as_none() {
        for (text, expected) in [
            (PARENT, true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false),
            ("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01", false),
            ("", false),
        ] {
            assert_eq!(traceparent_is_one(text), expected, "{text:?}");
        }
        let twice = headers(&[("traceparent", PARENT), ("traceparent", PARENT)]);
        assert_eq!(extract(&twice).parent, None);
        let alone = extract(&headers(&[("tracestate", "a=1"), ("baggage", "k=v")]));
        assert_eq!(
            alone,
            Extracted { parent: None, baggage: Some(HeaderValue::from_static("k=v")) }
        );
    }

    #[test]
    fn lists_in_several_headers_become_one_and_lists_without_end_are_left_out() {
        let sent = headers(&[
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2,c=3"),
            ("baggage", &"k".repeat(MOST_BAGGAGE_BYTES)),
            ("baggage", "x"),
        ]);
        let extracted = extract(&sent);
        assert_eq!(extracted.parent.unwrap().state().unwrap(), "a=1,b=2,c=3");
        assert_eq!(extracted.baggage, None);
        for (bytes, handed_on) in
            [(MOST_TRACESTATE_BYTES, true), (MOST_TRACESTATE_BYTES + 1, false)]
        {
            let state = "a".repeat(bytes);
            let sent = headers(&[("traceparent", PARENT), ("tracestate", &state)]);
            assert_eq!(extract(&sent).parent.unwrap().state().is_some(), handed_on, "{bytes}");
        }
    }

    #[test]
    fn what_a_caller_has_put_into_the_baggage_itself_stays() {
        let parent = extract(&headers(&[("traceparent", PARENT), ("baggage", "k=v")])).parent;
        let mut own = headers(&[("baggage", "own=1"), ("tracestate", "stale=1")]);
        inject(&parent.unwrap(), &mut own);
        assert_eq!(own.get("baggage").unwrap(), "own=1");
        assert_eq!(own.get("tracestate"), None, "it belongs to a traceparent that is gone");
    }
}
