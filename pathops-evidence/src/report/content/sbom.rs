use pathops_core::policy::SbomFormat;

use crate::report::ScanReport;

/// What something is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SbomReport {
    /// In which format.
    pub format: SbomFormat,
    /// Which version of the format.
    pub version: String,
    /// How many parts it lists, those inside of others too. One that lists none says nothing.
    pub components: u64,
    /// Vulnerabilities that it names itself; `None` where it does not speak of them.
    pub vulnerabilities: Option<ScanReport>,
}
