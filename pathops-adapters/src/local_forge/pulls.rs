//! Pull requests, their reviews and comments.

use pathops_core::adapter::{
    Comment, NewPullRequest, PullRequest, PullRequestState, PullRequestUpdate, Review, ReviewState, ScmEventKind,
};
use pathops_core::{BranchName, CommitId, ErrorKind, IdempotencyKey, PersonId, Principal, PullRequestNumber, Result};

use super::attempt::short;
use super::change::Change;
use super::record::{FromBranch, NUMBERS, Numbers, PullRecord, head_file, pull_file};
use super::repo::{Repo, Writer};
use super::scm::capabilities;

/// Longest title of a pull request.
pub(super) const TITLE_MAX_CHARS: usize = 200;

impl Repo<'_> {
    pub(super) fn pull_record(&self, number: PullRequestNumber) -> Result<PullRecord> {
        let found = self.record(&pull_file(number))?;
        found.ok_or_else(|| self.error(ErrorKind::NotFound, format_args!("there is no pull request {number}")))
    }

    pub(super) fn pull_records_from(&self, head: &BranchName) -> Result<Vec<PullRecord>> {
        let numbers = self.record::<FromBranch>(&head_file(head))?.map(|from| from.numbers).unwrap_or_default();
        numbers.into_iter().map(|number| self.pull_record(number)).collect()
    }

    pub(super) fn pull_request(&self, number: PullRequestNumber) -> Result<PullRequest> {
        self.view(self.pull_record(number)?)
    }

    pub(super) fn pull_requests_from(&self, head: &BranchName) -> Result<Vec<PullRequest>> {
        self.pull_records_from(head)?.into_iter().map(|record| self.view(record)).collect()
    }

    pub(super) fn open_pulls_from(&self, head: &BranchName) -> Result<Vec<PullRecord>> {
        let mut records = self.pull_records_from(head)?;
        records.retain(|record| record.state == PullRequestState::Open);
        Ok(records)
    }

    /// The head as it is now: of the branch while the pull request is open and the branch is there.
    pub(super) fn current_head(&self, record: &PullRecord) -> Result<CommitId> {
        let live = if record.state == PullRequestState::Open { self.branch_head(&record.head_branch)? } else { None };
        Ok(live.unwrap_or_else(|| record.head.clone()))
    }

    fn view(&self, record: PullRecord) -> Result<PullRequest> {
        Ok(PullRequest {
            head: self.current_head(&record)?,
            url: file_uri(&self.file(&pull_file(record.number)).display().to_string()),
            number: record.number,
            title: record.title,
            body: record.body,
            author: record.author,
            head_branch: record.head_branch,
            base: record.base,
            reviewers: record.reviewers,
            meta: record.meta,
            state: record.state,
        })
    }

    /// Refuses what this forge does not have.
    fn offer(&self, lack: Option<&'static str>) -> Result<()> {
        lack.map_or(Ok(()), |lack| Err(self.error(ErrorKind::Unsupported, lack)))
    }

    fn check_title(&self, title: &str) -> Result<()> {
        let chars = title.chars().count();
        if chars == 0 || chars > TITLE_MAX_CHARS || title.chars().any(char::is_control) {
            let rule = format!("a title has 1 to {TITLE_MAX_CHARS} characters on one line; this one has {chars}");
            return Err(self.error(ErrorKind::Invalid, rule));
        }
        Ok(())
    }
}

impl Writer<'_> {
    pub(super) fn open_pull_request(&self, key: &IdempotencyKey, new: &NewPullRequest) -> Result<PullRequest> {
        let earlier = self.pull_records_from(&new.head)?;
        let same_way = earlier.iter().filter(|record| record.base == new.base);
        for record in same_way {
            if &record.key == key {
                return self.view(record.clone());
            }
            if record.state == PullRequestState::Open {
                return Err(self.error(ErrorKind::AlreadyExists, format_args!("{} is open from that branch", record.number)));
            }
        }
        self.offer(new.lacks(capabilities()))?;
        self.check_title(&new.title)?;
        let head = self.existing_head(&new.head, ErrorKind::Invalid)?;
        self.existing_head(&new.base, ErrorKind::Invalid)?;
        if new.head == new.base {
            return Err(self.error(ErrorKind::Invalid, "head and base are the same branch"));
        }
        let numbers = earlier.iter().map(|record| record.number).collect();
        self.view(self.add_pull_request(key, new, head, numbers)?)
    }

    fn add_pull_request(
        &self,
        key: &IdempotencyKey,
        new: &NewPullRequest,
        head: CommitId,
        mut from_branch: Vec<PullRequestNumber>,
    ) -> Result<PullRecord> {
        let last = self.record::<Numbers>(NUMBERS)?.unwrap_or_default().last.saturating_add(1);
        let record = PullRecord {
            number: PullRequestNumber(last),
            key: key.clone(),
            title: new.title.clone(),
            body: new.body.clone(),
            author: new.author.clone(),
            head_branch: new.head.clone(),
            head,
            base: new.base.clone(),
            reviewers: new.reviewers.clone(),
            meta: new.meta.clone(),
            state: PullRequestState::Open,
            reviews: Vec::new(),
            comments: Vec::new(),
        };
        from_branch.push(record.number);
        let from = FromBranch { branch: new.head.clone(), numbers: from_branch };
        let change = self.with_pull(Change::default(), &record)?;
        let change = change.file(self, head_file(&new.head), &from)?.file(self, NUMBERS.to_owned(), &Numbers { last })?;
        self.apply(&change)?;
        Ok(record)
    }

    /// `change`, with this pull request as it then is.
    pub(super) fn with_pull(&self, change: Change, record: &PullRecord) -> Result<Change> {
        Ok(change.file(self, pull_file(record.number), record)?.event(ScmEventKind::PullRequest(record.number)))
    }

    /// `change`, with the last head of a pull request kept, whatever becomes of its branch.
    pub(super) fn keep_head(&self, change: Change, mut record: PullRecord, head: &CommitId) -> Result<Change> {
        record.head = head.clone();
        self.with_pull(change.keep(format!("refs/pull/{}/head", record.number.0), head), &record)
    }

    fn save(&self, record: &PullRecord) -> Result<()> {
        self.apply(&self.with_pull(Change::default(), record)?)
    }

    pub(super) fn update_pull_request(&self, number: PullRequestNumber, update: &PullRequestUpdate) -> Result<()> {
        self.offer(update.lacks(capabilities()))?;
        let mut record = self.pull_record(number)?;
        let before = record.clone();
        if let Some(title) = &update.title {
            self.check_title(title)?;
            record.title.clone_from(title);
        }
        if let Some(body) = &update.body {
            record.body.clone_from(body);
        }
        if let Some(reviewers) = &update.reviewers {
            record.reviewers.clone_from(reviewers);
        }
        let meta = &mut record.meta;
        meta.draft = update.draft.unwrap_or(meta.draft);
        meta.labels.extend(update.labels.iter().cloned());
        if let Some(assignees) = &update.assignees {
            meta.assignees.clone_from(assignees);
        }
        if record == before { Ok(()) } else { self.save(&record) }
    }

    pub(super) fn close_pull_request(&self, number: PullRequestNumber, by: &Principal) -> Result<()> {
        let mut record = self.pull_record(number)?;
        let head = self.current_head(&record)?;
        match &record.state {
            PullRequestState::Merged { .. } => Err(self.error(ErrorKind::Conflict, "it is merged")),
            PullRequestState::Closed { .. } => Ok(()),
            PullRequestState::Open => {
                record.state = PullRequestState::Closed { by: by.clone() };
                self.apply(&self.keep_head(Change::default(), record, &head)?)
            }
        }
    }

    pub(super) fn add_review(
        &self,
        number: PullRequestNumber,
        person: PersonId,
        state: ReviewState,
        head: &CommitId,
        body: String,
    ) -> Result<()> {
        let mut record = self.pull_record(number)?;
        if record.state != PullRequestState::Open {
            return Err(self.error(ErrorKind::Conflict, "it is not open"));
        }
        let current = self.current_head(&record)?;
        if &current != head {
            let reason = format!("its head is now {}, not {}", short(&current), short(head));
            return Err(self.error(ErrorKind::Conflict, reason).advise("look at what changed"));
        }
        let at = self.forge.clock.now();
        record.reviews.push(Review { author: Principal::Human(person), state, commit: head.clone(), at, body });
        self.save(&record)
    }

    pub(super) fn add_comment(&self, number: PullRequestNumber, by: &Principal, body: String) -> Result<()> {
        let mut record = self.pull_record(number)?;
        append_comment(&mut record, by, body);
        self.save(&record)
    }

    pub(super) fn put_comment(&self, number: PullRequestNumber, by: &Principal, marker: &str, text: &str) -> Result<u64> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/:.".contains(c);
        if marker.is_empty() || !marker.chars().all(allowed) {
            return Err(self.error(ErrorKind::Invalid, "a marker has letters, digits, `-`, `_`, `/`, `:` and `.`"));
        }
        let mut record = self.pull_record(number)?;
        let first = format!("<!-- pathops:{marker} -->\n");
        let body = format!("{first}{text}");
        let mine = record.comments.iter_mut().find(|comment| &comment.author == by && comment.body.starts_with(&first));
        let id = match mine {
            Some(comment) if comment.body == body => return Ok(comment.id),
            Some(comment) => {
                comment.body = body;
                comment.id
            }
            None => append_comment(&mut record, by, body),
        };
        self.save(&record)?;
        Ok(id)
    }
}

fn append_comment(record: &mut PullRecord, by: &Principal, body: String) -> u64 {
    let id = record.comments.last().map_or(1, |last| last.id.saturating_add(1));
    record.comments.push(Comment { id, author: by.clone(), body });
    id
}

fn file_uri(path: &str) -> String {
    let mut uri = String::from("file://");
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
