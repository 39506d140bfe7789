//! What tools of progressive delivery have verified, as evidence.

use pathops_core::evidence::Subject;
use pathops_evidence::Origin;
use serde_json::{Value, json};

use crate::{Store, origin};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../fixtures/report/", $name)).as_slice()
    };
}

/// Freight is known by any of its commits and images; what was told of a commit, by that.
#[tokio::test]
async fn what_was_verified_counts_for_what_it_is_of() {
    let store = Store::new().await;
    let commit = Subject::named("orders").with_commit(&"8f2b7c1d9e0a3b4c5d6e7f8091a2b3c4d5e6f708".parse().unwrap());
    let image = "sha256:3f1c9a7be2d4506182736495a0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3";
    let image = Subject::named("orders").with_sha256(&image.parse().unwrap());
    let other = Subject::named("orders").with_commit(&"b".repeat(40).parse().unwrap());
    let (kargo, promoter) = (fixture!("kargo/good.json"), fixture!("gitops-promoter/good.json"));
    for (bytes, subject, expected) in [
        (kargo, &commit, "PASSED"),
        (kargo, &image, "PASSED"),
        (kargo, &other, "WARNED"),
        (promoter, &commit, "PASSED"),
        (promoter, &image, "WARNED"),
    ] {
        let taken = store.take(bytes, None, &Origin { subjects: vec![subject.clone()], ..origin() }).await.unwrap();
        let told = &store.stated(&taken).await[1].1;
        assert_eq!(told["result"], expected, "{told}");
        let is_told = told["warnedTests"][0].as_str().is_some_and(|it| it.ends_with(": it is of something else"));
        assert_eq!(is_told, expected == "WARNED", "{told}");
    }
}

/// The statement says what was counted, and that freight failed before it passed.
#[tokio::test]
async fn why_something_has_not_passed_is_stated() {
    let store = Store::new().await;
    let stated = async |bytes: &[u8], origin: &Origin| {
        let taken = store.take(bytes, None, origin).await.unwrap();
        store.stated(&taken).await[1].1.clone()
    };
    let failed = stated(fixture!("argo-rollouts/bad-called-successful.json"), &origin()).await;
    let why = "Argo Rollouts: shop/orders-6b8f9c7d5-4-1: success-rate: 6 of 7 measurements failed, and 1 may; it is called \
        `Successful`; the run is called `Successful`";
    assert_eq!(failed["failedTests"], json!([why]));
    let mut list: Value = serde_json::from_slice(fixture!("kargo/good.json")).unwrap();
    let history = &mut list["items"][1]["status"]["freightHistory"][0]["verificationHistory"];
    history.as_array_mut().unwrap().push(json!({"phase": "Failed"}));
    let commit = Subject::named("orders").with_commit(&"8f2b7c1d9e0a3b4c5d6e7f8091a2b3c4d5e6f708".parse().unwrap());
    let again = stated(list.to_string().as_bytes(), &Origin { subjects: vec![commit], ..origin() }).await;
    let flaky = &again["configuration"][0]["annotations"]["flakyTests"];
    assert_eq!(
        (&again["result"], flaky),
        (&json!("WARNED"), &json!(["Kargo: shop/uat: f5b1c2d3e4a5968778695a4b3c2d1e0f9a8b7c6d"]))
    );
}
