"""Evidence for what drills cannot reach: findings, costs, emissions, budgets, figures of one's own.

One kind a file; `evidence:` in the answers names the files. docs/evidence.md describes the formats. Rules of meaning:

* A practice holds only where checks for it are there and all of them pass; one that fails refutes it.
* What could not be evaluated proves nothing; what was muted, suppressed or not looked at makes a proof partial.
* The time is the one in the file. A file without one proves nothing; one with a time to come is wrong.
"""

from harness.review.findings.reading import Findings, WrittenEvidence, read_findings, with_findings

__all__ = ["Findings", "WrittenEvidence", "read_findings", "with_findings"]
