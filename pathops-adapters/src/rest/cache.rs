//! What was read, with the entity tag that the host gave it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Uri};

use super::Answer;

/// How much is kept.
const BYTES: usize = 32 * 1024 * 1024;
/// Nothing larger than this part of it is kept.
const LARGEST: usize = BYTES / 8;

/// Answers by what was asked; the one that was not used for longest goes first.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<String, Entry>,
    bytes: usize,
    tick: u64,
}

#[derive(Debug)]
struct Entry {
    etag: HeaderValue,
    answer: Arc<Answer>,
    used: u64,
}

/// What is asked: the place and the form.
pub(super) fn key(uri: &Uri, headers: &HeaderMap) -> String {
    let form = headers.get(ACCEPT).and_then(|form| form.to_str().ok()).unwrap_or_default();
    format!("{form} {uri}")
}

impl Cache {
    pub(super) fn get(&self, key: &str) -> Option<(HeaderValue, Arc<Answer>)> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.tick = kept.tick.saturating_add(1);
        let tick = kept.tick;
        let entry = kept.answers.get_mut(key)?;
        entry.used = tick;
        Some((entry.etag.clone(), entry.answer.clone()))
    }

    pub(super) fn put(&self, key: String, etag: HeaderValue, answer: Arc<Answer>) {
        let size = answer.body.len().saturating_add(key.len());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&key);
        if size > LARGEST {
            return;
        }
        while kept.bytes.saturating_add(size) > BYTES {
            let oldest = kept.answers.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            kept.remove(&oldest);
        }
        kept.tick = kept.tick.saturating_add(1);
        kept.bytes = kept.bytes.saturating_add(size);
        let used = kept.tick;
        kept.answers.insert(key, Entry { etag, answer, used });
    }
}

impl Kept {
    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.answers.remove(key) {
            self.bytes = self.bytes.saturating_sub(entry.answer.body.len().saturating_add(key.len()));
        }
    }
}
