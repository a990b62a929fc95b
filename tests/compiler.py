"""The C compiler that some tests build stand-ins for drivers with."""

import shutil
import subprocess

import pytest


def c_compiler() -> str:
    """Path of a compiler that finds the C library's headers; skips the test where there is none."""
    found = shutil.which("gcc") or shutil.which("cc")
    if found is not None:
        tried = subprocess.run([found, "-E", "-"], input=b"#include <stdio.h>\n", capture_output=True, check=False)
        if tried.returncode == 0:
            return found
    pytest.skip("no C compiler with its headers on this machine: apt-get install gcc libc6-dev")
