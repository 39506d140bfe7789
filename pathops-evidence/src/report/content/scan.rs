use pathops_core::UnixMillis;
use pathops_core::evidence::{ScanFinding, ScanSeverity, ScanTimes, Scanner, Vulnerabilities};
use pathops_core::policy::FindingSeverity;

/// The name of the finding that stands for what a scan did not look at.
pub const INCOMPLETE_SCAN: &str = "scan-incomplete";

/// What scanners found, of any kind: vulnerabilities, mistakes in code, secrets, settings.
///
/// No finding means that nothing was found only where [`ScanReport::incomplete`] is empty too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// The scanners, with their version where it is known.
    pub scanners: Vec<String>,
    /// What they found.
    pub findings: Vec<ReportFinding>,
    /// What they found and somebody has declared harmless, in the report itself. Whether to believe that is up to policy.
    pub suppressed: Vec<ReportFinding>,
    /// Why it is not the whole truth: runs that failed, results kept elsewhere, nothing to look at.
    pub incomplete: Vec<String>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportFinding {
    /// Its name: `CVE-2026-1234`, or the rule that was broken.
    pub id: String,
    /// How bad it is; `None` where the scanner does not say, or says it in words that are not known here.
    pub severity: Option<FindingSeverity>,
    /// Who found it.
    pub scanner: String,
    /// In which file, package or resource.
    pub location: Option<String>,
    /// What it is, in a line.
    pub title: Option<String>,
}

impl ReportFinding {
    /// How bad it is: what is not known counts as the worst.
    #[must_use]
    pub fn counts_as(&self) -> FindingSeverity {
        self.severity.unwrap_or(FindingSeverity::Critical)
    }
}

impl ScanReport {
    /// Whether it says more than that nothing was found, which only a scanner may say.
    pub(crate) fn found_something(&self) -> bool {
        !self.findings.is_empty() || !self.incomplete.is_empty()
    }

    /// The predicate for it. Suppressed findings are left out. An incomplete scan gets one finding more,
    /// [`INCOMPLETE_SCAN`], of unknown severity, so that it can never pass for a clean one.
    #[must_use]
    pub fn to_predicate(&self, uri: &str, times: ScanTimes) -> Vulnerabilities {
        let finding = |finding: &ReportFinding| ScanFinding {
            id: finding.id.clone(),
            severity: vec![ScanSeverity {
                method: finding.scanner.clone(),
                score: finding.severity.map_or_else(|| "unknown".to_owned(), |severity| severity.to_string()),
            }],
        };
        let mut result: Vec<ScanFinding> = self.findings.iter().map(finding).collect();
        if !self.incomplete.is_empty() {
            result.push(ScanFinding { id: INCOMPLETE_SCAN.to_owned(), severity: Vec::new() });
        }
        let version = (!self.scanners.is_empty()).then(|| self.scanners.join(", "));
        Vulnerabilities { scanner: Scanner { uri: uri.to_owned(), version, result }, metadata: times }
    }

    /// The predicate for a scan of which only one instant is known.
    #[must_use]
    pub fn to_predicate_at(&self, uri: &str, at: UnixMillis) -> Vulnerabilities {
        self.to_predicate(uri, ScanTimes { scan_started_on: at, scan_finished_on: at })
    }
}
