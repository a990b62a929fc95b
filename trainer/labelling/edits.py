"""One edit as a page posts it: the whole label of one frame. Whatever is not exactly that is refused in one sentence."""

import msgspec

from trainer.errors import LabelError
from trainer.project.layer import Vocabulary, check_layer
from trainer.project.store import FrameLabel, Layer, Project

MAX_BODY = 2**18  # bytes; 20 animals with 100 points each are a fifth of it


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The label of one frame as it shall be, and the revision that its author saw before; no label takes the frame out of the layer."""

    image: str
    revision: str
    label: FrameLabel | None


def read_edit(body: bytes, project: Project) -> Edit:
    """Decode an edit and hold it against the project.

    Raises:
        LabelError: it is no JSON or not an edit, it names what the project does not have, or a point is outside the image.
    """
    try:
        edit = msgspec.json.decode(body, type=Edit)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise LabelError(
            f"the edit cannot be read ({problem}); expected an image, a revision and a label: nothing was changed"
        ) from problem
    names = {frame.image for frame in project.frames}
    label = edit.label if edit.label is not None else FrameLabel()
    check_layer(
        "edit",
        Layer(annotator="", frames={edit.image: label}),
        vocabulary=Vocabulary(point_names=project.point_names, tags=project.tags, animals=project.animals, images=names),
        size_of=project.image_size,
    )
    return edit
