use std::collections::{BTreeMap, BTreeSet};

use pathops_core::UnixMillis;
use pathops_core::evidence::{Monitor, MonitorLog, MonitoredProcess, RuntimeTrace, TraceTimes};
use serde_json::{Map, Value, json};

/// How many traces are named in one statement; the others are in the report that it stands beside.
pub const MAX_STATED_TRACES: usize = 1_000;

/// What watched.
const OPENTELEMETRY: &str = "https://opentelemetry.io/docs/specs/otlp/";
/// What was watched: requests to what runs.
const REQUESTS: &str = "https://pathops.dev/traced-requests/v1";

/// Which requests were traced: links to where the traces are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceReport {
    /// The traces, by their ids in lower-case hexadecimal.
    pub traces: BTreeSet<String>,
    /// How many spans.
    pub spans: u64,
    /// How many of them ended in an error.
    pub errors: u64,
    /// The services that they are of.
    pub services: BTreeSet<String>,
    /// From when until when the spans lasted; `None` where none of them says it.
    pub lasted: Option<(UnixMillis, UnixMillis)>,
}

impl TraceReport {
    /// The predicate for it: first what was counted, then the id of each trace, [`MAX_STATED_TRACES`] at most. `host` is a URI of
    /// who watched, `event` names what was watched, and `at` is when, where the spans do not say it. `None` where there is no trace.
    ///
    /// ```
    /// use pathops_evidence::report::TraceReport;
    /// let mut seen = TraceReport { spans: 3, errors: 1, ..TraceReport::default() };
    /// seen.traces.insert("5b8efff798038103d269b633813fc60c".to_owned());
    /// let trace = seen.to_predicate("https://ci.example", "acceptance", pathops_core::UnixMillis(1_000)).unwrap();
    /// assert_eq!(trace.monitor_log.process[1]["traceId"], "5b8efff798038103d269b633813fc60c");
    /// ```
    #[must_use]
    pub fn to_predicate(&self, host: &str, event: &str, at: UnixMillis) -> Option<RuntimeTrace> {
        if self.traces.is_empty() {
            return None;
        }
        let stated = self.traces.iter().take(MAX_STATED_TRACES);
        let counts = [
            ("services", json!(self.services)),
            ("traces", json!(self.traces.len())),
            ("spans", json!(self.spans)),
            ("errors", json!(self.errors)),
        ];
        let entry = |fields: Vec<(&str, Value)>| -> BTreeMap<String, Value> {
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        };
        let process = std::iter::once(entry(counts.into())).chain(stated.map(|id| entry(vec![("traceId", json!(id))])));
        let (build_started_on, build_finished_on) = self.lasted.unwrap_or((at, at));
        Some(RuntimeTrace {
            monitor: Monitor { kind: OPENTELEMETRY.to_owned(), config_source: None, trace_policy: Map::new() },
            monitored_process: MonitoredProcess { host_id: host.to_owned(), kind: REQUESTS.to_owned(), event: event.to_owned() },
            monitor_log: MonitorLog { process: process.collect(), ..MonitorLog::default() },
            metadata: Some(TraceTimes { build_started_on, build_finished_on }),
        })
    }
}
