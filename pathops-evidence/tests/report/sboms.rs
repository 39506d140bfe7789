//! Bills of materials.

use pathops_core::policy::FindingSeverity::{Critical, Medium};
use pathops_core::policy::SbomFormat;
use pathops_evidence::report::{Content, Fault, Format, SbomReport};

use crate::fixtures::content;
use crate::{read, refuse};

fn fixture(format: Format, name: &str) -> SbomReport {
    let Content::Sbom(sbom) = content(format, name) else { panic!("{format} is no SBOM") };
    sbom
}

#[test]
fn cyclonedx_counts_components_inside_of_components() {
    let expected = SbomReport { format: SbomFormat::Cyclonedx, version: "1.6".to_owned(), components: 3, vulnerabilities: None };
    assert_eq!(fixture(Format::CyclonedxJson, "good"), expected);
    assert_eq!(fixture(Format::CyclonedxXml, "good"), SbomReport { version: "1.4".to_owned(), ..expected });
}

#[test]
fn cyclonedx_with_vulnerabilities_takes_the_worst_rating() {
    let json = fixture(Format::CyclonedxJson, "bad").vulnerabilities.unwrap();
    let severities: Vec<_> = json.findings.iter().map(|finding| finding.severity).collect();
    // Rated twice, rated once as unknown, not rated, and rated by a vector.
    assert_eq!(severities, [Some(Critical), None, None, Some(Medium)]);
    assert_eq!((json.suppressed.len(), json.findings[0].title.as_deref()), (1, Some("it is bad")));
    let xml = fixture(Format::CyclonedxXml, "bad").vulnerabilities.unwrap();
    assert_eq!(xml.findings.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Some(Critical), None]);
    assert_eq!(xml.suppressed.len(), 1);
}

#[test]
fn cyclonedx_that_is_not_read() {
    let bom = |version: &str| format!(r#"{{"bomFormat":"CycloneDX","specVersion":"{version}"}}"#);
    refuse(Format::CyclonedxJson, &bom("1.3"), Fault::Unsupported, "CycloneDX 1.3, and 1.4, 1.5, 1.6, 1.7 are read");
    for version in ["1.4", "1.5", "1.6", "1.7"] {
        let Content::Sbom(empty) = read(Format::CyclonedxJson, &bom(version)) else { panic!() };
        assert_eq!((empty.components, empty.version.as_str()), (0, version));
    }
    refuse(Format::CyclonedxXml, "<bom/>", Fault::Unsupported, "of no namespace");
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":{}"#,
        r#"[{"name":"a","components":"#.repeat(10_000)
    );
    refuse(Format::CyclonedxJson, &deep, Fault::TooLarge, "recursion limit");
}

#[test]
fn cyclonedx_vulnerabilities_need_no_id() {
    let ids = |format, text: &str| {
        let Content::Sbom(bom) = read(format, text) else { panic!() };
        bom.vulnerabilities.unwrap().findings.into_iter().map(|it| (it.id, it.severity)).collect::<Vec<_>>()
    };
    let json =
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","vulnerabilities":[{},{"bom-ref":"v1"},{"bom-ref":"v2","id":"CVE-1"}]}"#;
    let list = "<vulnerability/><vulnerability bom-ref='v1'/><vulnerability bom-ref='v2'><id>CVE-1</id></vulnerability>";
    let xml = format!("<bom xmlns='http://cyclonedx.org/schema/bom/1.5'><vulnerabilities>{list}</vulnerabilities></bom>");
    let expected = ["unnamed", "v1", "CVE-1"].map(|id| (id.to_owned(), None::<pathops_core::policy::FindingSeverity>));
    assert_eq!(ids(Format::CyclonedxJson, json), expected);
    assert_eq!(ids(Format::CyclonedxXml, &xml), expected);
}

#[test]
fn spdx_2_and_3() {
    let expected = SbomReport { format: SbomFormat::Spdx, version: "2.3".to_owned(), components: 2, vulnerabilities: None };
    assert_eq!(fixture(Format::Spdx2Json, "good"), expected);
    assert_eq!(fixture(Format::Spdx3Json, "good"), SbomReport { version: "3.0.1".to_owned(), ..expected });
    refuse(Format::Spdx2Json, r#"{"spdxVersion":"SPDX-2.9","SPDXID":"SPDXRef-DOCUMENT"}"#, Fault::Unsupported, "SPDX-2.9");
    refuse(Format::Spdx2Json, r#"{"spdxVersion":"SPDX-2.3","SPDXID":"x"}"#, Fault::Malformed, "not `x`");
    let three = |context: &str, graph: &str| format!(r#"{{"@context":"{context}","@graph":{graph}}}"#);
    let context = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld";
    refuse(Format::Spdx3Json, &three(context, "[]"), Fault::Malformed, "no `CreationInfo`");
    let creation = r#"[{"type":"CreationInfo","specVersion":"3.0.1"}]"#;
    refuse(Format::Spdx3Json, &three(context, creation), Fault::Malformed, "no `SpdxDocument`");
    refuse(
        Format::Spdx3Json,
        &three("https://spdx.org/rdf/3.1/spdx-context.jsonld", creation),
        Fault::Unsupported,
        "SPDX 3.0 is read",
    );
}

/// An SPDX 3 document with these elements beside its own.
fn spdx_3(elements: &[&str]) -> SbomReport {
    let own = [r#"{"type":"CreationInfo","specVersion":"3.0.1"}"#, r#"{"type":"SpdxDocument"}"#];
    let graph = own.iter().chain(elements).copied().collect::<Vec<_>>().join(",");
    let text = format!(r#"{{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{graph}]}}"#);
    let Content::Sbom(bill) = read(Format::Spdx3Json, &text) else { panic!() };
    bill
}

#[test]
fn spdx_3_vulnerabilities_are_as_bad_as_they_are_rated() {
    let alpha = r#"{"type":"software_Package","spdxId":"urn:alpha","name":"alpha"}"#;
    let one = r#"{"type":"security_Vulnerability","spdxId":"urn:v1","name":"one","summary":"it is bad\nvery","externalIdentifier":[
        {"type":"ExternalIdentifier","externalIdentifierType":"other","identifier":"X-1"},
        {"type":"ExternalIdentifier","externalIdentifierType":"cve","identifier":"CVE-2026-0001"}]}"#;
    let rated = |from: &str, class: &str, rest: &str| {
        format!(r#"{{"type":"security_{class}VulnAssessmentRelationship","from":"{from}","to":["urn:alpha"],{rest}}}"#)
    };
    let low = rated("urn:v1", "CvssV2", r#""security_score":2.0"#);
    let grave = rated("urn:v1", "CvssV3", r#""security_score":"9.8","security_severity":"critical""#);
    let bill = spdx_3(&[alpha, one, &low, &grave]);
    let found = bill.vulnerabilities.unwrap();
    let [finding] = found.findings.as_slice() else { panic!("{found:?}") };
    assert_eq!((bill.components, finding.id.as_str(), finding.severity), (1, "CVE-2026-0001", Some(Critical)));
    assert_eq!((finding.location.as_deref(), finding.title.as_deref()), (Some("alpha"), Some("it is bad")));
    assert!(found.incomplete.is_empty() && found.suppressed.is_empty());

    let severity = |rating: &str| {
        let bill = spdx_3(&[one, rating]);
        bill.vulnerabilities.unwrap().findings[0].severity
    };
    let vector = r#""security_vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N""#;
    assert_eq!(severity(&rated("urn:v1", "CvssV3", vector)), Some(Medium));
    assert_eq!(severity(&rated("urn:v1", "CvssV4", r#""security_severity":"odd""#)), None);
    // How likely it is to be used is not how bad it is, and what VEX says takes nothing out.
    assert_eq!(severity(&rated("urn:v1", "Epss", r#""security_probability":0.1"#)), None);
    assert_eq!(severity(&rated("urn:v1", "VexNotAffected", r#""security_impactStatement":"not used""#)), None);
}

#[test]
fn spdx_3_names_vulnerabilities_that_are_elsewhere() {
    let ids = |element: &str| {
        let found = spdx_3(&[element]).vulnerabilities.unwrap();
        (found.findings.into_iter().map(|it| it.id).collect::<Vec<_>>(), found.incomplete)
    };
    let named = |id: &str| (vec![id.to_owned()], Vec::<String>::new());
    let associated =
        r#"{"type":"Relationship","relationshipType":"hasAssociatedVulnerability","from":"urn:alpha","to":["urn:v2"]}"#;
    assert_eq!(ids(associated), named("urn:v2"));
    let assessed =
        r#"{"type":"security_CvssV3VulnAssessmentRelationship","from":{"type":"security_Vulnerability","spdxId":"urn:v3"}}"#;
    assert_eq!(ids(assessed), named("urn:v3"));
    assert_eq!(ids(r#"{"type":"security_Vulnerability"}"#), named("unnamed"));
    assert_eq!(ids(r#"{"type":"security_Odd"}"#), (Vec::<String>::new(), vec!["`security_Odd` is not read".to_owned()]));
    let other = r#"{"type":"Relationship","relationshipType":"dependsOn","from":"urn:alpha","to":["urn:beta"]}"#;
    assert_eq!(spdx_3(&[other]).vulnerabilities, None);
}
