//! Names in sentences.

/// How many names a sentence holds.
const NAMES_MAX: usize = 8;

/// What to do about a name that is not known: the nearest of those that are, or the list of them.
pub(crate) fn mean<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known.clone().map(|other| (distance(name, other), other)).min();
    let limit = name.chars().count().div_ceil(3);
    match near {
        None => "there is none to name, so leave it out".to_owned(),
        Some((steps, other)) if steps <= limit => format!("did you mean `{other}`?"),
        Some(_) => format!("name one of {}", list(known)),
    }
}

/// `a`, `b`, `c`.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let rest = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    if rest > 0 { format!("{} and {rest} more", names.join(", ")) } else { names.join(", ") }
}

/// How many letters have to be put in, taken out or replaced (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut left = index + 1;
        let mut next = vec![left];
        for (other, above) in to.iter().zip(row.windows(2)) {
            let [diagonal, above] = above else { continue };
            left = (diagonal + usize::from(letter != *other)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_proposed_and_a_far_one_is_not() {
        for (from, to, steps) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("über", "ueber", 2), ("ab", "", 2)]
        {
            assert_eq!(distance(from, to), steps, "{from} {to}");
        }
        assert_eq!(mean("ordres", ["orders", "store"].into_iter()), "did you mean `orders`?");
        assert_eq!(mean("zoe", ["alice", "bob"].into_iter()), "name one of `alice`, `bob`");
        assert_eq!(mean("zoe", [].into_iter()), "there is none to name, so leave it out");
    }
}
