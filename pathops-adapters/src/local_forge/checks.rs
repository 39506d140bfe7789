//! Statuses, check runs, protection, and the grants that were used.

use pathops_core::adapter::{BranchProtection, Check, CheckSource, NewCheck, ScmEventKind};
use pathops_core::policy::{CommitStatus, GrantId};
use pathops_core::{BranchName, CommitId, ErrorKind, IdempotencyKey, Principal, Result};

use super::change::Change;
use super::record::{PROTECTION, Protections, Report, Reports, UsedGrant, status_file};
use super::repo::{Repo, Writer};
use super::store;

impl Repo<'_> {
    fn reports(&self, commit: &CommitId) -> Result<Reports> {
        self.commit_object(commit)?;
        Ok(self.record(&status_file(commit))?.unwrap_or_default())
    }

    /// The newest of each name and source.
    pub(super) fn checks(&self, commit: &CommitId) -> Result<Vec<Check>> {
        let mut newest: Vec<Check> = Vec::new();
        for Report { check, .. } in self.reports(commit)?.reports {
            newest.retain(|older| older.name != check.name || older.source != check.source);
            newest.push(check);
        }
        Ok(newest)
    }

    /// What protects a branch, or `None` where nothing does.
    pub(super) fn protection_of(&self, branch: &BranchName) -> Result<Option<BranchProtection>> {
        let protections = self.record::<Protections>(PROTECTION)?.unwrap_or_default();
        Ok(protections.branches.get(branch).cloned())
    }
}

impl Writer<'_> {
    pub(super) fn protect(&self, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        self.existing_head(branch, ErrorKind::NotFound)?;
        let mut protections = self.record::<Protections>(PROTECTION)?.unwrap_or_default();
        protections.branches.insert(branch.clone(), rules);
        self.apply(&Change::default().file(self, PROTECTION.to_owned(), &protections)?)
    }

    pub(super) fn post_status(&self, key: &IdempotencyKey, by: &Principal, status: &CommitStatus) -> Result<()> {
        let mut reports = self.reports(status.commit())?;
        if let Some(grant) = status.grant() {
            self.use_grant(grant, key, status.commit())?;
        }
        let check = Check {
            name: status.context().to_string(),
            source: CheckSource::Status,
            state: status.state(),
            description: status.description().to_owned(),
            by: by.clone(),
        };
        let report = Report { key: key.clone(), at: self.forge.clock.now(), grant: status.grant(), check };
        self.report(status.commit(), &mut reports, report)
    }

    pub(super) fn report_check(&self, key: &IdempotencyKey, by: &Principal, new: &NewCheck) -> Result<()> {
        let mut reports = self.reports(new.commit())?;
        let check = Check {
            name: new.name().to_owned(),
            source: CheckSource::CheckRun,
            state: new.state(),
            description: new.summary().to_owned(),
            by: by.clone(),
        };
        let report = Report { key: key.clone(), at: self.forge.clock.now(), grant: None, check };
        self.report(new.commit(), &mut reports, report)
    }

    /// Adds a report, unless it is there: one that is repeated late must not outdo what was reported since.
    fn report(&self, commit: &CommitId, reports: &mut Reports, report: Report) -> Result<()> {
        if reports.reports.iter().any(|old| old.key == report.key && old.check == report.check) {
            return Ok(());
        }
        reports.reports.push(report);
        let change = Change::default().file(self, status_file(commit), reports)?;
        self.apply(&change.event(ScmEventKind::Check(commit.clone())))
    }

    /// Notes for the whole forge what a grant is used for, or refuses it where it was used for something else.
    pub(super) fn use_grant(&self, grant: GrantId, key: &IdempotencyKey, commit: &CommitId) -> Result<()> {
        let used = UsedGrant { grant, key: key.clone(), repo: self.id.clone(), commit: commit.clone() };
        let path = self.forge.grant_file(&format!("{}.json", grant.to_string().replace(':', "-")));
        let content = store::encode(&self.attempt, &used)?;
        let first = store::write_once(&path, &self.file("grant.new"), &content).map_err(|e| self.attempt.io(&path, e))?;
        if first || store::read::<UsedGrant>(&self.attempt, &path)?.as_ref() == Some(&used) {
            return Ok(());
        }
        let refusal = self.error(ErrorKind::Denied, "the promotion grant was used before under another key");
        Err(refusal.advise("decide again"))
    }
}
