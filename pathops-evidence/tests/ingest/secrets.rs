//! Reports with secrets in them: what they say is stated as if there were none, and nothing of the secrets is kept.

use std::fmt::Write as _;

use super::*;

/// The two marks of a private key, neither of which stands in this file.
fn marks() -> (String, String) {
    (["-----BEGIN RSA ", "PRIVATE KEY-----"].concat(), ["-----END RSA ", "PRIVATE KEY-----"].concat())
}

/// Takes a report in, and gives what was stated of it beside the reference, and what was stored.
async fn take(report: &str) -> (Value, String) {
    let store = Store::new().await;
    let taken = store.take(report.as_bytes(), None, &origin()).await;
    assert!(taken.is_ok(), "{taken:?}\n{report}");
    let taken = taken.unwrap();
    let said = store.stated(&taken).await.get(1).map_or(Value::Null, |(_, said)| said.clone());
    let stored = store.blobs.get(&cx(), &taken.payload).await.unwrap().unwrap();
    (said, String::from_utf8(stored).unwrap())
}

fn junit(cases: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<testsuites>{cases}</testsuites>\n")
}

fn sarif(texts: &[&str]) -> Value {
    let result = |(number, text): (usize, &&str)| {
        let place = json!({"physicalLocation": {"artifactLocation": {"uri": "a"}, "region": {"snippet": {"text": text}}}});
        json!({"ruleId": format!("rule-{number}"), "level": "error", "message": {"text": "m"}, "locations": [place]})
    };
    let results: Vec<_> = texts.iter().enumerate().map(result).collect();
    json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Semgrep"}}, "results": results}]})
}

#[tokio::test]
async fn a_private_key_hides_no_finding() {
    let (begin, end) = marks();
    let whole = format!("{begin}\nMIIEpAIBAAKCAQEA7\n{end}");
    for texts in [vec![&*begin, "q", "q", &*whole], vec![&*begin, "q"], vec!["q", &*end]] {
        let report = sarif(&texts);
        for text in [report.to_string(), serde_json::to_string_pretty(&report).unwrap()] {
            let (said, stored) = take(&text).await;
            let ids: Vec<_> = said["scanner"]["result"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
            assert_eq!(ids, (0..texts.len()).map(|number| format!("rule-{number}")).collect::<Vec<_>>());
            assert!(!stored.contains(&begin) && !stored.contains("MIIEpAIB"), "{stored}");
        }
    }
    let vulnerability = |id: &str, severity: &str, text: &str| json!({"vulnerability": {"id": id, "severity": severity, "description": text}, "artifact": {"name": "a", "version": "1"}});
    let matches = [
        vulnerability("CVE-1", "Low", &format!("parses {begin}")),
        vulnerability("CVE-2", "Critical", "x"),
        vulnerability("CVE-3", "Low", &format!("looks for {end}")),
    ];
    let grype = json!({"matches": matches, "source": {}, "distro": {}, "descriptor": {"name": "grype", "version": "1"}});
    let (said, _) = take(&grype.to_string()).await;
    let result = &said["scanner"]["result"];
    assert_eq!((result.as_array().unwrap().len(), &result[1]["severity"][0]["score"]), (3, &json!("critical")), "{said}");
    let event = |kind: &str, reason: &str, message: &str| json!({"type": kind, "reason": reason, "message": message, "involvedObject": {"kind": "Pod", "name": "p"}});
    let events = [
        event("Normal", "A", &format!("tls: {begin}")),
        event("Warning", "OOMKilling", "x"),
        event("Normal", "B", &format!("no {end}")),
    ];
    let (said, _) = take(&json!({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": events}).to_string()).await;
    assert!(said["result"] == "FAILED" && said["failedTests"].to_string().contains("OOMKilling"), "{said}");
}

#[tokio::test]
async fn trivy_and_gitleaks_find_keys_and_everything_else() {
    let (begin, end) = marks();
    let lines = |texts: &[&str]| {
        texts.iter().enumerate().map(|(number, text)| json!({"Number": number, "Content": text})).collect::<Vec<_>>()
    };
    let secret = |texts: &[&str]| {
        let found =
            json!({"RuleID": "private-key", "Severity": "HIGH", "Title": "key", "Match": begin, "Code": {"Lines": lines(texts)}});
        json!({"Target": "k.pem", "Class": "secret", "Secrets": [found]})
    };
    let vulnerable = json!({"Target": "app", "Class": "lang-pkgs", "Vulnerabilities":
        [{"VulnerabilityID": "CVE-2026-1", "PkgName": "x", "Severity": "CRITICAL"}]});
    let body = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2";
    let results = [secret(&[&*begin, "****"]), vulnerable, secret(&[&*begin, body, body, "dHV2", &*end])];
    let trivy = json!({"SchemaVersion": 2, "ArtifactName": "x", "Results": results});
    let leaks = json!([
        {"RuleID": "private-key", "File": "a", "Match": begin, "StartLine": 1},
        {"RuleID": "aws", "File": "b", "StartLine": 2, "Match": "x"},
    ]);
    for (report, expected) in [(trivy, 3), (leaks, 2)] {
        for text in [report.to_string(), serde_json::to_string_pretty(&report).unwrap()] {
            let (said, stored) = take(&text).await;
            assert_eq!(said["scanner"]["result"].as_array().unwrap().len(), expected, "{said}");
            assert!(!stored.contains(body) && !stored.contains("dHV2") && !stored.contains(&begin), "{stored}");
        }
    }
}

#[tokio::test]
async fn a_secret_hides_no_failing_test() {
    let (begin, end) = marks();
    let failing = r#"<testcase name="login"><failure message="no"/></testcase>"#;
    for (text, printed) in [
        (format!("<system-out>{begin}\n</system-out>"), format!("<system-out>{end}</system-out>")),
        (format!("<!-- {begin} -->"), format!("<!-- {end} -->")),
        (
            format!("<system-out>loaded {begin}MIIE...\n</system-out>"),
            format!("<system-out>\n{begin}\nMIIE\n{end}\n</system-out>"),
        ),
        ("<!-- password=\"x1y2 -->".to_owned(), "<!-- \" -->".to_owned()),
        ("<system-out>password=\"abc1</system-out>".to_owned(), "<system-out>def\"</system-out>".to_owned()),
        ("<system-out>Cookie: a=b</system-out>".to_owned(), String::new()),
        ("<system-out><![CDATA[Cookie: a=b]]></system-out>".to_owned(), String::new()),
        ("<system-out>Authorization: Bearer abcdefghij1234567890</system-out>".to_owned(), String::new()),
        ("<system-out>Authorization: Negotiate abc def</system-out>".to_owned(), String::new()),
        ("<system-out>password=Zq7abcdef0123456789</system-out>".to_owned(), String::new()),
    ] {
        let report = junit(&format!("<testcase name=\"a\">{text}</testcase>{failing}<testcase name=\"b\">{printed}</testcase>"));
        let (said, stored) = take(&report).await;
        assert_eq!((&said["result"], &said["failedTests"]), (&json!("FAILED"), &json!(["login"])), "{report}");
        assert_eq!(said["passedTests"], json!(["a", "b"]), "{report}");
        assert!(stored.contains("[redacted ") && stored.contains(failing), "{stored}");
    }
    let escaped = format!("parses &quot;{begin}&quot;");
    let report = junit(&format!("<testcase name=\"{escaped}\"/>{failing}<testcase name=\"to &quot;{end}&quot;\"/>"));
    let (said, _) = take(&report).await;
    assert_eq!((&said["failedTests"], said["passedTests"].as_array().unwrap().len()), (&json!(["login"]), 2), "{said}");
}

/// As pytest and Node write them.
#[tokio::test]
async fn a_failure_that_shows_a_secret_is_a_failure() {
    let (begin, _) = marks();
    for (shown, gone) in [("Cookie: sid=abcdef0123456789", "abcdef0123456789"), (&*begin, &*begin)] {
        let pytest = format!(
            "<testsuites><testsuite name=\"pytest\" errors=\"0\" failures=\"1\" skipped=\"0\" tests=\"1\"><testcase classname=\"t\" \
             name=\"d\"><failure message=\"RuntimeError: {shown}\">def d():\n&gt;   raise RuntimeError(\"{shown}\")\nE   \
             RuntimeError: {shown}\n\nt.py:10: RuntimeError</failure><system-out>--- Captured\n</system-out></testcase>\
             </testsuite></testsuites>"
        );
        let node = junit(&format!(
            "\n\t<testcase name=\"ok\" classname=\"test\"/>\n\t<testcase name=\"d\" classname=\"test\" failure=\"401 for {shown}\">\n\t\t\
             <failure type=\"testCodeFailure\" message=\"401 for {shown}\">\n[Error: 401 for {shown}] {{\n  code: 'X',\n      at \
             TestContext.&lt;anonymous> (file:1)\n}}\n\t\t</failure>\n\t</testcase>\n\t<!-- tests 2 -->\n"
        ));
        for report in [pytest, node] {
            let (said, stored) = take(&report).await;
            assert_eq!((&said["result"], said["failedTests"].as_array().unwrap().len()), (&json!("FAILED"), 1), "{said}");
            assert!(!stored.contains(gone), "{stored}");
        }
    }
}

#[tokio::test]
async fn what_was_skipped_stays_skipped() {
    for description in ["sends Cookie: sid=1", "password=\"abc1", "Authorization: Negotiate abc def"] {
        let (said, stored) = take(&format!("TAP version 13\nok 1 - one\nok 2 - {description} # SKIP no network\n1..2\n")).await;
        assert_eq!((&said["result"], said["warnedTests"].as_array().unwrap().len()), (&json!("WARNED"), 1), "{stored}");
        assert!(stored.contains("[redacted ") && stored.contains(" # SKIP no network\n"), "{stored}");
    }
    let (begin, end) = marks();
    let tap = format!("TAP version 14\nok 1 - a\n# {begin}\nnot ok 2 - b\n# {end}\nok 3 - c\n1..3\n");
    assert_eq!(take(&tap).await.0["failedTests"], json!(["b"]));
    let lines = [("output", "A", &*begin), ("fail", "A", ""), ("output", "B", &*end), ("pass", "B", ""), ("fail", "", "")];
    let mut go = String::new();
    for (action, test, output) in lines {
        let mut line = json!({"Action": action, "Package": "y"});
        if !test.is_empty() {
            line["Test"] = test.into();
        }
        if !output.is_empty() {
            line["Output"] = format!("{output}\n").into();
        }
        writeln!(go, "{line}").unwrap();
    }
    let (said, stored) = take(&go).await;
    assert!(said["result"] == "FAILED" && said["failedTests"].to_string().contains('A'), "{said}");
    assert!(!stored.contains(&begin), "{stored}");
}

#[tokio::test]
async fn fields_whose_names_are_the_same_without_their_secrets_stay_two() {
    let check = |name: &str, fails: u32| json!({"name": name, "path": format!("::{name}"), "passes": 1, "fails": fails});
    let checks = json!({
        "Authorization: Bearer aaaabbbbccccdddd1111": check("x", 3),
        "Authorization: Bearer aaaabbbbccccdddd2222": check("y", 0),
    });
    let group = json!({"name": "", "path": "", "groups": {}, "checks": checks});
    let (said, stored) = take(&json!({"metrics": {}, "root_group": group}).to_string()).await;
    let count = |list: &str| said[list].as_array().map_or(0, Vec::len);
    assert_eq!((count("failedTests"), count("passedTests")), (1, 1), "{said}");
    assert!(!stored.contains("aaaabbbb"), "{stored}");
}

/// A rule of a host that takes out what a tool counts by.
#[tokio::test]
async fn a_report_that_would_say_something_else_is_refused_for_that_reason() {
    let store = Store::new().await;
    let report = br#"[{"RuleID": "aws", "File": "b", "StartLine": 4711001, "Match": "x"}]"#;
    let redactor = Redactor::new(["4711001".to_owned()]).unwrap();
    let error = ingest(&cx(), &store.sealer, &redactor, report, None, &origin()).await.unwrap_err();
    let told = error.to_string();
    assert!(error.kind() == ErrorKind::Invalid && told.contains("secrets were taken out of it (`known`)"), "{told}");
    assert!(told.contains("have the tool leave secrets out") && !told.contains("4711001"), "{told}");
    assert!(store.index.all().is_empty());
}

#[tokio::test]
async fn values_of_secrets_of_kubernetes_are_taken_out_whatever_they_look_like() {
    let value = "c3dvcmRmaXNo";
    let manifest = |data: &str| format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ntype: Opaque\n{data}");
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  stays: plain words\n";
    let applied = json!({"apiVersion": "v1", "kind": "Secret", "data": {"db": value}, "metadata": {"name": "x"}});
    for yaml in [
        manifest(&format!("data:\n  db: {value}\n  \"a: b\": '{value}' # {value}\n")),
        manifest(&format!("stringData:\n  a: |\n    {value}\n\n    more {value}\n  b: {value}\n")),
        format!("apiVersion: v1\ndata:\n  db: {value}\nkind: Secret\nmetadata:\n  name: x\n"),
        manifest(&format!("data: {{db: {value}}}\n")),
        manifest(&format!("data:\n  db:\n    {value}\n")),
        manifest("").replace(
            "  name: x\n",
            &format!("  name: x\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {applied}\n"),
        ),
        format!("{config}---\n{}---\n{config}", manifest(&format!("data:\n  db: {value}\n"))),
        format!(
            "apiVersion: v1\nkind: List\nmetadata:\n  name: l\nitems:\n- apiVersion: v1\n  data:\n    db: {value}\n  kind: Secret\n  metadata: {{name: x}}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: c}}\n  data:\n    stays: plain words\n"
        ),
    ] {
        let (_, stored) = take(&yaml).await;
        assert!(!stored.contains(value) && stored.contains("kind: Secret"), "{stored}");
        assert_eq!(stored.matches("plain words").count(), yaml.matches("plain words").count(), "{stored}");
    }
    let store = Store::new().await;
    let two = manifest(&format!("data:\n  a: {value}\n  b: {value}\n"));
    let taken = store.take(two.as_bytes(), None, &origin()).await.unwrap();
    assert_eq!(taken.redaction.removed["kubernetes-secret"], 2);
    let stored = String::from_utf8(store.blobs.get(&cx(), &taken.payload).await.unwrap().unwrap()).unwrap();
    assert_eq!(stored, two.replace(value, "\"[redacted kubernetes-secret]\""), "the keys stay");
    let hidden = format!(
        "apiVersion: v1\nkind: List\nmetadata:\n  name: l\nitems: [{{apiVersion: v1, kind: Secret, metadata: {{name: x}}, data: {{a: {value}}}}}]\n"
    );
    let error = store.take(hidden.as_bytes(), None, &origin()).await.unwrap_err();
    assert!(error.to_string().contains("values of a Secret of Kubernetes"), "{error}");
}

#[tokio::test]
async fn values_of_secrets_are_taken_out_of_documents_that_are_texts() {
    let value = "c3dvcmRmaXNo";
    let secret = format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n  db: {value}\n");
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  stays: plain words\n";
    let helm = |manifest: &str| {
        let info = json!({"status": "deployed"});
        json!({"name": "shop", "namespace": "shop", "version": 3, "info": info, "manifest": manifest}).to_string()
    };
    let (_, stored) = take(&helm(&format!("---\n# Source: shop/secret.yaml\n{secret}---\n{config}"))).await;
    assert!(!stored.contains(value) && stored.contains("  db: ") && stored.contains("plain words"), "{stored}");
    let (_, stored) = take(&helm(&format!("{{kind: Secret, data: {{db: {value}}}}}"))).await;
    assert_eq!(stored, helm("[redacted kubernetes-secret]"), "what cannot be taken out goes as a whole");
    let printed = format!("<testcase name=\"a\"><system-out>applied\n{secret}</system-out></testcase>");
    let (_, stored) = take(&junit(&printed)).await;
    assert!(!stored.contains(value) && stored.contains("applied\n"), "{stored}");
    let applied = json!({"kind": "Secret", "data": {"db": value}, "metadata": {"name": "it's"}}).to_string();
    let single = format!("'{}'", applied.replace('\'', "''"));
    let folded = single.replacen(",\"", ",\n\n      \"", 1);
    for quoted in [single, folded, Value::from(applied).to_string()] {
        let annotation = format!("kubectl.kubernetes.io/last-applied-configuration: {quoted} # as applied");
        let (_, stored) =
            take(&format!("kind: Secret\nmetadata:\n  annotations:\n    {annotation}\n  name: x\napiVersion: v1\n")).await;
        assert!(!stored.contains(value) && stored.contains("kubernetes-secret") && stored.contains("\n  name: x\n"), "{stored}");
    }
    // Of a text that is no value in quotation marks nothing can be taken out, and nothing of it is stored.
    let hidden = format!("{config}  other: |\n    {{\"kind\": \"Secret\",\n    \"data\": {{\"db\": \"{value}\"}}}}\n");
    let error = Store::new().await.take(hidden.as_bytes(), None, &origin()).await.unwrap_err();
    assert!(error.to_string().contains("values of a Secret of Kubernetes"), "{error}");
}

#[tokio::test]
async fn a_private_key_ends_with_its_text_in_yaml() {
    let (begin, _) = marks();
    let config = format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  key.pem: |\n    {begin}\n    cut\nmetadata:\n  name: c\n");
    let images = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - image: x:latest\n";
    let store = Store::new().await;
    let mut here = origin();
    here.annotations.environment = "preflight".parse().ok();
    let taken = store.take(format!("{config}---\n{images}").as_bytes(), None, &here).await.unwrap();
    assert_eq!(store.stated(&taken).await[1].1["samples"], 1);
    let stored = String::from_utf8(store.blobs.get(&cx(), &taken.payload).await.unwrap().unwrap()).unwrap();
    let expected = config.replace(&begin, "[redacted private-key]").replace("    cut\n", "");
    assert_eq!(stored, format!("{expected}---\n{images}"));
}

#[tokio::test]
async fn values_of_secrets_are_taken_out_of_json_too() {
    let value = "c3dvcmRmaXNo";
    let applied = json!({"kind": "Secret", "data": {"db": value}, "metadata": {"name": "x"}}).to_string();
    let secret = json!({"stringData": {"n": 17, "deep": {"x": [value]}}, "data": {"db": value, "none": null}, "kind": "Secret",
        "metadata": {"name": "x", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}}});
    let application: Value = serde_json::from_slice(include_bytes!("../fixtures/report/argo-cd/good.json")).unwrap();
    let mut report = application.clone();
    report["status"]["live"] =
        json!({"kind": "List", "items": [secret, {"kind": "ConfigMap", "data": {"stays": "plain words"}}]});
    let (said, stored) = take(&report.to_string()).await;
    assert_eq!(said["result"], take(&application.to_string()).await.0["result"]);
    let kept: Value = serde_json::from_str(&stored).unwrap();
    assert!(!stored.contains(value) && stored.contains("plain words"), "{stored}");
    let kept = &kept["status"]["live"]["items"][0];
    assert_eq!((&kept["data"]["db"], &kept["data"]["none"]), (&json!("[redacted kubernetes-secret]"), &Value::Null));
    assert_eq!(kept["stringData"]["deep"]["x"], json!(["[redacted kubernetes-secret]"]));
}

#[tokio::test]
async fn a_report_stays_one_where_secrets_are_taken_out_afterwards() {
    let store = Store::new().await;
    let report = junit("<testcase name=\"a\"><system-out>Cookie: a=b</system-out><failure/></testcase>").into_bytes();
    let digest = store.blobs.put(&cx(), report.clone()).await.unwrap();
    let stored = Reference {
        name: "report".to_owned(),
        download_location: store.blobs.location(&digest),
        digest: [("sha256".to_owned(), digest.hex())].into(),
        media_type: "application/xml".to_owned(),
        annotations: None,
    };
    let redactor = Redactor::new([]).unwrap();
    let record =
        redact_stored(&cx(), &store.sealer, &redactor, &stored, &report, "report 17", UnixMillis(5_000)).await.unwrap().unwrap();
    let verified = store.trust.verify(&store.sealer.envelope(&cx(), &record).await.unwrap()).unwrap();
    let redaction: Redaction = serde_json::from_value(verified.statement().predicate.clone()).unwrap();
    let left = Digest::from_hex(&redaction.replacement.digest["sha256"]).unwrap();
    let left = String::from_utf8(store.blobs.get(&cx(), &left).await.unwrap().unwrap()).unwrap();
    assert_eq!(left, String::from_utf8(report).unwrap().replace("a=b", "[redacted cookie]"));
}

#[tokio::test]
async fn what_people_name_things_is_stated_without_secrets() {
    let token = ["gh", "p_pYlSXpfKtHF4vUCsMehGAkWvj7FAc9QeWJKY"].concat();
    let named = Origin {
        name: format!("{token}.tap"),
        subjects: vec![Subject::named(&token).with_sha256(&Digest::of(b"artifact"))],
        attester: "https://u:Zq763FfkCzJr4i@ci.example".to_owned(),
        suite: "password=Zq763FfkCzJr4i".to_owned(),
        keeping: Keeping::ForEver(format!("because of {token}")),
        ..origin()
    };
    let store = Store::new().await;
    let whole = store.take(b"1..1\nok 1 - a\n", None, &named).await.unwrap();
    let redactor = Arc::new(Redactor::new([]).unwrap());
    let log = super::logs::Pieces::of(b"ready\n", 3);
    let streamed = ingest_log(&cx(), &store.sealer, &redactor, log, &named).await.unwrap();
    for record in whole.records.iter().chain(&streamed.records) {
        let verified = store.trust.verify(&store.sealer.envelope(&cx(), record).await.unwrap()).unwrap();
        let told = format!("{} {}", record.name, serde_json::to_string(verified.statement()).unwrap());
        assert!(!told.contains(&token) && !told.contains("Zq763FfkCzJr4i"), "{told}");
        assert!(told.contains("[redacted github-token]"), "{told}");
    }
}

#[tokio::test]
async fn text_in_utf_16_is_read_and_without_its_mark_refused() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let log = "2026-11-22T12:00:00Z INFO password=Zq763FfkCzJr4i \u{20ac}\n";
    let marked = |text: &str| [b"\xff\xfe".to_vec(), utf16(text)].concat();
    let store = Store::new().await;
    let redactor = Arc::new(Redactor::new([]).unwrap());
    let taken = store.take(&marked(log), Some(Format::PodLog), &origin()).await.unwrap();
    let stored = store.blobs.get(&cx(), &taken.payload).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(stored).unwrap(), "2026-11-22T12:00:00Z INFO password=[redacted assignment] \u{20ac}\n");
    let declared = |encoding: &str| junit("<testcase name=\"a\"/>").replace("1.0\"", &format!("1.0\" encoding=\"{encoding}\""));
    let document = store.take(&marked(&declared("UTF-16")), None, &origin()).await.unwrap();
    let stored = store.blobs.get(&cx(), &document.payload).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(stored).unwrap(), declared("UTF-8"));
    let said = store.take(&marked(&junit("<testcase name=\"a\"/>")), None, &origin()).await.unwrap();
    assert_eq!((said.format, said.replaced), (Format::Junit, 0));
    let streamed = |bytes: &[u8]| super::logs::Pieces::of(bytes, 5);
    let same = ingest_log(&cx(), &store.sealer, &redactor, streamed(&marked(log)), &origin()).await.unwrap();
    assert_eq!((same.payload, same.replaced), (taken.payload, 0));
    // It is valid UTF-8, and known for a log by how it begins.
    let ascii = log.replace('\u{20ac}', "");
    let behind = [ascii.repeat(1_000).into_bytes(), utf16(&ascii.repeat(1_500))].concat();
    for told in [
        store.take(&behind, None, &origin()).await.unwrap_err().to_string(),
        store.take(&utf16(log), Some(Format::PodLog), &origin()).await.unwrap_err().to_string(),
        ingest_log(&cx(), &store.sealer, &redactor, streamed(&utf16(log)), &origin()).await.unwrap_err().to_string(),
    ] {
        assert!(told.contains("full of NUL bytes") && told.contains("have it written in UTF-8"), "{told}");
    }
}
