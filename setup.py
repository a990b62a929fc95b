"""Package metadata. Tool settings are in pyproject.toml, exact versions in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

GPU = ["tensorrt>=8.6", "pycuda>=2022.2"]
BASLER = ["pypylon>=3.0"]
ARAVIS = ["PyGObject>=3.42,<3.51"]  # 3.51 asks for girepository-2.0, which Debian 12 has not
RECORD = ["av>=13", "pyarrow>=15"]
EXPORT = [
    *RECORD,
    "pandas>=2.1",
    "tables>=3.9",  # pandas writes HDF5 with it
    "sleap-io>=0.5",
    "h5py>=3.10",
    "pynwb>=4.0",  # the first with EventsTable
    "ndx-pose>=0.4",
]
TRAINER = [
    *RECORD,  # frames to label and behaviour come from recorded sessions too
    "torch>=2.4",
    "lightning>=2.4",
    "onnx>=1.15",
    "onnxruntime>=1.17",
    "sleap-io>=0.5",
    "pillow>=10",
    "matplotlib>=3.8",
    "h5py>=3.10",
    "lightgbm>=4.3",  # the reference that a network of behaviour must beat
    "optuna>=4.0",
    "starlette>=0.40",
    "uvicorn>=0.30",
]
SERIAL = ["pyserial>=3.5", "matplotlib>=3.8"]
CALIB = [
    *RECORD,  # boards that were filmed as sessions
    "caliscope>=0.11.8,<0.12",  # without its extra [gui], which brings a desktop
    "matplotlib>=3.8",
    "starlette>=0.40",
    "uvicorn>=0.30",
    'tomli>=2; python_version < "3.11"',
]
BACKBONES = ["timm>=1.0", "torchvision>=0.19", "safetensors>=0.4"]
DEV = [
    "pytest>=8",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "hypothesis>=6.100",
    "ruff>=0.6",
    "mypy>=1.11",
    "import-linter>=2.0",
    "nwbinspector>=0.6",
    "types-PyYAML",
]

setup(
    name="rigtrack",
    version="0.1.0",
    description="Track an animal through a live camera and close a loop on it.",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    package_data={
        "trainer.labelling": ["page/*.html", "page/*.css", "page/*.js", "page/*.svg"],
        "trainer.timeline": ["page/*.html", "page/*.css", "page/*.js"],
        "calib": ["page/*.html", "page/*.css", "page/*.js", "page/*.svg"],
        "tracker.systemd": ["*"],  # what `tracker init --service` writes
    },
    package_dir={"tracker.systemd": "systemd"},
    python_requires=">=3.10",
    packages=[*find_packages(include=["tracker*", "trainer*", "calib*"]), "tracker.systemd"],
    install_requires=[
        "numpy>=1.23",
        "opencv-python>=4.8",
        "pyzmq>=25",
        "msgspec>=0.18.5",
        "pyyaml>=6",
        "rich>=13",
        "openvino>=2024.1",
        "scipy>=1.10",
    ],
    extras_require={
        "gpu": GPU,
        "basler": BASLER,
        "aravis": ARAVIS,
        "record": RECORD,
        "export": EXPORT,
        "trainer": TRAINER,
        "calib": CALIB,
        "serial": SERIAL,
        "backbones": BACKBONES,
        "dev": DEV,
    },
    entry_points={
        "console_scripts": [
            "tracker = tracker.__main__:main",
            "trainer = trainer.__main__:main",
            "calib = calib.__main__:main",
        ]
    },
)
