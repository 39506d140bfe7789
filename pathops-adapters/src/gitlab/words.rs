//! Words that GitLab only keeps. In a description or a note it carries out each line that begins with a slash, as the account that
//! writes it: `/approve`, `/merge`, `/target_branch production`. A backslash before the slash shows the same and does nothing.

use std::borrow::Cow;

/// As they are written. GitLab itself drops each `\r`, which might hide a slash.
pub(super) fn written(words: &str) -> String {
    let words = words.replace('\r', "");
    by_line(&words, |start| if starts(start) { Cow::Owned(format!("\\{start}")) } else { Cow::Borrowed(start) })
}

/// As they were meant.
pub(super) fn read(words: &str) -> String {
    by_line(words, |start| Cow::Borrowed(start.strip_prefix('\\').filter(|rest| starts(rest)).unwrap_or(start)))
}

/// Whether a slash comes first, or backslashes and then a slash: a backslash more or less is then told from those that were there.
fn starts(start: &str) -> bool {
    start.trim_start_matches('\\').starts_with('/')
}

fn by_line(words: &str, change: impl Fn(&str) -> Cow<'_, str>) -> String {
    let one = |line: &str| {
        let start = line.trim_start_matches(|c: char| c.is_whitespace() && c != '\n');
        let indent = line.strip_suffix(start).unwrap_or_default();
        format!("{indent}{}", change(start))
    };
    words.split_inclusive('\n').map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_begins_with_a_slash_and_all_are_read_back() {
        let all = [
            ("", ""),
            ("Words, and/or more.\n", "Words, and/or more.\n"),
            ("/approve", "\\/approve"),
            ("Words\n \t/merge\n\n\u{a0}/close\n", "Words\n \t\\/merge\n\n\u{a0}\\/close\n"),
            ("\\/kept\n\\\\/kept\n\\kept", "\\\\/kept\n\\\\\\/kept\n\\kept"),
            ("```\n/approve\n```", "```\n\\/approve\n```"),
            ("// words", "\\// words"),
        ];
        for (words, expected) in all {
            assert_eq!(written(words), expected);
            assert_eq!(read(expected), words);
        }
    }

    #[test]
    fn a_carriage_return_hides_no_slash() {
        assert_eq!(written("a\r\n\r/approve\r\n/\rmerge\r"), "a\n\\/approve\n\\/merge");
        assert_eq!(read("a\r\n\\/approve\r\n"), "a\r\n/approve\r\n", "as edited on the web pages");
    }
}
