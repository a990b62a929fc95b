"""The process that builds one engine: it reads a request from stdin, writes the engine file and answers on stdout.

It has a low priority, so that a loop beside it comes first, and no descriptor of the process that started it but stdin, stdout
and stderr. It ends with that process: the kernel kills it then, also inside a runtime's own code, and the end of its stdin tells it.
"""

import ctypes
import hashlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import msgspec

from tracker.engines.build_request import BuildAnswer, BuildRequest
from tracker.engines.engine_cache import EngineNotKeptError, Say, store_engine
from tracker.errors import BundleError, EngineError

NICENESS = 10  # a tenth of a normal process's share while both want the core; at 19 a busy machine builds for minutes
_PIECE = 1 << 20
_PR_SET_PDEATHSIG = 1  # of prctl(2): a signal at the end of the thread that started this process, which waits for it


def main() -> None:
    """Build what stdin asks for; the answer says how it went."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setpgid(0, 0)  # Ctrl-C is for the process that started this one; a session of its own would lift the priority again
    os.nice(NICENESS)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    request = msgspec.json.decode(sys.stdin.buffer.readline(), type=BuildRequest)
    threading.Thread(target=_end_with_stdin, name="end-with-stdin", daemon=True).start()

    def say(sentence: str) -> None:
        _answer(answers, BuildAnswer(kind="said", sentence=sentence))

    try:
        build(request, say=say)
    except BundleError as problem:
        _answer(answers, BuildAnswer(kind="bundle", sentence=str(problem)))
    except EngineNotKeptError as problem:
        _answer(answers, BuildAnswer(kind="not kept", sentence=str(problem)))
    except EngineError as problem:
        _answer(answers, BuildAnswer(kind="engine", sentence=str(problem)))
    else:
        _answer(answers, BuildAnswer(kind="built", sentence=""))
    answers.close()
    os._exit(0)  # nothing is left to do, and a runtime's own exit hooks may take seconds


def build(request: BuildRequest, *, say: Say) -> None:
    """Build and keep one engine.

    Raises:
        BundleError: model.onnx is not what the request says, or cannot be read by the runtime.
        EngineError: the runtime cannot build it.
        EngineNotKeptError: the engine cannot be written.
    """
    if request.runtime == "openvino":
        from tracker.engines.openvino.build import build_blob

        payload: bytes | memoryview = build_blob(request)
    else:
        from tracker.engines.tensorrt.build import build_for

        payload = build_for(request, say=say)
    _check_model(request)  # after the build, so that what was read is what was hashed unless it was changed twice
    store_engine(Path(request.folder), request.made_for, payload)


def _check_model(request: BuildRequest) -> None:
    digest = hashlib.sha256()
    try:
        with Path(request.model).open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as problem:
        raise BundleError(
            f"{request.model}: cannot be read: {problem.strerror}; was the bundle moved while its engine was built?"
        ) from None
    if digest.hexdigest() != request.made_for.onnx_sha256:
        raise BundleError(f"{request.model}: was changed while its engine was built; open the bundle again")


def _answer(answers: BinaryIO, answer: BuildAnswer) -> None:
    answers.write(msgspec.json.encode(answer) + b"\n")
    answers.flush()


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(1)
