"""A bundle that says how good it is, as one that was trained does."""

import json
from collections.abc import Sequence
from pathlib import Path


def note_training(folder: Path, *, verdict: Sequence[tuple[str, str]] = (), median_px: float, radius_px: float = 2.3) -> Path:
    """Have a bundle say its error on 20 held-out frames, and the figures beside it the steps of a verdict, (kind, why) each."""
    path = folder / "bundle.json"
    about = json.loads(path.read_text())
    about["accuracy"] = {"mean_px": median_px, "median_px": median_px, "p95_px": median_px, "frames": 20}
    about["correct_within_px"] = [radius_px] * len(about["point_names"])
    path.write_text(json.dumps(about))
    if verdict:
        steps = [{"kind": kind, "why": why, "do": "Do it.", "command": "trainer fit"} for kind, why in verdict]
        figures = {
            "created": about["created"],
            "history": {"epochs": []},
            "verdict": {"kind": verdict[0][0], "sentence": "", "next": steps},
        }
        (folder / "metrics.json").write_text(json.dumps(figures))
    return folder
