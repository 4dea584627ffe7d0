"""Compiles what hits run through where a compiler is at hand; everywhere else it runs as it stands."""

from __future__ import annotations

import hashlib
import os
import shutil
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

try:
    from Cython.Build import cythonize
except ImportError:
    cythonize = None

SERVE = Path("httpcache/serve")
BUILD = Path("build/compiled") / SERVE
NAMES = ("hot_path", "receiving")
DIRECTIVES = {"language_level": "3", "annotation_typing": False, "binding": False}


def extensions() -> list[Extension]:
    """What is to be compiled: nothing without a compiler, Python's headers or Cython. A failure is no failure."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if cythonize is None or shutil.which(compiler) is None or not headers.exists():
        return []
    try:
        wanted = []
        for name in NAMES:
            source = (SERVE / f"{name}.py").read_bytes()
            _write(f"_{name}.py", source + f'\nSOURCE = "{hashlib.sha256(source).hexdigest()}"\n'.encode())
            _write(f"_{name}.pxd", (SERVE / f"_{name}.pxd").read_bytes())
            file, flags = str(BUILD / f"_{name}.py"), ["-O2", "-g0"]
            wanted.append(Extension(f"httpcache.serve._{name}", [file], extra_compile_args=flags))
        made = list(cythonize(wanted, quiet=True, compiler_directives=DIRECTIVES))
        for extension in made:
            extension.optional = True  # told to cythonize(), it is forgotten
        return made
    except Exception as error:
        print(f"hits are not compiled: {error}")
        return []


def _write(name: str, octets: bytes) -> None:
    """Write a file only when it is another: what is newer than its compiled form is compiled again."""
    path = BUILD / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != octets:
        path.write_bytes(octets)


class BuildOnce(build_ext):
    """Compiles what has changed since it was compiled here: `make` installs more than once."""

    def build_extension(self, ext: Extension) -> None:
        """Compile, or take what stands here."""
        made = Path(*ext.name.split(".")[:-1], Path(self.get_ext_filename(ext.name)).name)
        sources = (*map(Path, ext.sources), *BUILD.glob("*.p*"))
        if made.exists() and all(made.stat().st_mtime > one.stat().st_mtime for one in sources):
            target = Path(self.get_ext_fullpath(ext.name))
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.resolve() != made.resolve():
                shutil.copy2(made, target)
        else:
            super().build_extension(ext)


setup(cmdclass={"build_ext": BuildOnce}, ext_modules=extensions())
