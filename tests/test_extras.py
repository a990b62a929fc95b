"""An installation with one extra has all that the program of that extra imports: what is installed beside it hides what is missing."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOOKED_UP = {"torchvision"}  # torchmetrics asks what is installed, and imports it then
ROOT = Path(__file__).resolve().parents[1]
IMPORT_ALL = """
import importlib, importlib.machinery, pkgutil, sys
blocked = {blocked!r}
class Installed(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Installed
import {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    if module.name not in {skipped!r}:
        importlib.import_module(module.name)
"""
ASKED_FOR = {"trainer.networks.backbone_library"}  # imported when a network needs the extra `backbones`


def installed_with(extra: str) -> set[str]:
    """Names of all distributions that an installation with this extra brings, as far as they are installed here."""
    found: set[str] = set()
    wanted = [("rigtrack", extra)]
    while wanted:
        name, chosen = wanted.pop()
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(canonicalize_name(name))
        for one in map(Requirement, required):
            if one.marker is None or one.marker.evaluate({"extra": chosen}):
                wanted += [(one.name, further) for further in ("", *one.extras) if canonicalize_name(one.name) not in found]
    return found


@pytest.mark.parametrize(("package", "extra"), [("trainer", "trainer"), ("calib", "calib")])
def test_a_program_imports_nothing_that_its_own_extra_does_not_bring(package: str, extra: str) -> None:
    brought = installed_with(extra)
    blocked = [
        module
        for module, distributions in importlib.metadata.packages_distributions().items()
        if not brought & {canonicalize_name(name) for name in distributions} and module not in sys.stdlib_module_names
    ]
    assert "pytest" in blocked, "the check would block nothing"
    code = IMPORT_ALL.format(blocked=set(blocked) - LOOKED_UP, package=package, skipped=ASKED_FOR)
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
