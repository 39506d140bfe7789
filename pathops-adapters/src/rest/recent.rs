//! What is known by a name and needs no asking, as much of it as there is room for.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values by their names. Where there is no room, what was put first goes first.
pub(crate) struct Recent<V> {
    room: usize,
    kept: Mutex<Kept<V>>,
}

struct Kept<V> {
    values: HashMap<String, V>,
    /// The names in the order that they were put in, with the room that each takes.
    order: VecDeque<(String, usize)>,
    taken: usize,
}

impl<V: Clone> Recent<V> {
    pub(crate) fn new(room: usize) -> Self {
        Self { room, kept: Mutex::new(Kept { values: HashMap::new(), order: VecDeque::new(), taken: 0 }) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept<V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, name: &str) -> Option<V> {
        self.kept().values.get(name).cloned()
    }

    /// Puts a value that takes so much room, which is the same for each value of a name. What needs more than there is at all is
    /// not kept.
    pub(crate) fn put(&self, name: String, size: usize, value: V) {
        if size > self.room {
            return;
        }
        let mut kept = self.kept();
        if let Some(there) = kept.values.get_mut(&name) {
            *there = value;
            return;
        }
        while kept.taken.saturating_add(size) > self.room {
            let Some((oldest, freed)) = kept.order.pop_front() else { break };
            kept.values.remove(&oldest);
            kept.taken = kept.taken.saturating_sub(freed);
        }
        kept.taken = kept.taken.saturating_add(size);
        kept.order.push_back((name.clone(), size));
        kept.values.insert(name, value);
    }
}

impl<V> fmt::Debug for Recent<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("room", &self.room).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_first_makes_room() {
        let recent = Recent::new(10);
        for n in 0..20 {
            recent.put(n.to_string(), 2, n);
        }
        let there: Vec<i32> = (0..20).filter_map(|n| recent.get(&n.to_string())).collect();
        assert_eq!(there, [15, 16, 17, 18, 19]);
        recent.put("huge".to_owned(), 11, 0);
        assert_eq!((recent.get("huge"), recent.get("19")), (None, Some(19)));
    }

    #[test]
    fn the_newest_value_of_a_name_counts() {
        let recent = Recent::new(2);
        for n in 0..10 {
            recent.put("a".to_owned(), 1, n);
        }
        recent.put("b".to_owned(), 1, 0);
        assert_eq!((recent.get("a"), recent.get("b"), recent.get("c")), (Some(9), Some(0), None));
    }
}
