//! Texts that engines can read without running out of stack.

use pathops_core::policy::ConditionError;

const MAX_BYTES: usize = 16 * 1024;
const MAX_DEPTH: usize = 32;

/// Refuses texts that are too long, or nested too deep, to be given to a parser that calls itself. Brackets in comments and
/// strings count too.
pub(crate) fn within_bounds(text: &str) -> Result<(), ConditionError> {
    if text.len() > MAX_BYTES {
        return Err(ConditionError::new(format!("it has {} bytes; at most {MAX_BYTES} are read", text.len())));
    }
    let mut depth: usize = 0;
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(ConditionError::new(format!("it is nested more than {MAX_DEPTH} brackets deep")));
        }
    }
    Ok(())
}
