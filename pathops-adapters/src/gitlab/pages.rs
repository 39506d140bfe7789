//! Where a list goes on: a `Link` (RFC 8288), or the number of the next page. That neither can be read does not mean that it ends.

use http::header::LINK;

use crate::rest::{Answer, NEXT_PAGE};

/// What a page says of the next one.
pub(super) enum Next<'a> {
    /// It is at this address.
    At(&'a str),
    /// It has this number.
    Page(&'a str),
    /// There is none.
    None,
    /// Nothing.
    Unsaid,
    /// Something, and nobody can tell what.
    Unreadable,
}

impl<'a> Next<'a> {
    pub(super) fn of(answer: &'a Answer) -> Self {
        let linked = answer.headers.contains_key(LINK).then(|| linked(answer));
        match (linked, answer.header(NEXT_PAGE.as_str()).map(str::trim)) {
            (Some(Some(Some(to))), _) => Self::At(to),
            (_, Some(page)) if !page.is_empty() => Self::Page(page),
            (Some(Some(None)), _) | (_, Some(_)) => Self::None,
            (Some(None), None) => Self::Unreadable,
            (None, None) => Self::Unsaid,
        }
    }
}

/// The address of the next page among the links, if it is there; `None` where they cannot be read. An address may have commas.
fn linked(answer: &Answer) -> Option<Option<&str>> {
    let (mut read, mut next) = (false, None);
    for links in answer.headers.get_all(LINK) {
        for link in links.to_str().ok()?.split('<').skip(1) {
            let (to, says) = link.split_once('>')?;
            let mut rels = says.split([';', ',']).filter_map(|one| one.trim().strip_prefix("rel="));
            let is_next = rels.any(|rel| rel.trim_matches('"') == "next");
            (read, next) = (true, next.or(is_next.then_some(to)));
        }
    }
    read.then_some(next)
}
