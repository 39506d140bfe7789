//! The tree of resources that Argo CD's own API gives: the health that an `Application` leaves out.

use serde::Deserialize;

use super::application::{Application, Health, Resource};
use crate::live::or_default;

/// What is there of an `Application`, as far as the verdict rests on it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tree {
    #[serde(deserialize_with = "or_default")]
    nodes: Vec<Node>,
}

/// One resource: a managed one, or what came of one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Node {
    #[serde(deserialize_with = "or_default")]
    group: String,
    #[serde(deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    namespace: String,
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    health: Health,
}

impl Node {
    fn is(&self, resource: &Resource) -> bool {
        (&self.group, &self.kind, &self.namespace, &self.name)
            == (&resource.group, &resource.kind, &resource.namespace, &resource.name)
    }
}

impl Application {
    /// Whether the health of its resources stands in the tree alone, as it does from Argo CD 3.0 on.
    pub(crate) fn leaves_health_out(&self) -> bool {
        self.status.resource_health_source.as_deref() == Some("appTree")
    }

    /// Puts in what the tree says of the resources that it manages. What came of those counts for nothing by itself: a pod that was
    /// evicted stays there, degraded, while its Deployment is healthy.
    pub(crate) fn take_health(&mut self, tree: &Tree) {
        for resource in &mut self.status.resources {
            if let Some(node) = tree.nodes.iter().find(|node| node.is(resource)) {
                resource.health = node.health.clone();
            }
        }
    }
}
