//! What the log has to say of itself, when it cannot log it.

use tracing::Level;

use super::{Buffer, LineStyle, json, number, text};

const MESSAGE: &[u8] = b"lines are missing here: the reader of the log is too slow, or is gone";
const TARGET: &str = "wayside_telemetry";

impl LineStyle {
    /// A warning that this many lines were dropped.
    pub(crate) fn dropped(self, count: u64) -> Vec<u8> {
        let mut buffer = Buffer::default();
        match self {
            Self::Json => {
                json::begin(&mut buffer, Level::WARN);
                buffer.bytes.extend_from_slice(b",\"message\":\"");
                buffer.bytes.extend_from_slice(MESSAGE);
                buffer.bytes.extend_from_slice(b"\",\"dropped\":");
                number::push_integer(&mut buffer.bytes, count);
                json::end(&mut buffer, TARGET);
            }
            Self::Text { colours } => {
                text::begin(&mut buffer, Level::WARN, colours);
                text::target(&mut buffer.bytes, TARGET, colours);
                buffer.bytes.push(b' ');
                buffer.bytes.extend_from_slice(MESSAGE);
                buffer.bytes.extend_from_slice(b" dropped=");
                number::push_integer(&mut buffer.bytes, count);
                buffer.bytes.push(b'\n');
            }
        }
        buffer.bytes
    }
}
