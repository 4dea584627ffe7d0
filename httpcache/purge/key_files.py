"""Files of public keys: read again when they change, and the nodes' file to which enrolment adds."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from httpcache.purge.keys import KeyFault, PublicKey, jwk_set, public_key

log = logging.getLogger("edgeward.purge")

LARGEST = 2**20
"""Bytes of a key file at the most."""


class KeyFile:
    """A JWK set file. Keys are added and removed by editing it: it is read again when it has changed.

    `shared` are the ids of keys that may be shared secrets.
    """

    def __init__(self, path: Path, shared: Collection[str] = ()) -> None:
        self.path = path
        self._shared = shared
        self._keys: tuple[PublicKey, ...] = ()
        self._read_at: tuple[int, int, int] | None = None
        self._fault = ""

    def keys(self) -> tuple[PublicKey, ...]:
        """Its keys now; those of before while it is broken, none when it is not there."""
        try:
            about = self.path.stat()
        except OSError:
            self._keys, self._read_at, self._fault = (), None, ""
            return ()
        state = (about.st_mtime_ns, about.st_size, about.st_ino)
        if state != self._read_at:
            try:
                self._keys, self._fault = read_key_file(self.path, self._shared), ""
            except (KeyFault, OSError) as error:
                self._fault = str(error)
                log.error("the keys of before stay in use: %s", error)
            self._read_at = state
        return self._keys

    def by_kid(self, kid: str) -> PublicKey | None:
        """The key of that id."""
        return next((key for key in self.keys() if key.kid == kid), None)


class NodeKeys(KeyFile):
    """The nodes' keys by name; a node from this machine may be enrolled with the key it shows, once."""

    def by_name(self, name: str) -> PublicKey | None:
        """The key of the node of that name."""
        return next((key for key in self.keys() if key.name == name), None)

    def enrol(self, key: PublicKey) -> None:
        """Add a node's key. Raises OSError, also while the file is broken: who was in there would be forgotten."""
        self._replace([*self._whole(), key])

    def forget(self, name: str) -> None:
        """Remove a node's key: it may enrol anew, or its name be used by another. Raises OSError."""
        keys = self._whole()
        if any(key.name == name for key in keys):
            self._replace([key for key in keys if key.name != name])

    def _whole(self) -> tuple[PublicKey, ...]:
        keys = self.keys()
        if self._fault:
            raise OSError(f"{self._fault}: mend the file or restore it")
        return keys

    def _replace(self, keys: list[PublicKey]) -> None:
        draft = self.path.with_name(f".{self.path.name}.draft")
        draft.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(jwk_set(keys))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


def read_key_file(path: Path, shared: Collection[str] = ()) -> tuple[PublicKey, ...]:
    """All keys of a JWK set file, of which `shared` may be secrets. Raises KeyFault naming the key, or OSError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            document = msgspec.json.decode(file.read(LARGEST))
        members = document["keys"]
        keys = tuple(public_key(member, shared) for member in members)
    except KeyFault as error:
        raise KeyFault(f"{path}: {error}") from error
    except ValueError as error:
        raise KeyFault(f"{path}: is not JSON: {error}") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise KeyFault(f'{path}: is not a JWK set: {{"keys": [...]}} is one') from error
    if mode & 0o002:
        raise KeyFault(f"{path} can be written by anyone (mode {mode:04o}): chmod 600 it")
    if mode & 0o077 and any(key.alg == "HS256" for key in keys):
        raise KeyFault(f"{path} has a shared secret and is open to others (mode {mode:04o}): chmod 600 it")
    if len({key.kid for key in keys}) < len(keys):
        raise KeyFault(f"{path}: two keys have the same kid")
    return keys
