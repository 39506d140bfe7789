package raw

# The same rule over the evidence itself, with the newest piece of each kind.

about(it) if {
  it.unit == input.readings.unit.id
  some subject in it.subjects
  subject.digest.sha256 == input.artifact
}

newest(kind) := max([it.at | some it in input.evidence; it.says[kind]; about(it)])

suite(name) := max([it.at | some it in input.evidence; it.says.tests.suite == name; about(it)])

passes(name) if {
  at := suite(name)
  some it in input.evidence
  it.at == at
  it.says.tests.suite == name
  it.says.tests.passed >= 100
  it.says.tests.failed == 0
  it.says.tests.skipped == 0
}

ran if {
  at := newest("deployment")
  some it in input.evidence
  it.at == at
  it.says.deployment.failure == null
}

healthy if {
  at := newest("health")
  some it in input.evidence
  it.at == at
  it.says.health.healthy
  it.says.health.settledMillis >= 300000
}

scanned if {
  at := newest("vulnerabilities")
  some it in input.evidence
  it.at == at
  bad := {finding.id | some finding in it.says.vulnerabilities.found; finding.severity in {"critical", "high"}}
  count(bad) == 0
}

listed if {
  at := newest("sbom")
  some it in input.evidence
  it.at == at
  it.says.sbom.parts > 0
}

budget if {
  at := newest("signal")
  some it in input.evidence
  it.at == at
  it.says.signal.name == "error-rate"
  it.says.signal.value <= 0.01
}

approved if count(input.readings.proposal.reviews) > 0

deny contains "the unit tests must have passed" if not passes("unit")
deny contains "the smoke tests must have passed" if not passes("smoke")
deny contains "it must have run in preflight, and been healthy" if not ran
deny contains "it must have run in preflight, and been healthy" if not healthy
deny contains "nothing critical or high may be open" if not scanned
deny contains "its parts must be known" if not listed
deny contains "it must keep within the error budget" if not budget
deny contains "a person must answer for it" if not approved
deny contains "nothing may be open" if count(input.readings.incidents) + count(input.rejected) > 0
