//! Taking secrets, and what is of people, out of payloads.

use std::sync::Arc;

use pathops_core::project::{PersonalData, RedactionPolicy};
use pathops_core::{Error, ErrorKind, Result};
use pathops_evidence::redact::{Personal, Redactor, RedactorBuilder, RulesError};

use crate::activity::governance::Declared;

/// How payloads are redacted: as the host says, and the project where it says something of people.
#[derive(Debug)]
pub(crate) struct PayloadRedaction {
    by_host: RedactorBuilder,
    redactor: Arc<Redactor>,
}

impl PayloadRedaction {
    pub(crate) fn new(by_host: RedactorBuilder) -> Result<Self, RulesError> {
        Ok(Self { redactor: Arc::new(by_host.clone().build()?), by_host })
    }

    /// The redactor for payloads of a project. Where that cannot be read, e-mail addresses go: what it says may be that.
    pub(super) fn of(&self, declared: &Declared) -> Result<Arc<Redactor>> {
        let policy = match declared.as_ref().map(|project| &project.redaction) {
            Ok(None) => return Ok(self.redactor.clone()),
            Ok(Some(policy)) => policy.clone(),
            Err(_) => RedactionPolicy { personal: PersonalData::Mask, names: [].into() },
        };
        let personal = match policy.personal {
            PersonalData::Keep => Personal::Keep,
            PersonalData::Mask => Personal::Mask,
        };
        let redactor = self.by_host.clone().personal(personal).people(policy.names).build();
        redactor
            .map(Arc::new)
            .map_err(|error| Error::new(ErrorKind::Invalid, "make a redactor").because(&error).with_source(error))
    }
}
