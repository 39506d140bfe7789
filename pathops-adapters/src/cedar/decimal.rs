//! A measured value as Cedar's decimals, which have four digits behind the point.

const DIGITS: usize = 4;

/// The nearest decimals on either side, in the digits that people would write for the value; `None` beyond what a decimal can
/// hold.
pub(super) fn around(value: f64) -> Option<(String, String)> {
    let text = format!("{}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let kept: String = fraction.chars().chain("0000".chars()).take(DIGITS).collect();
    let nearer: i64 = format!("{whole}{kept}").parse().ok()?;
    let farther = if fraction.len() > DIGITS { nearer.checked_add(1)? } else { nearer };
    Some(if value.is_sign_negative() { (decimal(-farther), decimal(-nearer)) } else { (decimal(nearer), decimal(farther)) })
}

/// So many ten-thousandths.
fn decimal(units: i64) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let units = units.unsigned_abs();
    format!("{sign}{}.{:04}", units / 10_000, units % 10_000)
}
