//! What Argo CD's own API tells of an Application beside the object: the tree of its resources, and sync windows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::kubernetes::Key;

/// That of each Application, as a test has it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Beside(Arc<Mutex<BTreeMap<(Key, &'static str), Value>>>);

impl Beside {
    /// The resources that are there, as nodes of the tree.
    pub fn resources(&self, application: &Key, nodes: &Value) {
        self.set(application, "resource-tree", json!({"nodes": nodes, "hosts": [], "shardsCount": 1}));
    }

    /// The windows that are open, and all that concern the Application.
    pub fn windows(&self, application: &Key, active: &Value, assigned: &Value) {
        self.set(application, "syncwindows", json!({"activeWindows": active, "assignedWindows": assigned, "canSync": true}));
    }

    fn set(&self, application: &Key, what: &'static str, told: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((application.clone(), what), told);
    }

    pub(super) fn told(&self, application: &Key, what: &str) -> Option<Value> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|((of, kind), _)| of == application && *kind == what).map(|(_, told)| told.clone())
    }
}
