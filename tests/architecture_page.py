"""Writes the list of files in ARCHITECTURE.md from their docstrings: python -m tests.architecture_page."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
MARK = "## Every file\n"
FOLDERS = ("httpcache", "edge", "shield", "edgeward", "bench", "tests")


def first_line(path: Path) -> str:
    """What a file says it is for."""
    line = path.read_text().partition("\n")[
        0
    ]  # not parsed: some Pythons 3.11 stumble over syntax trees at random
    return line.removeprefix('"""').removesuffix('"""').strip() if line.startswith('"""') else ""


def listing() -> str:
    """Every file and its job, folder by folder."""
    lines: list[str] = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py"), key=lambda one: (one.parent.as_posix(), one.name)):
            job = first_line(path)
            name = path.relative_to(ROOT).as_posix()
            if path.name == "__init__.py":
                if job:
                    lines.append(f"\n### {path.parent.relative_to(ROOT).as_posix()}/\n\n{job}\n")
            else:
                lines.append(f"- `{name}`: {job}")
    return "\n".join(lines).strip() + "\n"


def page() -> str:
    """The page with its list made anew."""
    return PAGE.read_text().partition(MARK)[0] + MARK + "\n" + listing()


if __name__ == "__main__":
    PAGE.write_text(page())
