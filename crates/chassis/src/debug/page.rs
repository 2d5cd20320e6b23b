//! The page as HTML.

use super::html::Html;
use super::model::{Channel, Count, Page, Subchannel};
use super::recent::{FinishedAttempt, FinishedCall};

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Channels</title>
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="10">
<style>
body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:75rem;padding:0 1rem;color:#1c1e21;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.15rem;margin:2rem 0 .3rem;border-bottom:1px solid #ccd}h3{font-size:1rem;margin:1rem 0 .2rem}
table{border-collapse:collapse;width:100%;margin:.3rem 0}th{text-align:left;font-weight:600;color:#556}
td,th{padding:.15rem .6rem .15rem 0;border-bottom:1px solid #eef;vertical-align:top}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code,pre{font:12px/1.4 ui-monospace,monospace}pre{background:#f5f6fa;padding:.5rem;overflow:auto}
.READY,.OK{color:#0a6b2d}.TRANSIENT_FAILURE,.bad{color:#b00020}.CONNECTING{color:#8a5a00}.IDLE,.dim{color:#667}
.bar{position:relative;height:.9rem;min-width:16rem;background:#f5f6fa;margin:1px 0}.bar i{position:absolute;top:0;bottom:0;min-width:2px;background:#a9c1f0}.bar i.bad{background:#f0a9a9}.bar span{position:relative;padding-left:.3rem;font:11px/.9rem ui-monospace,monospace;mix-blend-mode:multiply}
.wide{width:28%}.txt{word-break:break-word}
</style></head><body>
<h1>Channels</h1>
<p class="dim">Everything as it was when this page was made; it is made again every ten seconds. As JSON: <a href="?format=json">?format=json</a></p>
"#;

/// The page.
pub(super) fn html(page: &Page) -> String {
    let mut html = Html::default();
    html.html(HEAD);
    for server in page.servers.iter().filter(|server| !server.channels.is_empty()) {
        html.element("<h2>", &server.name, "</h2>\n");
        for channel in &server.channels {
            add_channel(&mut html, channel);
        }
    }
    if page.servers.iter().all(|server| server.channels.is_empty()) {
        html.html("<p>No server of this process calls another one.</p>\n");
    }
    html.element("<h2>The last ", page.calls.len().to_string(), " calls</h2>\n");
    html.html("<table><tr><th class=\"wide\">call</th><th>from</th><th>result</th><th class=\"n\">ms</th><th class=\"n\">ago</th><th class=\"wide\">attempts</th></tr>\n");
    for call in &page.calls {
        add_call(&mut html, call);
    }
    html.html("</table>\n</body></html>\n");
    html.finish()
}

fn add_channel(html: &mut Html, channel: &Channel) {
    html.element("<h3><code>", &channel.target, "</code> ");
    state(html, &channel.state).html("</h3>\n<p>");
    let resolver = &channel.resolver;
    match resolver.answered_seconds_ago {
        Some(ago) => {
            let count = resolver.endpoints.len().to_string();
            html.html("Endpoints: ").text(count).html(", said ").text(seconds(ago)).html(" ago");
        }
        None => {
            html.html("Endpoints: the resolver has said nothing yet");
        }
    }
    if let Some(error) = &resolver.error {
        html.element(", <span class=\"bad txt\">", error, "</span>");
    }
    html.html(". Policy: <code>").text(&channel.policy).html("</code>. Waiting calls: ");
    html.text(channel.waiting_calls.to_string()).html(". Circuit breaker: ");
    html.text(channel.circuit_breaker).html(".<br>Calls: ").text(channel.calls.to_string());
    html.html(", retries: ").text(channel.retries.to_string()).html(", hedges: ");
    html.text(channel.hedges.to_string());
    add_counts(html, ", not retried: ", &channel.not_retried);
    if let Some(tokens) = channel.retry_tokens {
        html.html(", tokens for retries: ").text(format!("{tokens:.1}"));
    }
    html.html(". Connections made: ").text(channel.connections_made.to_string());
    html.html(", failed: ").text(channel.connections_failed.to_string());
    add_counts(html, ", ended: ", &channel.disconnections);
    add_counts(html, ", ejected: ", &channel.ejections);
    html.html(".</p>\n");
    add_subchannels(html, &channel.subchannels);
    html.html("<details><summary>endpoints and service config</summary><pre>");
    for addresses in &resolver.endpoints {
        html.text(addresses.join(", ")).html("\n");
    }
    html.html("\n").text(format!("{:#}", channel.service_config)).html("</pre></details>\n");
}

fn add_counts(html: &mut Html, label: &'static str, counts: &[Count]) {
    for (index, count) in counts.iter().enumerate() {
        html.html(if index == 0 { label } else { ", " });
        html.text(format!("{} {}", count.count, count.reason));
    }
}

fn add_subchannels(html: &mut Html, subchannels: &[Subchannel]) {
    if subchannels.is_empty() {
        return;
    }
    html.html("<table><tr><th>endpoint</th><th>state</th><th class=\"n\">since</th><th class=\"n\">picks</th><th class=\"n\">share</th><th class=\"n\">in flight</th><th class=\"n\">connections</th><th class=\"n\">attempts</th><th class=\"n\">failed</th><th>reason</th></tr>\n");
    let picks: u64 = subchannels.iter().map(|one| one.picks).sum();
    for one in subchannels {
        let share = if picks == 0 { 0.0 } else { one.picks as f64 * 100.0 / picks as f64 };
        html.element("<tr><td><code>", &one.address, "</code></td><td>");
        state(html, &one.state).html("</td>").number(seconds(one.since_seconds));
        html.number(one.picks).number(format!("{share:.1} %")).number(one.in_flight);
        html.number(one.connections).number(one.connection_attempts);
        html.number(one.failed_connection_attempts);
        let reason = one.reason.as_deref().unwrap_or_default();
        html.element("<td class=\"bad txt\">", reason, "</td></tr>\n");
    }
    html.html("</table>\n");
}

fn add_call(html: &mut Html, call: &FinishedCall) {
    html.element(
        "<tr><td class=\"txt\"><code>",
        &*call.method,
        "</code><br><span class=\"dim\">to ",
    );
    html.text(&call.target);
    if let Some(trace_id) = &call.trace_id {
        html.element(", trace <code>", trace_id, "</code>");
    }
    html.html("</span></td>").cell(&call.server).html("<td class=\"txt\">");
    state(html, call.code);
    if let Some(error) = &call.error {
        html.element("<br><span class=\"dim\">", &**error, "</span>");
    }
    html.html("</td>").number(format!("{:.1}", call.took_ms));
    html.number(seconds(call.ended_seconds_ago)).html("<td>");
    for attempt in &call.attempts {
        add_attempt(html, attempt, call.took_ms);
    }
    html.html("</td></tr>\n");
}

/// An attempt as a bar, where it was within its call.
fn add_attempt(html: &mut Html, attempt: &FinishedAttempt, whole_ms: f64) {
    let percent = |ms: f64| if whole_ms > 0.0 { (ms * 100.0 / whole_ms).min(100.0) } else { 0.0 };
    let left = percent(attempt.began_ms);
    let width = percent(attempt.took_ms).min(100.0 - left);
    let error = attempt.error.as_deref().unwrap_or_default();
    let endpoint = attempt.endpoint.as_deref().unwrap_or("no endpoint");
    html.html("<div class=\"bar\" title=\"").text(endpoint).html(": ").text(attempt.code);
    html.text(format!(" after {:.1} ms, from {:.1} ms on. ", attempt.took_ms, attempt.began_ms));
    html.text(error).html("\"><i class=\"").html(class(attempt.code)).html("\" style=\"");
    html.text(format!("left:{left:.1}%;width:{width:.1}%")).html("\"></i>");
    html.element("<span>", endpoint, "</span></div>");
}

fn class(code: &str) -> &'static str {
    if code == "OK" { "OK" } else { "bad" }
}

/// The name of a state or a code, in its colour. Names are ours.
fn state<'a>(html: &'a mut Html, name: &str) -> &'a mut Html {
    let open = match name {
        "READY" | "OK" => "<span class=\"OK\">",
        "CONNECTING" => "<span class=\"CONNECTING\">",
        "IDLE" => "<span class=\"IDLE\">",
        _ => "<span class=\"bad\">",
    };
    html.element(open, name, "</span>")
}

fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 10.0 => format!("{seconds:.1} s"),
        seconds if seconds < 600.0 => format!("{seconds:.0} s"),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}
