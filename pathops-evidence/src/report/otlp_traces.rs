//! OpenTelemetry traces, OTLP 1 in JSON (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>): one request, or
//! one in each line, as the collector's file exporter writes them. Spans below `instrumentationLibrarySpans`, as they
//! stood before, count as those below `scopeSpans`.

use pathops_core::UnixMillis;
use serde::Deserialize;
use serde_json::Value;

use crate::report::error::{Fail, Place};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::json::or_default;
use crate::report::{Content, Format, TraceReport};

pub(super) const SPEC: Spec = Spec { format: Format::OtlpTraces, look, parse: |input| Ok(Content::Traces(read(input)?)) };

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(!look.lines().is_empty() && look.lines().iter().all(|line| line.get("resourceSpans").is_some()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    resource: Option<Resource>,
    #[serde(default, deserialize_with = "or_default")]
    scope_spans: Vec<ScopeSpans>,
    #[serde(default, deserialize_with = "or_default")]
    instrumentation_library_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default, deserialize_with = "or_default")]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    key: String,
    #[serde(default, deserialize_with = "or_default")]
    value: Value,
}

#[derive(Deserialize)]
struct ScopeSpans {
    #[serde(default, deserialize_with = "or_default")]
    spans: Vec<Span>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    trace_id: String,
    #[serde(default, deserialize_with = "or_default")]
    start_time_unix_nano: Value,
    #[serde(default, deserialize_with = "or_default")]
    end_time_unix_nano: Value,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default, deserialize_with = "or_default")]
    code: Value,
}

fn read(input: &Input<'_>) -> Result<TraceReport, Fail> {
    let requests = match input.look {
        Look::Json(_) => vec![(1, input.json::<Request>()?)],
        _ => input.json_lines::<Request>()?,
    };
    let mut report = TraceReport::default();
    for (line, request) in requests {
        for group in request.resource_spans {
            let attributes = group.resource.into_iter().flat_map(|resource| resource.attributes);
            let service = attributes
                .filter(|it| it.key == "service.name")
                .find_map(|it| Some(it.value.get("stringValue")?.as_str()?.to_owned()));
            report.services.extend(service);
            let scopes = group.scope_spans.into_iter().chain(group.instrumentation_library_spans);
            for span in scopes.flat_map(|scope| scope.spans) {
                let id = trace_id(&span.trace_id);
                let wrong = || Fail::malformed(Place::Line(line), format!("`{}` is no id of a trace", span.trace_id));
                report.traces.insert(id.ok_or_else(wrong)?);
                report.spans += 1;
                for at in [&span.start_time_unix_nano, &span.end_time_unix_nano].into_iter().filter_map(instant) {
                    let (from, until) = report.lasted.unwrap_or((at, at));
                    report.lasted = Some((from.min(at), until.max(at)));
                }
                report.errors += u64::from(span.status.is_some_and(|status| status.is_error()));
            }
        }
    }
    Ok(report)
}

/// Nanoseconds since 1970, as a number or its digits; 0 stands for a time that is not known.
fn instant(nanos: &Value) -> Option<UnixMillis> {
    let nanos = nanos.as_u64().or_else(|| nanos.as_str()?.parse().ok()).filter(|nanos| *nanos > 0)?;
    i64::try_from(nanos / 1_000_000).ok().map(UnixMillis)
}

/// 16 bytes in hexadecimal, not all of them zero.
fn trace_id(text: &str) -> Option<String> {
    let right = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0');
    right.then(|| text.to_ascii_lowercase())
}

impl Status {
    fn is_error(&self) -> bool {
        self.code == 2 || self.code == "STATUS_CODE_ERROR"
    }
}
