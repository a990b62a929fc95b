"""A GPU that is asked for and is not there: refused before anything is read or written."""


def refuse_absent_gpu(device: str | None) -> None:
    """Refuse `--device gpu` on a machine without a GPU that takes work.

    Args:
        device: as --device says it; None where it was not given.

    Raises:
        TrainingError: naming what is missing.
    """
    if device == "gpu":
        from trainer.training.training_device import training_device  # torch takes seconds to import: only where it is asked

        training_device("gpu")
