//! What an Application manages that Argo CD judges no further: other Applications, and what makes some.

use super::application::{Application, Resource};
use super::expected::Expected;
use super::judge::Step;
use super::verdict::{Stale, StaleAction, Verdict};

/// So many are named at once.
const MOST: usize = 10;

/// Whether every Application that is managed has a verdict of its own. To be `Synced` is to have its spec applied, and says nothing
/// of what it deploys; by default its health is left out of the health of what manages it.
pub(super) fn children_are_judged(expected: &Expected, application: &Application) -> Step {
    let children = application.status.resources.iter().filter_map(|it| Some((it, it.child()?)));
    let ask_people = |reason| Err(Verdict::Stale(reason, StaleAction::AskPeople));
    if let Some((set, _)) = children.clone().find(|(_, child)| *child == Child::ApplicationSet) {
        return ask_people(Stale::ApplicationSet { application_set: set.place() });
    }
    let unnamed = |(it, _): &(&Resource, Child)| !expected.judges_apart(&it.namespace, &it.name);
    if application.status.summary.is_app_of_apps && !application.status.resources.iter().any(|it| it.kind_of_child().is_some()) {
        return ask_people(Stale::HiddenApplications);
    }
    let applications: Vec<String> = children.filter(unnamed).map(|(it, _)| it.place()).take(MOST).collect();
    if applications.is_empty() { Ok(()) } else { ask_people(Stale::UnnamedApplications { applications }) }
}

/// What deploys something by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Application,
    /// It makes Applications that it alone knows of, and tells of none here.
    ApplicationSet,
}

impl Resource {
    /// Whether it is one that Argo CD deploys by. An Application that is left over, and may stay, is not asked for; a set that is left
    /// over still makes Applications, and may make those that are.
    fn child(&self) -> Option<Child> {
        self.kind_of_child().filter(|child| *child == Child::ApplicationSet || !self.requires_pruning)
    }

    /// The same, of one that is left over as well.
    pub(super) fn kind_of_child(&self) -> Option<Child> {
        match self.kind.as_str() {
            _ if self.group != "argoproj.io" => None,
            "Application" => Some(Child::Application),
            "ApplicationSet" => Some(Child::ApplicationSet),
            _ => None,
        }
    }

    fn place(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

#[cfg(feature = "argocd")]
impl Application {
    /// Namespace and name of each Application that it manages.
    pub(crate) fn children(&self) -> impl Iterator<Item = (&str, &str)> {
        let applications = self.status.resources.iter().filter(|it| it.child() == Some(Child::Application));
        applications.map(|it| (&*it.namespace, &*it.name))
    }

    /// Whether it says of itself that it deploys to the cluster that its own Argo CD runs in.
    pub(crate) fn deploys_beside_itself(&self) -> bool {
        let text = |field| self.spec.compared.destination.get(field).and_then(serde_json::Value::as_str);
        text("server") == Some("https://kubernetes.default.svc") || text("name") == Some("in-cluster")
    }
}
