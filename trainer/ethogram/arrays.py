"""Per-frame arrays of behaviour: what their numbers and names mean, and .npy and .mat files that hold them."""

import io
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat, savemat  # type: ignore[import-untyped]
from scipy.io.matlab import MatReadError  # type: ignore[import-untyped]

from trainer.errors import LabelError
from trainer.ethogram.bouts import NO, TO_DECIDE, UNCURATABLE, YES, Ethogram, Marks, bouts_of_marks, ethogram
from trainer.ethogram.read_options import Reading, ReadOptions

_MEANING = "expected 1 (yes), 0 (no), -1 (uncuratable) or 2 (to decide)"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MATLAB_73 = b"MATLAB 7.3"
_LISTED = 12  # names in a sentence
# what SciPy's and HDF5's readers raise on damaged files
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MatReadError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    zlib.error,
)


def read_npy(path: Path, asked: ReadOptions) -> Reading:
    """A NumPy array: (frames,) of names or numbers, (frames, classes) of marks, or named columns as `npy_of` makes them.

    Raises:
        LabelError: not such an array.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror or 'the file is cut short or no .npy array'}") from problem
    except (ValueError, EOFError) as problem:
        what = "holds Python objects" if "allow_pickle" in str(problem) else "is cut short or no .npy array"
        raise LabelError(f"{path}: {what}; expected an array of numbers or names, saved with numpy.save") from problem
    if not isinstance(array, np.ndarray):
        array.close()
        raise LabelError(f"{path}: holds several arrays; save the labels alone with numpy.save")
    if array.dtype.names:
        names, array = array.dtype.names, np.stack([array[name] for name in array.dtype.names], axis=-1)
        return _reading(path, "NumPy array", array, ReadOptions(class_names=names, fps=asked.fps))
    return _reading(path, "NumPy array", array, asked)


def npy_of(one: Ethogram) -> bytes:
    """The marks as a NumPy array of named int8 columns: the bytes of the file."""
    columns = np.zeros(one.frames, [(name, np.int8) for name in one.class_names])
    for place, name in enumerate(one.class_names):
        columns[name] = one.marks()[:, place]
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a NumPy before 1.17 reads no names beyond Latin letters
        np.save(content, columns, allow_pickle=False)
    return content.getvalue()


def mat_of(one: Ethogram) -> bytes:
    """The marks as a MATLAB file of version 5 with one array `labels`, int8 (frames, classes): the bytes of the file."""
    content = io.BytesIO()
    savemat(content, {"labels": one.marks().astype(np.int8)})
    return content.getvalue()


def read_mat(path: Path, asked: ReadOptions) -> Reading:
    """A per-frame array in a MATLAB file of any version.

    Raises:
        LabelError: not a MATLAB file, or several arrays of which none was chosen.
    """
    try:
        with path.open("rb") as file:
            start = file.read(128)
        newer = start.startswith((_MATLAB_73, _HDF5))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is left out: functions, objects
            arrays = dict(_in_hdf5(path) if newer else _in_structure(loadmat(path, simplify_cells=True), ""))
    except OSError as problem:
        raise LabelError(f"{path}: cannot be read: {problem.strerror or 'the file is damaged or cut short'}") from problem
    except _UNREADABLE as problem:
        raise LabelError(f"{path}: is damaged or no MATLAB file ({str(problem) or type(problem).__name__}); save it again") from problem
    if not arrays:
        raise LabelError(f"{path}: holds no array of numbers or names; expected one value per frame")
    listed = ", ".join(f"{name} ({'x'.join(map(str, array.shape))})" for name, array in list(arrays.items())[:_LISTED])
    more = f" and {len(arrays) - _LISTED} more" if len(arrays) > _LISTED else ""
    if asked.variable is None and len(arrays) > 1:
        raise LabelError(f"{path}: holds {len(arrays)} arrays: {listed}{more}; choose one with --variable")
    name = asked.variable or next(iter(arrays))
    if name not in arrays:
        raise LabelError(f"{path}: holds no array '{name}', but {listed}{more}; choose one of them with --variable")
    return _reading(path, "MATLAB array", arrays[name], asked)


def of_array(array: NDArray[Any], class_names: Sequence[str], *, where: str) -> tuple[Marks, tuple[str, ...], list[str]]:
    """What a per-frame array means.

    Args:
        array: (frames,) of class names (empty for none), of class numbers, or of the marks of one class; (frames, classes) of marks.
        class_names: its classes; needed wherever the array holds numbers.
        where: file and part, for the sentence of a refusal.

    Returns:
        int8 (frames, classes) marks, the names of the classes, and what was mended.

    Raises:
        LabelError: the numbers mean nothing, or the classes are not named.
    """
    mended: list[str] = []
    of_marks = array.ndim == 2 and array.shape[1] == len(class_names) and array.dtype.kind not in "US"  # of one frame too
    values = np.squeeze(array) if array.ndim > 1 and 1 in array.shape and not of_marks else array
    if values.ndim == 0 or values.size == 0 or values.ndim > 2:
        raise LabelError(f"{where}: has shape {array.shape}; expected one value per frame, or frames by classes")
    if values.dtype.kind in "US":
        return (*_of_names(values.astype(str), class_names, where=where), mended)
    if values.dtype.kind not in "iufb":
        raise LabelError(f"{where}: holds {values.dtype}; expected numbers or class names")
    if not class_names:
        raise LabelError(f"{where}: holds numbers and does not name their classes; name them with --classes")
    _refuse_odd_numbers(values, where)
    whole = values.astype(np.int64)
    if whole.ndim == 2:
        if whole.shape[1] != len(class_names) and whole.shape[0] == len(class_names):
            whole = whole.T
            mended.append(f"{where}: stands with a row for each class, and was turned: {len(whole)} frames of {len(class_names)} classes")
        if whole.shape[1] != len(class_names):
            raise LabelError(f"{where}: has {whole.shape[1]} columns for {len(class_names)} classes; expected one for each class")
        return _marks(whole, where), tuple(class_names), mended
    if len(class_names) == 1:
        return _marks(whole[:, None], where), tuple(class_names), mended
    return _of_numbers(whole, class_names, where=where), tuple(class_names), mended


def _reading(path: Path, kind: str, array: NDArray[Any], asked: ReadOptions) -> Reading:
    marks, names, mended = of_array(array, asked.class_names, where=str(path))
    one = ethogram(names, bouts_of_marks(marks, names), where=str(path), frames=len(marks), fps=asked.fps)
    one = replace(one, lists_classes=array.dtype.kind not in "US" or bool(asked.class_names))
    return Reading(path=path, kind=kind, ethograms=(one,), mended=tuple(mended))


def _marks(whole: NDArray[np.int64], where: str) -> Marks:
    odd = np.argwhere(~np.isin(whole, (YES, NO, UNCURATABLE, TO_DECIDE)))
    if len(odd):
        frame, column = odd[0].tolist()
        raise LabelError(f"{where}: frame {frame} holds {whole[frame, column]}; {_MEANING}")
    return whole.astype(np.int8)


def _of_numbers(whole: NDArray[np.int64], class_names: Sequence[str], *, where: str) -> Marks:
    odd = np.flatnonzero((whole < UNCURATABLE) | (whole >= len(class_names)))
    if odd.size:
        raise LabelError(
            f"{where}: frame {odd[0]} holds {whole[odd[0]]}; "
            f"expected the number of a class, 0 to {len(class_names) - 1}, or -1 (uncuratable)"
        )
    marks = np.where(whole[:, None] == np.arange(len(class_names)), YES, NO).astype(np.int8)
    marks[whole == UNCURATABLE] = UNCURATABLE
    return marks


def _of_names(values: NDArray[np.str_], class_names: Sequence[str], *, where: str) -> tuple[Marks, tuple[str, ...]]:
    if values.ndim != 1:
        raise LabelError(f"{where}: holds names in {values.shape[1]} columns; expected one name per frame")
    said = np.char.strip(values)
    found = list(dict.fromkeys(name for name in said.tolist() if name and name.lower() != "uncuratable"))
    names = tuple(class_names) or tuple(found)
    if not names:
        raise LabelError(f"{where}: names no class in any frame; name the classes with --classes")
    strange = next((name for name in found if name not in names), None)
    if strange is not None:
        frame = int(np.flatnonzero(said == strange)[0])
        raise LabelError(f"{where}: frame {frame} is '{strange}', which is none of the classes {', '.join(names)}; add it to --classes")
    marks = np.where(said[:, None] == np.array(names), YES, NO).astype(np.int8)
    marks[np.char.lower(said) == "uncuratable"] = UNCURATABLE
    return marks, names


def _refuse_odd_numbers(values: NDArray[Any], where: str) -> None:
    if values.dtype.kind != "f":
        return
    odd = np.argwhere(~np.isfinite(values) | (values != np.floor(values)))
    if len(odd):
        place = tuple(odd[0].tolist())
        raise LabelError(f"{where}: frame {place[0]} holds {values[place]:g}; {_MEANING}, or the number of a class")


def _in_structure(value: Mapping[str, Any], before: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Arrays in what `loadmat` gives, with the path to each."""
    for key, inner in value.items():
        if not key.startswith("__"):
            yield from _in_value(inner, f"{before}{key}")


def _in_value(value: Any, path: str) -> Iterator[tuple[str, NDArray[Any]]]:
    if isinstance(value, Mapping):
        yield from _in_structure(value, f"{path}/")
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iufbUS" and value.size > 1:
        yield path, value
    elif isinstance(value, np.ndarray) and value.dtype.kind == "O" and all(isinstance(each, str) for each in value.ravel()):
        yield path, value.astype(str)
    elif isinstance(value, list | np.ndarray):
        for place, each in enumerate(value):
            if isinstance(each, Mapping | np.ndarray):
                yield from _in_value(each, f"{path}/{place}")


def _in_hdf5(path: Path) -> list[tuple[str, NDArray[Any]]]:
    found: list[tuple[str, NDArray[Any]]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iufb" and item.size > 1 and not name.startswith("#refs#"):
            found.append((name, np.asarray(item).T))  # MATLAB writes columns first

    with h5py.File(path) as file:
        file.visititems(visit)
    return found
