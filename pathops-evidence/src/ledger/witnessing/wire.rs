//! The request and the answer, as they are written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::Digest;

/// How many hashes a request has at most, by the standard.
pub const MAX_PROOF_LINES: usize = 63;

/// How long an answer may be, in bytes; more is no answer.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// The body of a request to `add-checkpoint`, as it is posted.
///
/// ```
/// use pathops_evidence::ledger::{AddCheckpoint, CosignatureRequest};
/// let request = CosignatureRequest { old: 0, proof: Vec::new(), note: "log.example\n1\n…\n\n— log.example …\n" };
/// let body = request.to_string();
/// assert!(body.starts_with("old 0\n\nlog.example\n"));
/// assert_eq!(AddCheckpoint::parse(&body).map(|read| read.old), Some(0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignatureRequest<'n> {
    /// The size of the checkpoint that the witness has cosigned last; 0 where it has none.
    pub old: u64,
    /// That the log of that size is the beginning of this one; none where it has none, or has cosigned this very one.
    pub proof: Vec<Digest>,
    /// The checkpoint, as the log has signed it.
    pub note: &'n str,
}

impl std::fmt::Display for CosignatureRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash.as_bytes())))?;
        write!(f, "\n{}", self.note)
    }
}

/// A request as a witness has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the sender believes the witness to have cosigned.
    pub old: u64,
    /// How the log has grown since.
    pub proof: Vec<Digest>,
    /// The checkpoint. Who has signed it is not looked at.
    pub note: String,
}

impl AddCheckpoint {
    /// Reads a request; `None` for what is not written as the standard has it.
    #[must_use]
    pub fn parse(body: &str) -> Option<Self> {
        let (head, note) = body.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = size(lines.next()?.strip_prefix("old ")?)?;
        let hash = |line: &str| Some(Digest::from_bytes(BASE64.decode(line).ok()?.try_into().ok()?));
        let proof: Vec<Digest> = lines.take(MAX_PROOF_LINES + 1).map(hash).collect::<Option<_>>()?;
        (proof.len() <= MAX_PROOF_LINES).then(|| Self { old, proof, note: note.to_owned() })
    }
}

/// What came back from a witness: the status of HTTP, and the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// For example 200.
    pub status: u16,
    /// The body; no more than 64 KiB of it are read.
    pub body: String,
}

/// What a witness has said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WitnessSaid {
    /// These lines go below the checkpoint. Nobody has checked them yet.
    Cosigned(String),
    /// It has cosigned a checkpoint of this size last, and asks for what has come since.
    HasSeen(u64),
    /// It does not cosign; why, in words.
    Refused(String),
}

impl WitnessAnswer {
    /// What it means, by the standard. What is no answer of a witness is a refusal.
    #[must_use]
    pub fn said(&self) -> WitnessSaid {
        let refused = |why: &str| WitnessSaid::Refused(why.to_owned());
        if self.body.len() > MAX_ANSWER_BYTES {
            return refused("its answer is longer than any cosignature");
        }
        match self.status {
            200 if self.body.starts_with('\u{2014}') && self.body.ends_with('\n') => WitnessSaid::Cosigned(self.body.clone()),
            200 => refused("its answer has no signature"),
            409 => match self.body.strip_suffix('\n').and_then(size) {
                Some(size) => WitnessSaid::HasSeen(size),
                None => refused("it has cosigned another log of that size, or does not say what it has seen"),
            },
            400 => refused("it could not read the request"),
            403 => refused("it does not know the key that has signed the checkpoint"),
            404 => refused("it does not know the log"),
            422 => refused("by its record the log has not grown like this: it shows a fork, or the record is damaged"),
            status => WitnessSaid::Refused(format!("it answered with the status {status}")),
        }
    }
}

/// A size as it is written: digits without zeros before them.
fn size(text: &str) -> Option<u64> {
    text.parse().ok().filter(|size: &u64| size.to_string() == text)
}
