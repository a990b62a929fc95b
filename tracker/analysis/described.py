"""The description of an analysed video: what its session.json says."""

from datetime import datetime, timezone

import msgspec
import numpy as np

from tracker.analysis.job import Job
from tracker.config import Config, RecordingConfig
from tracker.config_cameras import OpenCVCamera
from tracker.frame import Frame
from tracker.recording.describe import describe
from tracker.recording.original_video import OriginalVideo
from tracker.recording.recorded_video import RecordedVideo
from tracker.recording.session import AnalysedWith, Description, VideoFormat

_RATE_HZ = 30.0  # where the file tells none


def described(job: Job, config: Config, made_with: AnalysedWith, video: OriginalVideo | RecordedVideo) -> Description:
    """What is known of a video and of its analysis.

    Args:
        job: the video.
        config: that is run.
        made_with: its hashes.
        video: opened.

    Raises:
        RecordingError: the calibration file cannot be read.
    """
    camera = OpenCVCamera(device=job.source.path, file_speed="flat_out")
    config = msgspec.structs.replace(config, camera=camera)
    first = Frame(image=np.zeros(video.shape, np.uint8), number=0, exposed_ns=0, received_ns=0)
    said = describe(config, RecordingConfig(), [first], camera_description=f"video file {job.video.name}", stream_session="", meta={})
    said = msgspec.structs.replace(said, analysed_with=made_with)
    return _of_recorded(said, job, video) if isinstance(video, RecordedVideo) else _of_original(said, job, video)


def _of_original(said: Description, job: Job, video: OriginalVideo) -> Description:
    """Times count from the first frame, and when that was, the file may say."""
    height, width = video.shape[:2]
    rate = {"rate_hz": video.rate_hz} if video.rate_hz else {}
    form = VideoFormat(
        width=width,
        height=height,
        colour=len(video.shape) == 3,
        rate_hz=video.rate_hz or _RATE_HZ,
        crf=0,
        preset="original",
        encoder=video.codec,
    )
    changed = datetime.fromtimestamp(job.video.stat().st_mtime, tz=timezone.utc)
    source = msgspec.structs.replace(
        job.source,
        decoder=video.decoder,
        filmed=None if video.filmed is None else video.filmed.isoformat(timespec="milliseconds"),
        changed=changed.isoformat(timespec="milliseconds"),
    )
    return msgspec.structs.replace(
        said,
        camera_settings={"file": job.video.name, "decoder": video.decoder, "width": width, "height": height, **rate},
        stream_session=job.source.fingerprint[:16],
        unix_offset_ns=0,
        boot_id="",
        video=form,
        source=source,
    )


def _of_recorded(said: Description, job: Job, video: RecordedVideo) -> Description:
    """Camera, clock, notes and, unless another is configured, the calibration are those of the recording."""
    recorded = video.session.description
    kept = {key: recorded.config[key] for key in ("name", "camera") if key in recorded.config}
    return msgspec.structs.replace(
        said,
        unix_offset_ns=recorded.unix_offset_ns,
        boot_id=recorded.boot_id,
        camera=recorded.camera,
        camera_description=recorded.camera_description,
        camera_settings=recorded.camera_settings,
        stream_session=recorded.stream_session,
        video=recorded.video,
        calibration=said.calibration or recorded.calibration,
        config={**said.config, **kept},
        meta=recorded.meta,
        source=job.source,
    )
