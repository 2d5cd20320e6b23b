//! Sources: OpenMetrics 1.0, "Text Format", and Prometheus, "Exposition formats".

use std::fmt::{self, Write};
use std::time::UNIX_EPOCH;

use super::samples::{Family, Labels};
use super::{Counted, Exemplar, Kind, Samples, Value};

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With exemplars: `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
    /// What every reader knows: `text/plain; version=0.0.4`.
    Plain,
}

impl Format {
    /// What a client reads that sends this `Accept` header: OpenMetrics if it names it, else the plain form.
    pub fn accepted(accept: Option<&str>) -> Self {
        let names = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if names { Self::OpenMetrics } else { Self::Plain }
    }

    /// The `Content-Type` of what is written.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Samples {
    /// All of them as text.
    pub fn text(&self, format: Format) -> String {
        let mut out = Writer { text: String::with_capacity(16 * 1024), format };
        let written = self.families.iter().try_for_each(|(_, family)| out.family(family));
        // A string takes everything that is written to it.
        debug_assert!(written.is_ok());
        if format == Format::OpenMetrics {
            out.text.push_str("# EOF\n");
        }
        out.text
    }
}

struct Writer {
    text: String,
    format: Format,
}

impl Writer {
    fn family(&mut self, family: &Family) -> fmt::Result {
        let metric = family.metric;
        // OpenMetrics names a counter without its suffix here, the plain form with it.
        let suffix = match (metric.kind, self.format) {
            (Kind::Counter, Format::Plain) => "_total",
            _ => "",
        };
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        writeln!(self.text, "# HELP {}{suffix} {}", metric.name, metric.help)?;
        writeln!(self.text, "# TYPE {}{suffix} {kind}", metric.name)?;
        for (labels, value) in &family.samples {
            match value {
                Value::Counted(counted) => self.histogram(metric.name, labels, counted)?,
                Value::Number(number) => {
                    let suffix = if metric.kind == Kind::Counter { "_total" } else { "" };
                    self.series(metric.name, suffix, labels, None)?;
                    writeln!(self.text, " {number}")?;
                }
            }
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, labels: &Labels, counted: &Counted) -> fmt::Result {
        let mut so_far = 0;
        for (index, count) in counted.buckets.iter().enumerate() {
            so_far += count;
            let upper = counted.bounds.upper.get(index).map(|upper| counted.bounds.told(*upper));
            self.series(name, "_bucket", labels, Some(upper.unwrap_or(f64::INFINITY)))?;
            write!(self.text, " {so_far}")?;
            if let Some(Some(exemplar)) = counted.exemplars.get(index) {
                self.exemplar(exemplar, counted.bounds.told(exemplar.value))?;
            }
            self.text.push('\n');
        }
        self.series(name, "_sum", labels, None)?;
        writeln!(self.text, " {}", counted.sum())?;
        self.series(name, "_count", labels, None)?;
        writeln!(self.text, " {so_far}")
    }

    fn exemplar(&mut self, exemplar: &Exemplar, value: f64) -> fmt::Result {
        if self.format == Format::Plain {
            return Ok(());
        }
        let at = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        write!(self.text, " # {{trace_id=\"{:032x}\"}} {value} {at:.3}", exemplar.trace_id)
    }

    /// The name and the labels of a series; `le`, the upper bound of a bucket, comes last.
    fn series(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &Labels,
        le: Option<f64>,
    ) -> fmt::Result {
        write!(self.text, "{name}{suffix}")?;
        let mut separator = '{';
        for (name, value) in &labels.0 {
            write!(self.text, "{separator}{name}=\"")?;
            escape(&mut self.text, value);
            self.text.push('"');
            separator = ',';
        }
        match le {
            Some(le) if le.is_infinite() => write!(self.text, "{separator}le=\"+Inf\"")?,
            // The two forms differ in how a whole number is written, and a bound is compared as text.
            Some(le) if self.format == Format::OpenMetrics && le.fract() == 0.0 => {
                write!(self.text, "{separator}le=\"{le:.1}\"")?;
            }
            Some(le) => write!(self.text, "{separator}le=\"{le}\"")?,
            None => {}
        }
        if le.is_some() || separator == ',' {
            self.text.push('}');
        }
        Ok(())
    }
}

/// A label may hold what a stranger has chosen.
fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            // No reader shows these, and some end a line at them.
            character if character.is_control() => text.push('\u{fffd}'),
            character => text.push(character),
        }
    }
}
