"""A tracker on the synthetic camera as a child process, for the benchmarks."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tracker.config import load_config

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "synthetic.yaml"


@contextmanager
def daemon(
    bundle: Path, *, record: bool = False, **changes: dict[str, Any] | list[dict[str, Any]]
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run `tracker run` with the synthetic example, another bundle and some keys changed; gives the process and its address.

    A section that names a camera's `source` replaces the example's.
    """
    with tempfile.TemporaryDirectory(prefix="rigtrack-bench-") as folder:
        address = f"ipc://{folder}/stream"
        values = msgspec.to_builtins(load_config(EXAMPLE))
        values["engine"]["bundle"] = str(bundle.resolve())
        values["publisher"]["bind"] = [address]
        values["control"]["bind"] = f"ipc://{folder}/control"
        for section, keys in changes.items():
            values[section] = keys if isinstance(keys, list) or "source" in keys else (values[section] or {}) | keys
        config = Path(folder) / "tracker.yaml"
        config.write_text(yaml.safe_dump(values))
        command = [sys.executable, "-m", "tracker", "run", "--config", str(config), *(["--record"] if record else [])]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield process, address
        finally:
            process.terminate()
            process.wait()
