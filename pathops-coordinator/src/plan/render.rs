use std::fmt::Write as _;

use super::{ExecutionPlan, Impact, Reason, quoted};

/// The plan as a text for people.
#[must_use]
pub fn render(plan: &ExecutionPlan) -> String {
    let mut text = format!("{} ({} of {}, asked for by {})\n", plan.title, plan.change_set, plan.project, plan.requested_by);
    // Writing to a text cannot fail.
    let _ = sections(plan, &mut text);
    text
}

fn sections(plan: &ExecutionPlan, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\nTouched:")?;
    for impact in &plan.impacted {
        writeln!(text, "- {}", touched(impact))?;
    }
    writeln!(text, "\nWork:")?;
    for task in &plan.tasks {
        let by = if task.patch.is_some() { "a patch does it" } else { "to be written" };
        writeln!(text, "- `{}` in {}: {by}", task.unit, task.repository)?;
    }
    writeln!(text, "\nDeploy order:")?;
    for (number, wave) in (1..).zip(&plan.waves) {
        writeln!(text, "{number}. {}", quoted(&wave.units))?;
        for before in plan.order.iter().filter(|before| wave.units.contains(&before.then)) {
            writeln!(text, "   - `{}` after `{}`: {}", before.then, before.first, before.because)?;
        }
        for (unit, checks) in &wave.waits_for {
            writeln!(text, "   - waits for {} of `{unit}`", quoted(checks))?;
        }
    }
    writeln!(text, "\nWay back:")?;
    for (number, units) in (1..).zip(&plan.rollback) {
        writeln!(text, "{number}. {}", quoted(units))?;
    }
    if !plan.forward_only.is_empty() {
        writeln!(text, "It cannot be undone for {}: a fix has to follow.", quoted(&plan.forward_only))?;
    }
    Ok(())
}

fn touched(impact: &Impact) -> String {
    let reasons: Vec<String> = impact
        .because
        .iter()
        .map(|reason| match reason {
            Reason::Requested { reason } => reason.trim_end_matches('.').to_owned(),
            Reason::Consumes { contract, provider } => format!("it relies on `{contract}` of `{provider}`, which changes"),
        })
        .collect();
    let verify = if impact.unchanged { " (stays as it is)" } else { "" };
    format!("`{}`{verify}: {}", impact.unit, reasons.join("; "))
}
