//! Scanners, and bills of materials.

use pathops_core::policy::FindingSeverity::{Critical, High};
use pathops_core::policy::SbomFormat;
use pathops_evidence::report::{Fault, ScanReport};

use super::*;

#[track_caller]
fn scan(format: Format, report: &[u8]) -> ScanReport {
    let Content::Scan(scan) = content(format, report) else { panic!("{format}") };
    scan
}

#[test]
fn gitleaks() {
    let Some(tools) = Tools::installed() else { return };
    let secret = format!("ghp_{}", "R7xT2mQ9vK4bN8cL1zW6yH3dJ5fG0sA2pE4u");
    tools.write("leak/app.env", &format!("NAME=orders\nGITHUB_TOKEN={secret}\n"));
    tools.write("clean/app.env", "NAME=orders\n");
    let gitleaks = |folder: &str, code: i32| {
        let mut gitleaks = tools.tool("tools/bin/gitleaks");
        run(gitleaks.args(["dir", folder, "--report-format", "json", "--report-path", "report.json"]), code);
        tools.read("report.json")
    };
    let found = scan(Format::Gitleaks, &gitleaks("leak", 1));
    let [finding] = found.findings.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.id.as_str(), finding.location.as_deref()), ("github-pat", Some("leak/app.env:2")));
    assert!(!format!("{found:?}").contains(&secret), "the secret is told");
    // A list of nothing says too little to be recognised, and enough for whoever knows what it is.
    let nothing = gitleaks("clean", 0);
    assert_eq!(parse(&nothing).unwrap_err().fault, Fault::Unknown);
    let Content::Scan(clean) = parse_as(Format::Gitleaks, &nothing).unwrap().content else { panic!() };
    assert!(clean.findings.is_empty() && clean.incomplete.is_empty(), "{clean:?}");
}

const ADVISORY: &str = r#"```toml
[advisory]
id = "RUSTSEC-2026-0001"
package = "time-machine"
date = "2026-01-02"
cvss = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"

[versions]
patched = [">= 1.1.0"]
```

# Goes back too far

It does.
"#;

const CARGO_LOCK: &str = r#"version = 4

[[package]]
name = "orders"
version = "1.0.0"
dependencies = ["time-machine"]

[[package]]
name = "time-machine"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
"#;

#[test]
fn cargo_audit() {
    let Some(tools) = Tools::installed() else { return };
    tools.write("database/crates/time-machine/RUSTSEC-2026-0001.md", ADVISORY);
    tools.write(".cargo/audit.toml", "[yanked]\nenabled = false\n");
    run(tools.program("git").args(["init", "-q", "database"]), 0);
    let audit = |lock: &str, code: i32| {
        let lock = tools.write("lock/Cargo.lock", lock);
        let mut audit = tools.tool("tools/bin/cargo-audit");
        run(audit.args(["audit", "--json", "--no-fetch", "--stale", "--db", "database", "-f"]).arg(lock), code)
    };
    let found = scan(Format::CargoAudit, &audit(CARGO_LOCK, 1));
    let [finding] = found.findings.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.id.as_str(), finding.severity), ("RUSTSEC-2026-0001", Some(Critical)));
    let mended =
        scan(Format::CargoAudit, &audit(&CARGO_LOCK.replace("machine\"\nversion = \"1.0.0", "machine\"\nversion = \"1.1.0"), 0));
    assert!(mended.findings.is_empty() && mended.incomplete.is_empty(), "{mended:?}");
}

const PACKAGE: &str = r#"{"name": "orders", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}}"#;

const PACKAGE_LOCK: &str = r#"{"name": "orders", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {
    "": {"name": "orders", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}},
    "node_modules/left-pad": {"version": "1.3.0", "license": "WTFPL"}}}"#;

const ADVISORIES: &str = r#"{"left-pad": [{"id": 1, "url": "https://github.com/advisories/GHSA-aaaa-bbbb-cccc", "title": "pads too far",
    "severity": "high", "vulnerable_versions": "<=1.3.0", "cwe": [], "cvss": {"score": 7.5, "vectorString": null}}]}"#;

const LEFT_PAD: &str = r#"{"name": "left-pad", "dist-tags": {"latest": "1.3.0"},
    "versions": {"1.3.0": {"name": "left-pad", "version": "1.3.0", "dist": {}}}}"#;

#[test]
fn npm_audit() {
    let Some(tools) = Tools::installed() else { return };
    tools.write("package.json", PACKAGE);
    tools.write("package-lock.json", PACKAGE_LOCK);
    let audit = |answers, code| {
        let registry = server::serve(answers);
        let options = ["--fetch-retries=0", "--no-update-notifier", "--registry", &registry];
        run(tools.program("npm").args(["audit", "--json", "--package-lock-only"]).args(options), code)
    };
    let found = audit(&[("/-/npm/v1/security/advisories/bulk", ADVISORIES), ("/left-pad", LEFT_PAD)], 1);
    let found = scan(Format::NpmAudit, &found);
    let [finding] = found.findings.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.id.as_str(), finding.severity), ("GHSA-aaaa-bbbb-cccc", Some(High)));
    let nothing = scan(Format::NpmAudit, &audit(&[("/-/npm/v1/security/advisories/bulk", "{}")], 0));
    assert!(nothing.findings.is_empty(), "{nothing:?}");
    // The registry does not answer: npm says so, and nothing was found out.
    let failed = parse(&audit(&[], 1)).unwrap_err();
    assert_eq!((failed.format, failed.fault), (Some(Format::NpmAudit), Fault::ToolFailed), "{failed}");
}

#[test]
fn syft() {
    let Some(tools) = Tools::installed() else { return };
    tools.write("source/package-lock.json", PACKAGE_LOCK);
    let mut syft = tools.tool("tools/bin/syft");
    syft.env("SYFT_CHECK_FOR_APP_UPDATE", "false").args(["scan", "dir:source", "-q"]);
    for format in ["cyclonedx-json", "cyclonedx-xml", "spdx-json"] {
        syft.args(["-o", &format!("{format}={format}")]);
    }
    run(&mut syft, 0);
    let sbom = |format, name| {
        let Content::Sbom(sbom) = content(format, &tools.read(name)) else { panic!("{name}") };
        (sbom.format, sbom.version, sbom.components, sbom.vulnerabilities.is_none())
    };
    let cyclonedx = (SbomFormat::Cyclonedx, "1.6".to_owned(), 2, true);
    assert_eq!(sbom(Format::CyclonedxJson, "cyclonedx-json"), cyclonedx);
    assert_eq!(sbom(Format::CyclonedxXml, "cyclonedx-xml"), cyclonedx);
    // With the folder itself.
    assert_eq!(sbom(Format::Spdx2Json, "spdx-json"), (SbomFormat::Spdx, "2.3".to_owned(), 3, true));
}

#[test]
fn the_library_of_spdx() {
    let Some(tools) = Tools::installed() else { return };
    let Content::Sbom(sbom) = content(Format::Spdx3Json, &runtime::library(&tools, "spdx3")) else { panic!() };
    assert_eq!((sbom.format, sbom.version.as_str(), sbom.components), (SbomFormat::Spdx, "3.0.1", 2));
}
