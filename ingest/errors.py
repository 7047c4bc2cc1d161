"""Every error the product raises, in one tree. Facts are attributes; the sentence is built here.

    IngestError                     1
    ├── UsageError                  2   what was typed cannot be done
    │   ├── UnknownInstrument
    │   ├── AmbiguousInstrument
    │   └── SeveralProblems             each of them one of these
    ├── SettingsError               3   ingest.toml or INGEST_*
    ├── DatabaseError               4
    │   ├── DatabaseUnreachable
    │   ├── DatabaseMissing
    │   ├── DatabaseFull
    │   ├── SchemaMismatch
    │   └── OriginConflict              real and simulated bars would mix
    ├── GatewayError                5   the gateway as a whole
    │   ├── GatewayUnreachable
    │   ├── GatewayRefused
    │   └── GatewayLost
    │       ├── GatewaySilent           it is there, and answers nothing
    │       └── GatewayGone             and it stayed away
    ├── SeriesBusy                  6   another run holds the series
    ├── ExportError                 7
    └── RequestError                8   one request
        ├── RequestTimedOut
        ├── RequestRefused
        ├── RequestTooLong          asked for less at a time, it may be answered
        ├── PacingViolation
        └── AnswerBroken

Exit code 9 is not an error class: a run that ended in order but could not get everything it was asked for.
130 is Ctrl-C, after a clean stop.
"""

from collections.abc import Sequence
from typing import ClassVar

EXIT_INCOMPLETE = 9
EXIT_INTERRUPTED = 130


class IngestError(Exception):
    """Base of the tree. `hint` is what to do next, one imperative sentence."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip() if self.hint else self.message


class UsageError(IngestError):
    exit_code = 2


class UnknownInstrument(UsageError):
    """Nothing matches what was asked for."""


class OtherExchange(UnknownInstrument):
    """A contract that is held as it trades at one exchange was asked for at another."""


class AmbiguousInstrument(UsageError):
    """Several contracts match; `candidates` are one line each."""

    def __init__(self, asked: str, candidates: Sequence[str]) -> None:
        self.asked = asked
        self.candidates = tuple(candidates)
        shown = "; ".join(self.candidates[:8]) + (f"; and {len(candidates) - 8} more" if len(candidates) > 8 else "")
        super().__init__(
            f"{asked} is ambiguous: {len(self.candidates)} contracts match ({shown}).",
            hint="Name one, for example with @EXCHANGE, --currency or con_id:NUMBER.",
        )


class SeveralProblems(UsageError):
    """All that is wrong with what was typed, a line each, so that it can be mended in one go."""

    def __init__(self, problems: Sequence[UsageError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  ".join([f"{len(problems)} problems:", *map(str, problems)]))

    @classmethod
    def refuse(cls, problems: Sequence[UsageError]) -> None:
        """Raise them, if there are any; one by itself."""
        if problems:
            raise problems[0] if len(problems) == 1 else cls(problems)


class SettingsError(IngestError):
    exit_code = 3


class DatabaseError(IngestError):
    exit_code = 4


class DatabaseUnreachable(DatabaseError):
    """No connection could be made, or it was lost; safe to try again."""


class DatabaseMissing(DatabaseError):
    """The embedded database was never made, or not here."""


class DatabaseFull(DatabaseError):
    """Its disk is full: nothing can be kept until somebody makes room."""


class SchemaMismatch(DatabaseError):
    """The schema is older or newer than this program."""


class OriginConflict(DatabaseError):
    """Bars of one origin were offered to a series of the other."""


class GatewayError(IngestError):
    exit_code = 5


class GatewayUnreachable(GatewayError):
    """Nothing (or the wrong service) answers at the address."""


class GatewayRefused(GatewayError):
    """The gateway answered and turned us away (client id in use, version too old, …). `code` is IB's, if any."""

    def __init__(self, message: str, *, hint: str = "", code: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class GatewayLost(GatewayError):
    """The session ended, or lost its way to IB, while something was in flight. `record`: see `RequestError`."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.record: object | None = None


class GatewaySilent(GatewayLost):
    """The session stands, and nothing is answered."""


class GatewayGone(GatewayLost):
    """The session was lost, and the gateway stayed away for as long as it is waited for: nothing more can be asked."""


class SeriesBusy(IngestError):
    exit_code = 6


class ExportError(IngestError):
    exit_code = 7


class RequestError(IngestError):
    """One request went wrong. `code` and `text` are IB's own, raw.

    `record` is the request's `RequestRecord` for the request log (None when nothing was sent), `reaction` the word of
    the gateway's table of faults for what to do about it ("retry", "shrink", …; empty when IB said nothing).
    """

    exit_code = 8

    def __init__(self, message: str, *, hint: str = "", code: int | None = None, text: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.text = text
        self.reaction = ""
        self.record: object | None = None


class RequestTimedOut(RequestError):
    """No end of the answer within the deadline. Says nothing about the data."""


class RequestRefused(RequestError):
    """IB refused this request. `permanent`: the same request will be refused again.

    `years_back`: it reached back further than that many years before it was asked, which is all the account may have.
    """

    def __init__(
        self, message: str, *, hint: str = "", code: int | None = None, text: str = "", permanent: bool = False
    ) -> None:
        super().__init__(message, hint=hint, code=code, text=text)
        self.permanent = permanent
        self.years_back: int | None = None


class RequestTooLong(RequestError):
    """IB does not give so much at once; the same request will be refused again, smaller ones may not."""


class PacingViolation(RequestError):
    """IB says we asked too fast; everyone on the login has to wait."""


class AnswerBroken(RequestError):
    """The answer cannot be trusted: wrong count, out of order, undecodable."""
