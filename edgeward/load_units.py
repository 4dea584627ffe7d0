"""How numbers of a load report are written: shares as per cent, sizes in the unit that reads best, times."""

from __future__ import annotations

NONE = "–"
"""What stands where there is nothing to tell."""


def per_cent(share: float | None) -> str:
    """A share as per cent; a dash where there is none."""
    return NONE if share is None else f"{share * 100:.1f} %"


def known(share: float | None) -> str:
    """A share as per cent, or that it is not known."""
    return "not known" if share is None else per_cent(share)


def size(octets: float) -> str:
    """Bytes in the unit that reads best."""
    for unit in ("B", "KiB", "MiB"):
        if abs(octets) < 1024:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= 1024
    return f"{octets:.1f} GiB"
