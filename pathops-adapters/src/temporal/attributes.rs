//! What runs are found by: search attributes of the namespace.

use pathops_core::Result;
use serde_json::Value;
use temporalio_client::grpc::OperatorService;
use temporalio_client::tonic::{Code, IntoRequest as _};
use temporalio_client::{Client, WorkflowCountOptions};
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_common::protos::temporal::api::operatorservice::v1::{AddSearchAttributesRequest, ListSearchAttributesRequest};
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributeUpdate};

use crate::temporal::error::{Call, status_of};

const MACHINE: SearchAttributeKey<String> = SearchAttributeKey::keyword("PathOpsMachine");
const STATE: SearchAttributeKey<String> = SearchAttributeKey::keyword("PathOpsState");
const PROJECT: SearchAttributeKey<String> = SearchAttributeKey::keyword("PathOpsProject");
const APPS: SearchAttributeKey<Vec<String>> = SearchAttributeKey::keyword_list("PathOpsApps");

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It was told something, and was not started yet.
    Early,
    Open,
    Ended,
}

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Open => "open",
            Self::Ended => "ended",
        }
    }

    pub(super) fn attribute(self) -> SearchAttributeUpdate {
        STATE.value_set(self.name().to_owned())
    }
}

/// A server takes no value of more than 2 KiB by default: a run of more apps than that is not found by them.
const MAX_ATTRIBUTE_BYTES: usize = 2_000;

/// Those of a run that was started.
pub(super) fn of_start(machine: &str, start: &Value) -> Vec<SearchAttributeUpdate> {
    let project = start.get("project").and_then(Value::as_str).map(|project| PROJECT.value_set(project.to_owned()));
    let apps: Vec<String> = match start.get("apps") {
        Some(Value::Object(apps)) => apps.keys().cloned().collect(),
        Some(Value::Array(apps)) => apps.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    // As JSON, each with its quotation marks and a comma.
    let bytes: usize = apps.iter().map(|app| app.len() + 3).sum();
    let apps = (!apps.is_empty() && bytes <= MAX_ATTRIBUTE_BYTES).then(|| APPS.value_set(apps));
    let all = [Some(MACHINE.value_set(machine.to_owned())), Some(Stage::Open.attribute()), project, apps];
    all.into_iter().flatten().collect()
}

/// Adds to the namespace what is missing there.
pub(super) async fn prepare(client: &Client, namespace: &str) -> Result<()> {
    let call = Call::new("prepare a Temporal namespace", namespace);
    let request = ListSearchAttributesRequest { namespace: namespace.to_owned() };
    let mut operator = client.connection().clone();
    let there = operator.list_search_attributes(request.into_request()).await;
    let there = there.map_err(|status| advised(&call, &status))?.into_inner();
    let wanted = [
        (MACHINE.name(), IndexedValueType::Keyword),
        (STATE.name(), IndexedValueType::Keyword),
        (PROJECT.name(), IndexedValueType::Keyword),
        (APPS.name(), IndexedValueType::KeywordList),
    ];
    let missing = wanted.into_iter().filter(|(name, _)| !there.custom_attributes.contains_key(*name));
    let missing: std::collections::HashMap<_, _> = missing.map(|(name, kind)| (name.to_owned(), i32::from(kind))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let request = AddSearchAttributesRequest { search_attributes: missing, namespace: namespace.to_owned() };
    match operator.add_search_attributes(request.into_request()).await {
        // Another host does it, too.
        Err(status) if status.code() != Code::AlreadyExists => Err(advised(&call, &status)),
        _ => Ok(()),
    }
}

/// Whether the server finds runs by them already, which it does a while after they were added.
pub(super) async fn are_known(client: &Client) -> Result<bool> {
    let query =
        format!("{} = 'open' AND {} = 'x' AND {} = 'x' AND {} = 'x'", STATE.name(), MACHINE.name(), PROJECT.name(), APPS.name());
    match client.count_workflows(query, WorkflowCountOptions::default()).await {
        Ok(_) => Ok(true),
        Err(error) if status_of(&error).is_some_and(|status| status.code() == Code::InvalidArgument) => Ok(false),
        Err(error) => Err(Call::new("prepare a Temporal namespace", "").failed(error)),
    }
}

fn advised(call: &Call, status: &temporalio_client::tonic::Status) -> pathops_core::Error {
    let advice = format!(
        "let somebody who may do it run `temporal operator search-attribute create --name {} --type Keyword --name {} --type Keyword \
         --name {} --type Keyword --name {} --type KeywordList`",
        MACHINE.name(),
        STATE.name(),
        PROJECT.name(),
        APPS.name()
    );
    call.refused_by(status).advise(advice)
}
