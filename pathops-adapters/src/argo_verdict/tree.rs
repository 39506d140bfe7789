//! The tree of resources that Argo CD's own API gives: what ails, where an `Application` leaves the health of its resources out.

use std::collections::HashSet;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::application::{Application, Health, label};
use crate::live::{objects, or_default};

/// So many resources that are not healthy are kept of a tree.
const MOST: usize = 1_000;

/// What is not healthy in an `Application`: resources that it manages, and what came of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(crate) struct Tree {
    #[serde(deserialize_with = "ailing")]
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
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

objects!(Tree, Node);

/// The nodes with a health that is not good: of a large tree, few.
fn ailing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Node>, D::Error> {
    struct Nodes;

    impl<'de> Visitor<'de> for Nodes {
        type Value = Vec<Node>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the nodes of a tree")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut nodes = Vec::new();
            while let Some(node) = seq.next_element::<Node>()? {
                let ails = node.health.status.as_deref().is_some_and(|status| status != "Healthy");
                if ails && nodes.len() < MOST {
                    nodes.push(node);
                }
            }
            Ok(nodes)
        }
    }

    deserializer.deserialize_any(Nodes)
}

impl Application {
    /// Whether the health of its resources stands in the tree alone, as it does from Argo CD 3.0 on. That of the whole Application says
    /// what they come to: some do not count, by annotation or as hooks, and nothing but Argo CD knows which.
    pub(crate) fn leaves_health_out(&self) -> bool {
        self.status.resource_health_source.as_deref() == Some("appTree")
    }

    /// Drops what Argo CD's own API has put in from the tree where the Application leaves it out: it is not what the Application says.
    pub(crate) fn drop_added_health(&mut self) {
        if self.leaves_health_out() {
            self.status.resources.iter_mut().for_each(|resource| resource.health = Health::default());
        }
    }

    /// What ails it, by the tree: the first resource that it manages with the health of the whole, else the first that is not healthy.
    pub(crate) fn cause_in(&self, tree: &Tree) -> Option<String> {
        let managed: HashSet<_> =
            self.status.resources.iter().map(|it| (&*it.group, &*it.kind, &*it.namespace, &*it.name)).collect();
        let is_managed = |node: &&Node| managed.contains(&(&*node.group, &*node.kind, &*node.namespace, &*node.name));
        let counts = |node: &&Node| node.health.status == self.status.health.status;
        let found = tree.nodes.iter().filter(is_managed).find(counts).or_else(|| tree.nodes.iter().find(is_managed))?;
        let named = label(&found.kind, &found.name);
        Some(match found.health.message.as_deref().unwrap_or_default() {
            "" => named,
            message => format!("{named}: {message}"),
        })
    }
}
