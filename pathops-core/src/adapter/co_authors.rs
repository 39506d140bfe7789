//! Who a commit message says had a part in it.

/// The co-authors that a commit message names: the text after each `Co-authored-by:`, in any letter case.
///
/// Every line counts, not only the trailers at the end: a squash or a revert carries other messages in its own, and it
/// is better to list one person too many than to miss one.
///
/// ```
/// use pathops_core::adapter::co_authors;
/// let message = "Fix it\n\nCO-AUTHORED-BY: Bob <bob@example.com>\n\nCo-authored-by : carol\n";
/// assert_eq!(co_authors(message).collect::<Vec<_>>(), ["Bob <bob@example.com>", "carol"]);
/// ```
pub fn co_authors(message: &str) -> impl Iterator<Item = &str> {
    message.lines().filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case("Co-authored-by").then(|| value.trim())
    })
}

/// The address in `Name <address>`, or `None` where the text is not of that form.
///
/// ```
/// use pathops_core::adapter::address;
/// assert_eq!(address("Bob <bob@example.com>"), Some("bob@example.com"));
/// for other in ["bob", "bob@example.com", "Bob <bob@example.com>, Eve <eve@example.com>", "Bob <bob@example.com> (away)"] {
///     assert_eq!(address(other), None);
/// }
/// ```
#[must_use]
pub fn address(author: &str) -> Option<&str> {
    let (_, address) = author.split_once('<')?;
    address.strip_suffix('>').filter(|address| !address.contains(['<', '>']))
}
