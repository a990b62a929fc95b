"""Sections of `tracker.yaml`: the camera and how it is read."""

from typing import Annotated, Literal

from msgspec import Meta

from tracker.config_values import Count, Extent, Level, Milliseconds, Number, Offset, Rate, Seconds, Section, Side, Text


class InjectedFault(Section, frozen=True, kw_only=True):
    """Something the synthetic camera is told to do wrong.

    `drop` skips a frame number; `stall` delivers nothing for `seconds`; `vanish` makes the device unopenable for
    `seconds`; `resize` delivers another image size for `seconds`; `corrupt` damages one frame; `slow_open` makes every
    opening last until `seconds` after that frame is due.
    """

    fault: Literal["drop", "stall", "vanish", "resize", "corrupt", "slow_open"]
    at_frame: Number
    seconds: Annotated[float, Meta(ge=0, le=604_800)] = 0


class SyntheticLight(Section, frozen=True, kw_only=True):
    """An LED in the synthetic picture, switched through a serial port that the camera makes: by the byte 1 on, by 0 off."""

    port: Text  # path of a link to that port, made when the camera opens
    left: Offset = 16
    top: Offset = 16
    width: Extent = 16
    height: Extent = 16
    delay_ms: Milliseconds = 0  # from the byte to the light


class SyntheticCamera(Section, frozen=True, kw_only=True, tag_field="source", tag="synthetic"):
    """A seeded rendered scene whose exact truth is known for every frame number."""

    scene: Literal["rodent", "rectangles", "mirror", "reach", "disturbed"] = "rodent"
    seed: Number = 0
    width: Side = 640
    height: Side = 480
    rate_hz: Rate = 100
    frames: Count | None = None  # null: endless
    rectangles: Annotated[int, Meta(ge=1, le=5)] = 1  # how many, for the scene of that name
    exposure_ms: Milliseconds = 0  # of the light; the frame comes when it is over. At most a frame interval
    light: SyntheticLight | None = None
    faults: tuple[InjectedFault, ...] = ()


class OpenCVCamera(Section, frozen=True, kw_only=True, tag_field="source", tag="opencv"):
    """A UVC device by index or path, a video file or a network camera address."""

    device: Annotated[int, Meta(ge=0, le=1023)] | Text
    width: Side | None = None  # null: as the device or file gives it; a number is set, read back and compared
    height: Side | None = None
    rate_hz: Rate | None = None
    fourcc: Annotated[str, Meta(pattern=r"^[ -~]{4}\Z", description="four characters, such as MJPG")] | None = None
    exposure_us: Annotated[float, Meta(gt=0, le=100_000_000)] | None = None  # of a device, as all down to sharpness; null: left as it is
    gain: Level | None = None
    focus: Level | None = None
    white_balance_k: Level | None = None
    power_line_hz: Literal[0, 50, 60] | None = None  # light that flickers with the mains; 0: no correction
    brightness: Level | None = None
    contrast: Level | None = None
    saturation: Level | None = None
    sharpness: Level | None = None
    file_speed: Literal["recorded", "flat_out"] = "recorded"  # for a video file
    loop_file: bool = False


class BaslerCamera(Section, frozen=True, kw_only=True, tag_field="source", tag="basler"):
    """A Basler camera through pylon; every setting is set, read back and compared."""

    serial: Text | None = None  # null: the only camera attached
    width: Side
    height: Side
    offset_x: Offset = 0
    offset_y: Offset = 0
    pixel_format: Literal["Mono8", "RGB8"] = "Mono8"
    exposure_us: Annotated[float, Meta(gt=0, le=100_000_000)]
    gain: Annotated[float, Meta(ge=0, le=1000)] | None = None  # null: left as it is, for a camera without that node
    rate_hz: Rate | None = None  # null: as fast as the exposure allows, or as triggered
    trigger_line: Text | None = None  # "Line1": one frame for each rising edge


class AravisCamera(Section, frozen=True, kw_only=True, tag_field="source", tag="aravis"):
    """A GigE Vision or USB3 Vision camera of any maker through Aravis; every setting is set, read back and compared."""

    device: Text | None = None  # address, serial number or name; null: the only camera attached
    width: Side
    height: Side
    offset_x: Offset = 0
    offset_y: Offset = 0
    pixel_format: Literal["Mono8", "RGB8", "BayerBG8", "BayerGB8", "BayerGR8", "BayerRG8"] = "Mono8"  # Bayer becomes RGB
    exposure_us: Annotated[float, Meta(gt=0, le=100_000_000)]
    gain: Annotated[float, Meta(ge=0, le=1000)] | None = None  # null: left as it is
    rate_hz: Rate | None = None  # null: as fast as the exposure allows, or as triggered
    trigger_line: Text | None = None  # "Line1": one frame for each rising edge


class ImageFolder(Section, frozen=True, kw_only=True, tag_field="source", tag="image_folder"):
    """A folder of numbered images, read in numeric order."""

    folder: Text
    rate_hz: Rate | None = None  # null: flat out
    loop_folder: bool = False


CameraSource = SyntheticCamera | OpenCVCamera | BaslerCamera | AravisCamera | ImageFolder


class CaptureConfig(Section, frozen=True, kw_only=True):
    """How frames are handed to the loop, and when a camera counts as lost."""

    pace: Literal["newest_frame", "every_frame"] = "newest_frame"
    queue_frames: Annotated[int, Meta(ge=1, le=10_000)] = 64  # for every_frame: how far the loop may fall behind
    stalled_after_s: Seconds = 1.0
    reopen_first_s: Seconds = 0.5
    reopen_longest_s: Seconds = 10.0
