//! The request, as it is written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::Digest;

/// How many hashes a request has at most, by the standard.
pub const MAX_PROOF_LINES: usize = 63;

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

/// A size as it is written: digits without zeros before them.
fn size(text: &str) -> Option<u64> {
    text.parse().ok().filter(|size: &u64| size.to_string() == text)
}
