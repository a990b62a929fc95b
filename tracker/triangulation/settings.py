"""`triangulate.yaml` as frozen typed values: which cameras are joined how, and what is done with the places. The place of its defaults."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from tracker.config import ControlConfig, PublisherConfig, check_events, full_address
from tracker.config_rules import EventConfig, Zone
from tracker.config_values import Fraction, Name, Section, Text
from tracker.errors import ConfigError
from tracker.parsing.yaml_file import open_yaml, typed

_CAMERA_STREAM = "ipc://{runtime}/{name}.stream"  # where a tracker publishes unless told otherwise


class RigConfig(Section, frozen=True, kw_only=True):
    """The whole of `triangulate.yaml`."""

    schema: Literal[1] = 1
    name: Name = "rig3d"  # of the rig, as it stands in its topics
    rig: Text  # path of the rig.yaml that `calib rig` wrote
    streams: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)] | None = None
    """Addresses of the trackers; None: for each camera of the rig where a tracker of that name publishes on this machine."""
    keys: Text | None = None  # folder with a client's CURVE keys, for trackers of other machines
    join: Literal["time", "number"] = "time"  # number: all cameras hang on one hardware trigger
    deadline_ms: Annotated[float, Meta(ge=0.1, le=10_000)] | None = None
    """How long a moment waits after its first pose was published; None: half a period."""
    confidence: Fraction = 0.3  # a point seen with less is not used
    largest_error_px: Annotated[float, Meta(gt=0, le=10_000)] = 10.0  # a place that is farther off than this in the pictures is none
    zones: tuple[Zone, ...] = ()
    behaviour: tuple[EventConfig, ...] = ()
    publisher: PublisherConfig = field(default_factory=PublisherConfig)
    control: ControlConfig = field(default_factory=ControlConfig)


def load_rig_config(path: Path) -> RigConfig:
    """Read and check `triangulate.yaml`. Relative paths in it are taken from the folder that holds it.

    Raises:
        ConfigError: one sentence with file, line, key, value and what was expected.
    """
    file = open_yaml(path, error=ConfigError)
    config = typed(file, kind=RigConfig, error=ConfigError)
    check_events(config.zones, config.behaviour, file)
    for index, zone in enumerate(config.zones):
        if zone.unit != "mm":
            raise ConfigError(
                f"{file.at(('zones', index, 'name'))}: zones[{index}] '{zone.name}' is in px; expected `unit: mm`, in X and Y of the rig"
            )
    folder = path.resolve().parent
    keys = config.publisher.curve_keys
    return replace(
        config,
        rig=str(folder / config.rig),
        keys=None if config.keys is None else str(folder / config.keys),
        publisher=replace(config.publisher, curve_keys=None if keys is None else str(folder / keys)),
    )


def addresses_of(config: RigConfig, cameras: tuple[str, ...]) -> tuple[str, ...]:
    """Where the trackers of a rig's cameras publish.

    Raises:
        ConfigError: the rig has the name of one of its cameras.
    """
    if config.name in cameras:
        raise ConfigError(f"the rig is called '{config.name}', as one of its cameras is; give it another name with --name, or as `name`")
    if config.streams is not None:
        return tuple(full_address(address, config.name) for address in config.streams)
    return tuple(full_address(_CAMERA_STREAM, camera) for camera in cameras)


def control_of(config: RigConfig) -> str:
    """Where the rig takes commands."""
    return full_address(config.control.bind, config.name)


def publisher_of(config: RigConfig) -> PublisherConfig:
    """The section `publisher` with its addresses filled in."""
    return replace(config.publisher, bind=tuple(full_address(address, config.name) for address in config.publisher.bind))
