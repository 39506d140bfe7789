/// What a process printed: how much, and of whom. The text itself is kept by digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReport {
    /// How many lines.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// How many lines say that they are of an error or something worse, at their beginning: `ERROR`, `level=fatal`, klog's `E`.
    pub errors: u64,
    /// Whether the last line is without an end: it may have been cut.
    pub open_end: bool,
    /// The pods and containers that the lines name before their text (`kubectl logs --prefix`), sorted.
    pub sources: Vec<String>,
}
