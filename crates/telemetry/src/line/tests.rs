use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

use super::{Buffer, LineStyle, LogLayer};

const TEXT: LineStyle = LineStyle::Text { colours: false };
/// What ends lines, moves cursors, turns text round and closes quotes.
const HOSTILE: &str =
    "a\nb\rc\x1b[2Kd\x7fe\u{9b}31mf\u{2028}g\u{2029}h\u{202e}i\u{2066}j\u{200f}k\"l\\m\0n\tü";

/// What is logged by `work`.
fn lines(style: LineStyle, work: impl FnOnce()) -> String {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    let layer = LogLayer::new(style, move |_, line: &[u8]| {
        sink.lock().unwrap().extend_from_slice(line);
    });
    tracing::subscriber::with_default(registry().with(layer), work);
    String::from_utf8(lines.lock().unwrap().clone()).unwrap()
}

/// The line without its time, which is looked at here.
fn line(style: LineStyle, work: impl FnOnce()) -> String {
    let text = lines(style, work);
    assert_eq!((text.matches('\n').count(), text.ends_with('\n')), (1, true), "{text:?}");
    let digits = text.replace(|c: char| c.is_ascii_digit(), "0");
    assert!(digits.contains("0000-00-00T00:00:00.000000Z"), "{text}");
    match style {
        LineStyle::Json => text.trim_end().replace(&text[..43], "{"),
        LineStyle::Text { .. } => text[28..].trim_end().to_owned(),
    }
}

/// One of each kind of field.
fn event() {
    let none: Option<u64> = None;
    let error: &(dyn std::error::Error + 'static) = &fmt::Error;
    tracing::info!(
        target: "access",
        server = "greet-1",
        peer = %"127.0.0.1:1",
        debug = ?Some("x"),
        error,
        unsigned = u64::MAX,
        signed = -7,
        wide = 1_u128 << 100,
        duration_ms = 0.25,
        nan = f64::NAN,
        yes = true,
        none,
        r#type = "raw",
        dotted.name = 1,
        "invoke {}",
        "server"
    );
}

#[test]
fn every_kind_of_field_is_written_in_json() {
    let expected = concat!(
        r#"{"level":"INFO","message":"invoke server","server":"greet-1","peer":"127.0.0.1:1","#,
        r#""debug":"Some(\"x\")","error":"an error occurred when formatting an argument","#,
        r#""unsigned":18446744073709551615,"signed":-7,"wide":"1267650600228229401496703205376","#,
        r#""duration_ms":0.25,"nan":null,"yes":true,"type":"raw","dotted.name":1,"target":"access"}"#
    );
    assert_eq!(line(LineStyle::Json, event), expected);
}

#[test]
fn every_kind_of_field_is_written_as_text() {
    let expected = concat!(
        r#" INFO access: invoke server server="greet-1" peer=127.0.0.1:1 debug=Some("x") "#,
        "error=an error occurred when formatting an argument unsigned=18446744073709551615 signed=-7 ",
        "wide=1267650600228229401496703205376 duration_ms=0.25 nan=NaN yes=true ",
        r#"type="raw" dotted.name=1"#
    );
    assert_eq!(line(TEXT, event), expected);
}

#[test]
fn colours_are_the_only_difference_on_a_terminal() {
    let coloured = lines(LineStyle::Text { colours: true }, event);
    assert!(coloured.contains("\x1b[32m INFO\x1b[0m"), "{coloured:?}");
    let plain: String = coloured
        .split('\x1b')
        .map(|part| {
            part.split_once('m').map_or(part, |p| if part.starts_with('[') { p.1 } else { part })
        })
        .collect();
    assert_eq!(plain[28..].trim_end(), line(TEXT, event));
}

#[test]
fn every_level_has_its_name() {
    for (style, expected) in [
        (LineStyle::Json, ["\"TRACE\"", "\"DEBUG\"", "\"INFO\"", "\"WARN\"", "\"ERROR\""]),
        (TEXT, ["TRACE ", "DEBUG ", " INFO ", " WARN ", "ERROR "]),
    ] {
        let logged = lines(style, || {
            tracing::trace!("");
            tracing::debug!("");
            tracing::info!("");
            tracing::warn!("");
            tracing::error!("");
        });
        for (line, level) in logged.lines().zip(expected) {
            assert!(line.contains(level), "{level} {line}");
        }
        assert_eq!(logged.lines().count(), 5);
    }
}

/// The same text in each place where a value can be.
fn hostile() {
    struct Own;
    impl fmt::Debug for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(HOSTILE)
        }
    }
    let error: Box<dyn std::error::Error> = HOSTILE.into();
    let error: &(dyn std::error::Error + 'static) = &*error;
    tracing::warn!(string = HOSTILE, display = %HOSTILE, debug = ?Own, error, "{HOSTILE}");
}

#[test]
fn hostile_values_stay_on_one_line_of_text_and_say_nothing_to_a_terminal() {
    let line = line(TEXT, hostile);
    let deceptive =
        |c: char| c.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}".contains(c);
    assert!(!line.contains(deceptive), "{line:?}");
    let escaped = r#"a\nb\rc\u{1b}[2Kd\u{7f}e\u{9b}31mf\u{2028}g\u{2029}h\u{202e}i\u{2066}j\u{200f}k"l\m\u{0}n\tü"#;
    let quoted = escaped.replace(r#"k"l\m"#, r#"k\"l\\m"#);
    let target = module_path!();
    let expected = format!(
        " WARN {target}: {escaped} string=\"{quoted}\" display={escaped} debug={escaped} error={escaped}"
    );
    assert_eq!(line, expected);
}

#[test]
fn hostile_values_stay_on_one_line_of_json_and_are_read_as_they_were() {
    let line = line(LineStyle::Json, hostile);
    assert!(
        !line.contains(
            |c: char| c.is_control() || "\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}".contains(c)
        ),
        "{line:?}"
    );
    let expected = json!({
        "level": "WARN", "message": HOSTILE, "string": HOSTILE, "display": HOSTILE, "debug": HOSTILE,
        "error": HOSTILE, "target": module_path!(),
    });
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
}

#[test]
fn spans_stand_before_the_event_in_text_and_nowhere_in_json() {
    let work = || {
        let outer = tracing::info_span!("outer", id = 1, later = tracing::field::Empty).entered();
        outer.record("later", "x\ny");
        tracing::info_span!("inner").in_scope(|| tracing::info!(target: "t", "inside"));
    };
    assert_eq!(line(TEXT, work), r#" INFO outer{id=1 later="x\ny"}:inner: t: inside"#);
    assert_eq!(line(LineStyle::Json, work), r#"{"level":"INFO","message":"inside","target":"t"}"#);
}

#[test]
fn a_value_that_logs_while_it_is_logged_does_not_disturb_the_line() {
    Buffer::with(|outer| {
        outer.bytes.push(b'1');
        Buffer::with(|inner| {
            assert_eq!(inner.bytes(), b"");
            inner.bytes.push(b'2');
        });
        assert_eq!(outer.bytes(), b"1");
    });
    Buffer::with(|next| assert_eq!(next.bytes(), b""));
}

#[test]
fn a_value_that_cannot_be_formatted_leaves_json_that_can_be_read() {
    struct Broken;
    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half")?;
            Err(fmt::Error)
        }
    }
    let logged =
        line(LineStyle::Json, || tracing::info!(target: "t", broken = %Broken, n = 1, "m"));
    assert_eq!(logged, r#"{"level":"INFO","message":"m","broken":"half","n":1,"target":"t"}"#);
}

#[test]
fn the_log_says_of_itself_in_either_style_how_much_is_missing() {
    let json: Value = serde_json::from_slice(&LineStyle::Json.dropped(7)).unwrap();
    assert_eq!((&json["dropped"], &json["level"]), (&json!(7), &json!("WARN")));
    let text = String::from_utf8(TEXT.dropped(7)).unwrap();
    assert!(
        text.contains(" WARN wayside_telemetry: lines are missing")
            && text.ends_with(" dropped=7\n"),
        "{text}"
    );
}
