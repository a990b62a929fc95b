"""Every program starts, and what may be imported with what, seen from a running interpreter: a lazy or dynamic import escapes a linter."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in {blocked!r}:
    sys.modules[name] = None
import tracker
skipped = {skipped!r}
for module in pkgutil.walk_packages(tracker.__path__, "tracker."):
    if module.name not in skipped:
        importlib.import_module(module.name)
"""
EXPLAIN_ALL = """
import contextlib, io, re
from {program}.__main__ import main
def explained(*command):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            main([*command, "--help"])
        except SystemExit as end:
            assert end.code == 0, command
    return said.getvalue()
for command in re.findall(r"^    (\\w+)", explained(), re.MULTILINE):
    print(explained(command).splitlines()[0])
"""
# Each needs a library that a rig has only if it uses it; the one place that imports them does so when asked to.
NEED_AN_EXTRA = (
    "tracker.__main__",
    "tracker.analysis.described",
    "tracker.analysis.frame_scores",
    "tracker.analysis.index_page",
    "tracker.analysis.inferring",
    "tracker.analysis.job",
    "tracker.analysis.networks",
    "tracker.analysis.one_video",
    "tracker.analysis.processes",
    "tracker.analysis.shown_progress",
    "tracker.analysis.run",
    "tracker.analysis.tables",
    "tracker.analysis.video",
    "tracker.analysis.worker",
    "tracker.recording.colourless",
    "tracker.recording.copied_video",
    "tracker.recording.frame_converter",
    "tracker.recording.original_video",
    "tracker.triangulation.replay",
    "tracker.cameras.aravis",
    "tracker.cameras.aravis_library",
    "tracker.cameras.aravis_listing",
    "tracker.cameras.aravis_settings",
    "tracker.cameras.basler",
    "tracker.cameras.basler_listing",
    "tracker.cameras.basler_settings",
    "tracker.check.recording_load",
    "tracker.engines.tensorrt.gpu",
    "tracker.export.bouts",
    "tracker.export.columns",
    "tracker.export.deeplabcut",
    "tracker.export.export_session",
    "tracker.export.in_child",
    "tracker.export.nwb",
    "tracker.export.place_table",
    "tracker.export.nwb_about",
    "tracker.export.nwb_events",
    "tracker.export.session_poses",
    "tracker.export.sleap",
    "tracker.export.spans",
    "tracker.export.table",
    "tracker.engines.tensorrt.cuda_graph",
    "tracker.engines.tensorrt.engine",
    "tracker.engines.tensorrt.build",
    "tracker.pages.guard",
    "tracker.pages.local_server",
    "tracker.latency.measure",
    "tracker.latency.picture",
    "tracker.latency.run",
    "tracker.latency.serial_output",
    "tracker.recording.encoder_trial",
    "tracker.recording.frame_facts",
    "tracker.recording.read_session",
    "tracker.recording.recorded_source",
    "tracker.recording.recorded_video",
    "tracker.recording.recording",
    "tracker.recording.recover",
    "tracker.recording.recover_waiting",
    "tracker.recording.session_chain",
    "tracker.recording.session_messages",
    "tracker.recording.session_writer",
    "tracker.recording.tables",
    "tracker.recording.encoder_choice",
    "tracker.recording.video_by_number",
    "tracker.recording.video_container",
    "tracker.recording.video_segment",
    "tracker.recording.whole_session",
    "tracker.triangulation.replay",
    "tracker.viewer.recorded_scene",
    "tracker.viewer.session_video",
    "tracker.viewer.session_view",
)


def python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("program", ["tracker", "trainer", "calib"])
def test_every_program_starts_and_tells_the_version_of_the_package(program: str) -> None:
    """It adds every option of every command: one that is added twice stops them all."""
    told = subprocess.run([sys.executable, "-m", program, "--version"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == f"rigtrack {importlib.metadata.version('rigtrack')}\n"


@pytest.mark.parametrize("program", ["tracker", "trainer", "calib"])
def test_every_command_of_a_program_explains_itself(program: str) -> None:
    """A percent sign in a help text is noticed by nobody else before it is asked for."""
    answer = python(EXPLAIN_ALL.format(program=program))
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) >= 6


def test_the_tracker_is_imported_without_torch_trainer_or_any_vendor_sdk() -> None:
    blocked = ["torch", "lightning", "trainer", "calib", "pypylon", "gi", "tensorrt", "pycuda", "av", "pyarrow", "matplotlib", "onnx"]
    blocked += ["pandas", "h5py", "pynwb", "sleap_io", "serial"]
    answer = python(IMPORT_ALL.format(blocked=blocked, skipped=NEED_AN_EXTRA))
    assert answer.returncode == 0, answer.stderr


def test_the_command_itself_needs_no_torch() -> None:
    answer = python("import sys; sys.modules['torch'] = None; import tracker.__main__ as program; assert not program.MISSING")
    assert answer.returncode == 0, answer.stderr


def test_a_rig_of_one_animal_does_not_load_scipy() -> None:
    answer = python("import sys; sys.modules['scipy'] = None; import tracker.run, tracker.__main__ as program; assert not program.MISSING")
    assert answer.returncode == 0, answer.stderr


def test_a_computer_with_pyzmq_alone_listens_and_is_told_what_the_rest_needs() -> None:
    answer = python(
        "import sys; sys.modules.update(dict.fromkeys(('cv2', 'numpy', 'msgspec', 'yaml', 'scipy', 'openvino', 'rich')))\n"
        "from tracker.__main__ import main\n"
        "print(main(['listen', 'ipc:///tmp/nobody-publishes-here', '--seconds', '0.01']), main(['listen']), main(['run']))"
    )
    assert answer.stdout == "1 1 1\n", answer.stderr
    needs = "needs msgspec, which is not installed; run `pip install .` in the folder of rigtrack's sources"
    assert "nothing heard in 0.01 s at ipc:///tmp/nobody-publishes-here" in answer.stderr
    assert f"tracker listen: {needs}\n" in answer.stderr
    assert "tracker run: needs " in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("statement", ["import torch", "import importlib; importlib.import_module('torch')"])
def test_the_guard_does_stop_torch(statement: str) -> None:
    answer = python(f"import sys; sys.modules['torch'] = None; {statement}")
    assert "ModuleNotFoundError" in answer.stderr


def test_a_subscriber_needs_pyzmq_and_nothing_else() -> None:
    blocked = ("numpy", "cv2", "msgspec", "yaml", "rich", "openvino")
    answer = python(f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); import tracker.client")
    assert answer.returncode == 0, answer.stderr


def test_importing_a_package_has_no_side_effect() -> None:
    for package in ("tracker", "trainer", "calib"):
        assert (ROOT / package / "__init__.py").read_text() == ""


def test_the_engine_sends_no_telemetry() -> None:
    code = "import tracker.engines.openvino.engine, sys, threading; print(sys.modules['openvino_telemetry'], threading.active_count())"
    assert python(code).stdout.split() == ["None", "1"]


def test_in_the_tracker_only_the_server_of_a_page_needs_a_web_framework() -> None:
    answer = python(IMPORT_ALL.format(blocked=("starlette", "uvicorn"), skipped=NEED_AN_EXTRA))
    assert answer.returncode == 0, answer.stderr


OF_THE_TRAINER = (
    *("torch", "lightning", "onnx", "onnxruntime", "sleap_io", "PIL", "matplotlib", "av", "h5py", "optuna", "starlette", "uvicorn"),
    "caliscope",
)


def trainer_alone(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The trainer's command as after an installation of the tracker alone."""
    return python(
        f"import sys; sys.modules.update(dict.fromkeys({OF_THE_TRAINER!r})); sys.argv = {['trainer', *arguments]!r}; "
        "from trainer.__main__ import main; sys.exit(main())"
    )


def test_a_program_without_its_extra_lists_its_commands() -> None:
    listed = trainer_alone("--help")
    assert listed.returncode == 0, listed.stderr


@pytest.mark.parametrize("command", ["label", "fit", "evaluate"])
def test_a_program_without_its_extra_says_what_to_install(command: str) -> None:
    refused = trainer_alone(command, "--data", "x")
    assert refused.returncode == 1
    (sentence,) = refused.stderr.splitlines()
    assert sentence.startswith(f"trainer {command}: needs ")
    assert sentence.endswith("run `pip install '.[trainer]'` in the folder of rigtrack's sources")
