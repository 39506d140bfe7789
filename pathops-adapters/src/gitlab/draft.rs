//! Drafts. To GitLab a draft is a merge request whose title begins in one of a few ways.

use super::scm::capabilities;

/// How it begins where it is made a draft here.
const MARK: &str = "Draft: ";
/// How it may begin, in any letter case.
pub(super) const MARKS: &[&str] = &["draft:", "[draft]", "(draft)"];

/// The longest mark that is written here, in characters.
pub(super) const MARK_CHARS: usize = MARK.len();

/// A title as it is written.
pub(super) fn written(title: &str, draft: bool) -> String {
    if draft { format!("{MARK}{title}") } else { title.to_owned() }
}

/// A title as it was meant; GitLab says whether it is of a draft.
pub(super) fn read(title: &str, draft: bool) -> &str {
    if draft { without(title).unwrap_or(title) } else { title }
}

/// Whether GitLab takes what has this title for a draft.
pub(super) fn is_of_draft(title: &str) -> bool {
    without(title).is_some()
}

fn without(title: &str) -> Option<&str> {
    let title = title.trim_start();
    let mark = capabilities().draft_mark(title)?;
    let rest = title.get(mark.len()..)?.trim_start();
    Some(without(rest).unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_read_as_it_was_written() {
        for title in ["Show the date", "Drafty", "draft", "ä", "Undraft: it"] {
            assert!(!is_of_draft(title), "{title}");
            for draft in [false, true] {
                assert_eq!(read(&written(title, draft), draft), title);
                assert_eq!(is_of_draft(&written(title, draft)), draft, "{title}");
            }
        }
    }

    #[test]
    fn what_people_write_is_a_mark_too() {
        for title in ["draft: it", "DRAFT:it", "[Draft] it", "(draft)  it", "Draft: [draft] it"] {
            assert!(is_of_draft(title), "{title}");
            assert_eq!(read(title, true), "it", "{title}");
            assert_eq!(read(title, false), title);
        }
    }
}
