package pathops.condition

default allow := true

deny contains "the unit tests must have passed" if not unit

unit if {
  some suite, it in input.tests
  suite == "unit"
  it.passed >= 100
  it.failed == 0
  it.skipped == 0
  it.ageSeconds <= 604800
}

deny contains "the smoke tests must have passed" if not smoke

smoke if {
  some suite, it in input.tests
  suite == "smoke"
  it.passed >= 100
  it.failed == 0
  it.skipped == 0
  it.ageSeconds <= 86400
}

deny contains "it must have run in preflight, and been healthy" if not input.preflight.wasReady
deny contains "it must have run in preflight, and been healthy" if input.preflight.healthySeconds < 300
deny contains "nothing critical or high may be open" if input.findings.scanners == 0
deny contains "nothing critical or high may be open" if input.findings.critical + input.findings.high > 0
deny contains "its parts must be known" if input.sbomParts == 0

deny contains "it must keep within the error budget" if not budget

budget if {
  some signal, value in input.signals
  signal == "error-rate"
  value <= 0.01
}

deny contains "a person must answer for it, and nothing may be open" if input.approvals < 1
deny contains "a person must answer for it, and nothing may be open" if input.incidents > 0
deny contains "a person must answer for it, and nothing may be open" if input.evidence.rejected > 0
deny contains "a person must answer for it, and nothing may be open" if not input.unit.lifecycle in {"path-ready", "production"}
