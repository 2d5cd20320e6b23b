//! What servers say of their load. Source: gRFC A51, `xds/data/orca/v3/orca_load_report.proto`.

use std::collections::HashMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use prost::Message;

/// The trailer in which a server reports its load with each call.
pub(crate) const LOAD_REPORT: &str = "endpoint-load-metrics-bin";

/// Takes what is padded and what is not: peers write both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The load of a server: `xds.data.orca.v3.OrcaLoadReport`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LoadReport {
    /// Used share of the CPU; above 1 when it is over its limit.
    #[prost(double, tag = "1")]
    pub cpu_utilization: f64,
    /// Used share of the memory, from 0 to 1.
    #[prost(double, tag = "2")]
    pub mem_utilization: f64,
    /// Costs of this call, by name.
    #[prost(map = "string, double", tag = "4")]
    pub request_cost: HashMap<String, f64>,
    /// Used shares of other things, by name.
    #[prost(map = "string, double", tag = "5")]
    pub utilization: HashMap<String, f64>,
    /// Calls a second that the server takes.
    #[prost(double, tag = "6")]
    pub rps_fractional: f64,
    /// Calls a second that it fails.
    #[prost(double, tag = "7")]
    pub eps: f64,
    /// Whatever the server counts, by name.
    #[prost(map = "string, double", tag = "8")]
    pub named_metrics: HashMap<String, f64>,
    /// The server's own measure of how full it is; above 1 when it is over its limit.
    #[prost(double, tag = "9")]
    pub application_utilization: f64,
}

impl LoadReport {
    /// What the trailers of a call say of the server's load. `None` when they say nothing, or nothing that can be read: a report is never worth a call.
    pub(crate) fn from_trailers(trailers: &HeaderMap) -> Option<Self> {
        let report = BASE64.decode(trailers.get(LOAD_REPORT)?).ok()?;
        Self::decode(&*report).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (LOAD_REPORT.parse().unwrap(), value.parse().unwrap())).collect()
    }

    /// Every field set, in the order of their numbers; the bytes were written down by hand from the encoding's documentation, not by prost.
    const EVERY_FIELD: &[&[u8]] = &[
        // 1: fixed64, 0.5
        b"\x09\0\0\0\0\0\0\xe0\x3f",
        // 2: fixed64, 0.25
        b"\x11\0\0\0\0\0\0\xd0\x3f",
        // 3: varint, 7: `rps`, which is deprecated and not read
        b"\x18\x07",
        // 4: entry, "a" = 1
        b"\x22\x0c\x0a\x01a\x11\0\0\0\0\0\0\xf0\x3f",
        // 5: entry, "b" = 2
        b"\x2a\x0c\x0a\x01b\x11\0\0\0\0\0\0\0\x40",
        // 6: fixed64, 100
        b"\x31\0\0\0\0\0\0\x59\x40",
        // 7: fixed64, 4
        b"\x39\0\0\0\0\0\0\x10\x40",
        // 8: entry, "c" = 3
        b"\x42\x0c\x0a\x01c\x11\0\0\0\0\0\0\x08\x40",
        // 9: fixed64, 1.5
        b"\x49\0\0\0\0\0\0\xf8\x3f",
    ];

    #[test]
    fn every_field_of_a_report_is_read() {
        let bytes = EVERY_FIELD.concat();
        let one = |name: &str, value| HashMap::from([(name.to_owned(), value)]);
        let report = LoadReport::from_trailers(&trailers(&[&BASE64.encode(bytes)]));
        let expected = LoadReport {
            cpu_utilization: 0.5,
            mem_utilization: 0.25,
            request_cost: one("a", 1.0),
            utilization: one("b", 2.0),
            rps_fractional: 100.0,
            eps: 4.0,
            named_metrics: one("c", 3.0),
            application_utilization: 1.5,
        };
        assert_eq!(report, Some(expected));
    }

    #[test]
    fn reports_are_read_padded_or_not_and_ignored_when_malformed() {
        // 9 bytes need no padding; 18 + 2 would.
        let cpu_is_a_half = LoadReport { cpu_utilization: 0.5, ..LoadReport::default() };
        for (values, expected) in [
            (&["CQAAAAAAAOA/"][..], Some(&cpu_is_a_half)),
            // Followed by field 3, 7.
            (&["CQAAAAAAAOA/GAc="], Some(&cpu_is_a_half)),
            (&["CQAAAAAAAOA/GAc"], Some(&cpu_is_a_half)),
            // An empty message is one: nothing is used.
            (&[""], Some(&LoadReport::default())),
            (&[], None),
            (&["CQAAAAAAAOA/G"], None),
            (&["not base64!"], None),
            // Base64 of a field that is cut off.
            (&["CQAA"], None),
            // The alphabet for addresses is another.
            (&["CQAAAAAAAOA_"], None),
            // The first, should there be more.
            (&["CQAAAAAAAOA/", "!"], Some(&cpu_is_a_half)),
        ] {
            let report = LoadReport::from_trailers(&trailers(values));
            assert_eq!(report.as_ref(), expected, "{values:?}");
        }
    }
}
