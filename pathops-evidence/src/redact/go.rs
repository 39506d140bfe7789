//! Expressions are written for Go, whose syntax differs from ours in what a brace and a bracket may mean.

/// The same expression in our syntax: a `{` that counts nothing, and `[`, `&` and `~` within brackets stand for themselves.
pub(super) fn in_our_syntax(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut in_class = false;
    while let Some(first) = rest.chars().next() {
        let (length, literal) = match first {
            '\\' => (escape_length(rest), false),
            '[' if !in_class => (class_begin_length(rest), false),
            '[' if rest.starts_with("[:") => (rest.find(":]").map_or(2, |end| end + 2), false),
            '[' | '&' | '~' if in_class => (1, true),
            '{' if !in_class => (1, !counts(rest)),
            other => (other.len_utf8(), false),
        };
        in_class = first != ']' && (in_class || first == '[');
        if literal {
            out.push('\\');
        }
        let (part, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.push_str(part);
        rest = after;
    }
    out
}

/// A backslash with what it belongs to: a character, or a name or number in braces.
fn escape_length(rest: &str) -> usize {
    let braces = ["\\p{", "\\P{", "\\x{"].iter().any(|begin| rest.starts_with(begin));
    let named = if braces { rest.find('}').map(|end| end + 1) } else { None };
    named.unwrap_or_else(|| 1 + rest.chars().nth(1).map_or(0, char::len_utf8))
}

/// `[`, `[^`, and a `]` right after it, which is one of the characters.
fn class_begin_length(rest: &str) -> usize {
    let begin = if rest.starts_with("[^") { 2 } else { 1 };
    begin + usize::from(rest.get(begin..).is_some_and(|after| after.starts_with(']')))
}

/// Whether it is `{1}`, `{1,}` or `{1,2}`.
fn counts(rest: &str) -> bool {
    let inside = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
    let (least, most) = inside.split_once(',').unwrap_or((inside, "0"));
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && number(least) && number(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(in_our_syntax(source), expected);
    }

    #[test]
    fn braces_and_brackets_that_stand_for_themselves_are_escaped() {
        check(r"\$?{{[^}]+}}", r"\$?\{\{[^}]+}}");
        check(r"^{\d{0,2}}$", r"^\{\d{0,2}}$");
        check(r"a{3}b{3,}c{3,4}d{,4}e{", r"a{3}b{3,}c{3,4}d\{,4}e\{");
        check(r"[\w[:alpha:][{&~]+[]a[]x", r"[\w[:alpha:]\[{\&\~]+[]a\[]x");
        check(r"\p{Greek}\x{1F}\{\[[^]]{2}", r"\p{Greek}\x{1F}\{\[[^]]{2}");
        check("é{é}", "é\\{é}");
    }
}
