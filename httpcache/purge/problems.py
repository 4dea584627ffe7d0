"""Why an order, a token or a question is refused: status, a token for programs, a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`status` is the answer's; `error` a stable token; `reason` a sentence."""

    status: int
    error: str
    reason: str

    @property
    def document(self) -> dict[str, str]:
        """The JSON body of the answer."""
        return {"error": self.error, "reason": self.reason}
