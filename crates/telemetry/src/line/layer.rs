use std::fmt;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::{Buffer, json, text};

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineStyle {
    /// For people: time, level, the spans around the event, target, message, `name=value` pairs.
    Text {
        /// Whether ANSI escape sequences tell the parts apart.
        colours: bool,
    },
    /// For machines: an object with `timestamp`, `level`, `message`, the fields of the event, and `target`. Spans are left out.
    Json,
}

/// Makes a line of each event and gives it to a function, with its level and with the newline at its end.
///
/// It filters nothing: that is for a layer below. The function is called by the thread that logs, so it should not wait for long.
pub struct LogLayer<W> {
    style: LineStyle,
    write: W,
}

impl<W: Fn(Level, &[u8])> LogLayer<W> {
    /// Gives lines of this style to `write`.
    pub fn new(style: LineStyle, write: W) -> Self {
        Self { style, write }
    }
}

/// The fields of a span, as text.
struct SpanFields(Vec<u8>);

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(Level, &[u8]) + 'static,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let level = *metadata.level();
        Buffer::with(|buffer| {
            match self.style {
                LineStyle::Json => {
                    json::begin(buffer, level);
                    event.record(&mut json::Fields(&mut buffer.bytes));
                    json::end(buffer, metadata.target());
                }
                LineStyle::Text { colours } => {
                    text::begin(buffer, level, colours);
                    let line = &mut buffer.bytes;
                    let mut in_span = false;
                    for span in context.event_scope(event).into_iter().flat_map(|s| s.from_root()) {
                        let extensions = span.extensions();
                        let fields = extensions.get::<SpanFields>();
                        text::span(line, span.name(), fields.map_or(&[], |f| &f.0), colours);
                        in_span = true;
                    }
                    if in_span {
                        line.push(b' ');
                    }
                    text::target(line, metadata.target(), colours);
                    event.record(&mut text::Fields { line, colours });
                    line.push(b'\n');
                }
            }
            (self.write)(level, buffer.bytes());
        });
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let (LineStyle::Text { colours }, Some(span)) = (self.style, context.span(id)) {
            let mut line = Vec::new();
            attributes.record(&mut text::Fields { line: &mut line, colours });
            span.extensions_mut().replace(SpanFields(line));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let (LineStyle::Text { colours }, Some(span)) = (self.style, context.span(id))
            && let Some(SpanFields(line)) = span.extensions_mut().get_mut()
        {
            values.record(&mut text::Fields { line, colours });
        }
    }
}

impl<W> fmt::Debug for LogLayer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogLayer").field("style", &self.style).finish_non_exhaustive()
    }
}
