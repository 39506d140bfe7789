//! Queries with places in them.

use pathops_core::UnitId;
use pathops_core::project::EnvironmentTarget;

/// A query may be so long, in bytes: it goes into a URL.
const LONGEST: usize = 4 << 10;

/// A query, and where names go into it.
#[derive(Debug)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Unit,
    Environment,
    Namespace,
    Cluster,
}

impl Place {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "unit" => Self::Unit,
            "environment" => Self::Environment,
            "namespace" => Self::Namespace,
            "cluster" => Self::Cluster,
            _ => return None,
        })
    }
}

impl Template {
    /// Reads one, or says what is wrong with it. It is read as far as to tell strings and comments from the rest.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() || text.len() > LONGEST {
            return Err(format!("a query has 1 to {LONGEST} bytes"));
        }
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        let (mut rest, mut quote) = (text.chars(), None);
        while let Some(c) = rest.next() {
            plain.push(c);
            match (quote, c) {
                // Raw strings have no escapes.
                (Some('"' | '\''), '\\') => plain.extend(rest.next()),
                (Some(open), _) if open == c => quote = None,
                (Some('#'), '\n') => quote = None,
                (None, '"' | '\'' | '`' | '#') => quote = Some(c),
                (_, '$') if quote != Some('#') => {
                    let name: String = rest.clone().take_while(char::is_ascii_lowercase).collect();
                    match (Place::named(&name), quote) {
                        (Some(place), None) => {
                            plain.pop();
                            pieces.extend([Piece::Text(std::mem::take(&mut plain)), Piece::Place(place)]);
                            rest = rest.as_str().get(name.len()..).unwrap_or_default().chars();
                        }
                        (Some(_), Some(_)) => {
                            return Err(format!("`${name}` stands for a string of its own: leave the quotes out"));
                        }
                        (None, None) => {
                            return Err(format!(
                                "there is no `${name}`, but `$unit`, `$environment`, `$namespace` and `$cluster`"
                            ));
                        }
                        // The end of a regular expression.
                        (None, Some(_)) => {}
                    }
                }
                _ => {}
            }
        }
        if quote.is_some_and(|open| open != '#') {
            return Err("a string in it does not end".to_owned());
        }
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// The query about a unit in an environment.
    pub(super) fn about(&self, unit: &UnitId, target: &EnvironmentTarget) -> Result<String, String> {
        let mut query = String::new();
        for piece in &self.0 {
            let place = match piece {
                Piece::Text(text) => {
                    query.push_str(text);
                    continue;
                }
                Piece::Place(place) => place,
            };
            let name = match place {
                Place::Unit => unit.as_str(),
                Place::Environment => target.environment.as_str(),
                Place::Namespace => &target.namespace,
                Place::Cluster => &target.cluster,
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b)) {
                return Err(format!("{name:?} is no name that goes into a query"));
            }
            query.extend(["\"", name, "\""]);
        }
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use pathops_core::project::EnvironmentKind;

    use super::*;

    fn about(text: &str, namespace: &str) -> Result<String, String> {
        let mut target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
        namespace.clone_into(&mut target.namespace);
        Template::parse(text)?.about(&"orders".parse().unwrap(), &target)
    }

    #[test]
    fn names_go_in_as_strings_of_their_own() {
        for (text, query) in [
            ("up", "up"),
            ("up{app=$unit,ns=~$namespace}", r#"up{app="orders",ns=~"shop"}"#),
            ("$unit", r#""orders""#),
            ("a{b=$environment} + c{d=$cluster}", r#"a{b="preflight"} + c{d="local"}"#),
            (r#"a{b=~"x$",c='y\'$',d=`z\`,e=$unit}"#, r#"a{b=~"x$",c='y\'$',d=`z\`,e="orders"}"#),
            ("a{b=$unit} # the $app\n + 1", "a{b=\"orders\"} # the $app\n + 1"),
            ("é{ü=$unit}", r#"é{ü="orders"}"#),
        ] {
            assert_eq!(about(text, "shop"), Ok(query.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_could_be_something_else_is_refused() {
        for text in
            ["", " ", "$", "a{b=$app}", "a{b=$units}", r#"a{b="$unit"}"#, "a{b='x$namespace'}", "a{b=`$unit`}", r#"a{b="x}"#]
        {
            assert!(about(text, "shop").is_err(), "{text}");
        }
        assert!(about(&"x".repeat(LONGEST + 1), "shop").is_err());
        for namespace in ["", "a\"} or vector(1) #", "a\\", "a b", "é", "a\n", "a{"] {
            assert!(about("up{ns=$namespace}", namespace).is_err(), "{namespace}");
            assert!(about("up{app=$unit}", namespace).is_ok(), "it is not in it");
        }
    }
}
