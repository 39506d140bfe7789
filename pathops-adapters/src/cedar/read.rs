//! Reading policies: everything that can be known to be wrong with them before there are facts.

use std::str::FromStr as _;

use cedar_policy::{PolicySet, ValidationMode};
use miette::Diagnostic;
use pathops_core::policy::ConditionError;

use super::facts::Vocabulary;
use crate::nesting::within_bounds;

/// The annotation that says why a policy is there.
pub(super) const REASON: &str = "reason";

const MAX_OPERATORS: usize = 200;
const MAX_ELSE: usize = 32;
const MAX_DOTS: usize = 400;
const SHALLOW: usize = 16;

/// Cedar recurses over expressions, to read them too: bounds come before everything else.
pub(super) fn policies(text: &str, vocabulary: &Vocabulary) -> Result<PolicySet, ConditionError> {
    within_bounds(text)?;
    few_operators(text)?;
    let policies = PolicySet::from_str(text).map_err(|errors| refused(text, errors.iter()))?;
    if policies.num_of_templates() > 0 {
        return Err(ConditionError::new("it has a template, which nothing would ever fill in"));
    }
    if policies.is_empty() {
        return Err(ConditionError::new("it has no policy"));
    }
    let silent = policies.policies().filter(|policy| policy.annotation(REASON).is_none_or(|reason| reason.trim().is_empty()));
    if let Some(first) = silent.min_by(|a, b| a.id().cmp(b.id())) {
        let policy = first.to_cedar().unwrap_or_default();
        return Err(ConditionError::new(format!("there is a policy without a `@{REASON}(\"…\")`: {policy}")));
    }
    let result = vocabulary.validator.validate(&policies, ValidationMode::Strict);
    if !result.validation_passed() {
        return Err(refused(text, result.validation_errors()));
    }
    if !result.validation_passed_without_warnings() {
        return Err(refused(text, result.validation_warnings()));
    }
    Ok(policies)
}

/// Whether evaluation may call itself so often that it needs a stack of its own.
pub(super) fn is_deep(text: &str) -> bool {
    text.split(';').any(|policy| operators(policy) + elses(policy) > SHALLOW)
}

/// Bounds what makes an expression deeper without a bracket, and more than that: Cedar calls itself for every operand.
fn few_operators(text: &str) -> Result<(), ConditionError> {
    let counts = [
        (operators(text), MAX_OPERATORS, "operators"),
        (elses(text), MAX_ELSE, "times `else`"),
        (text.matches('.').count(), MAX_DOTS, "dots"),
    ];
    match counts.into_iter().find(|(count, most, _)| count > most) {
        Some((_, most, what)) => Err(ConditionError::new(format!("it has more than {most} {what}"))),
        None => Ok(()),
    }
}

fn operators(text: &str) -> usize {
    text.matches(['+', '-', '*', '!', '{', '[']).count() + text.matches("&&").count() + text.matches("||").count()
}

fn elses(text: &str) -> usize {
    text.matches("else").count()
}

fn refused<'e, E: Diagnostic + 'e>(text: &str, errors: impl Iterator<Item = &'e E>) -> ConditionError {
    let mut said: Vec<_> = errors.map(|error| (place(text, error), error)).collect();
    said.sort_by_key(|(place, error)| (*place, error.to_string()));
    let words = said.into_iter().map(|(place, error)| match (place, error.help()) {
        (None, _) => error.to_string(),
        (Some((line, column)), None) => format!("line {line}, column {column}: {error}"),
        (Some((line, column)), Some(help)) => format!("line {line}, column {column}: {error} ({help})"),
    });
    ConditionError::new(words.collect::<Vec<_>>().join("; "))
}

/// The line and the column of what an error is about.
fn place(text: &str, error: &impl Diagnostic) -> Option<(usize, usize)> {
    let offset = error.labels()?.next()?.offset();
    let before = text.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((line, column))
}
