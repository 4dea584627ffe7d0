"""`edgeward keys`: the keys that sign purge orders."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeward.faults import Refused, reason
from httpcache import clock
from httpcache.purge.keys import KeyFault, load_private_key, new_operator
from httpcache.purge.orders import url_order
from httpcache.purge.tokens import order_token

EXAMPLES = """\b
Examples:
  edgeward keys new keys
  edgeward keys new keys --name alice
  edgeward keys show edgeward-data/edge-8080/keys/node.key
  curl -X PURGE http://127.0.0.1:9081/news -H "Host: www.example.com" \\
      -H "Authorization: Bearer $(edgeward keys token operator.key http://www.example.com/news)"

\b
Exit codes: 0 done, 2 there are keys already, or a file or folder cannot be used."""


@click.group(epilog=EXAMPLES)
def keys() -> None:
    """Make keys that sign purge orders, and show their public halves."""


@keys.command(epilog=EXAMPLES)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", default="operator", show_default=True, help="Whose key it is: the `iss` of orders.")
def new(folder: Path, name: str) -> None:
    """Make an Ed25519 key pair in DIR: operator.key (keep it secret) and operators.jwks (for the nodes)."""
    try:
        private, public = new_operator(folder, name)
    except KeyFault as error:
        raise Refused(reason(error)) from error
    except OSError as error:
        raise Refused(f"{error.filename or folder}: {reason(error)}") from error
    click.echo(f"{private}: the private key, for `edgeward purge --key`; keep it secret")
    click.echo(f"{public}: the public key, for the nodes: purge.keys in their settings")


@keys.command(epilog=EXAMPLES)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def show(file: Path) -> None:
    """Print the public half of a private key as a JWK set, to add to another node's purge.keys or purge.nodes."""
    try:
        key = load_private_key(file)
        jwk = key.public.jwk
    except KeyFault as error:
        raise Refused(reason(error)) from error
    except OSError as error:
        raise Refused(f"{file}: {reason(error)}") from error
    click.echo(json.dumps({"keys": [jwk]}, indent=1))


@keys.command(epilog=EXAMPLES)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("url", metavar="URL")
@click.option("--soft", is_flag=True, help="For a request with `Edgeward-Purge: soft`.")
@click.option(
    "--audience", default="edgeward", show_default=True, help="What purge.audience is at the nodes."
)
def token(file: Path, url: str, soft: bool, audience: str) -> None:
    """Print a token for one PURGE request for URL, good for a minute, signed with the private key in FILE."""
    try:
        key = load_private_key(file)
    except KeyFault as error:
        raise Refused(reason(error)) from error
    except OSError as error:
        raise Refused(f"{file}: {reason(error)}") from error
    click.echo(order_token(key, url_order(url, soft=soft), audience, clock.now()))
