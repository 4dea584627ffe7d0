"""`python -m edgeward`: the same as the `edgeward` command."""

from edgeward.cli import main

main(prog_name="edgeward")
