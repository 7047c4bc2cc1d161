"""`ingest doctor`: is everything there that a backfill needs? Each line with its fix."""

from ingest.cli.looping import run_async
from ingest.cli.options import Json


def doctor(as_json: Json = False) -> int:
    """Check database, schema, gateway, protocol version, clock, permissions and the pacing budget.

    Each line that is not well says what to do. Exit code: that of the first thing that is broken, else 0.

    Examples:

      ingest doctor

      INGEST_GATEWAY_PORT=4002 ingest doctor --json
    """
    from rich.text import Text

    from ingest.app.examination import examine
    from ingest.cli.screen import emit_json, show, table
    from ingest.cli.waiting import waiting
    from ingest.config import load_settings

    with waiting("Examining database and gateway"):
        findings = run_async(examine(load_settings()))
    if as_json:
        emit_json(
            [
                {"check": f.check, "state": f.state.value, "found": f.found, "fix": f.fix, "exit_code": f.exit_code}
                for f in findings
            ]
        )
    else:
        made = table("", "check", "found", "fix")
        marks = {"well": ("✓", "green"), "warning": ("!", "yellow"), "broken": ("✗", "red"), "skipped": ("–", "")}
        for finding in findings:
            made.add_row(Text(*marks[finding.state.value]), finding.check, finding.found, finding.fix)
        show(made)
    return next((finding.exit_code for finding in findings if finding.exit_code), 0)
