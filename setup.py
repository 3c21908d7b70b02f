"""Packaging; the settings of build and tools are in pyproject.toml."""

import pathlib
import re

from setuptools import Extension, find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "xtremedistil/__init__.py").read_text("utf-8"))

# Without a compiler the package installs all the same, and students run elsewhere.
KERNEL = pathlib.Path("xtremedistil/serving/native/kernel")
native = Extension(
    "xtremedistil.serving.native._kernel",
    sources=sorted(map(str, KERNEL.glob("*.c"))),
    depends=[str(KERNEL / "network.h")],
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    extra_compile_args=["-O3", "-g0", "-std=gnu11", "-pthread"],
    extra_link_args=["-pthread"],
    libraries=["m"],
    py_limited_api=True,
    optional=True,
)

setup(
    name="xtremedistil",
    version=VERSION[1],
    description="Multi-stage distillation of BERT-like teachers into tiny students (XtremeDistil)",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    ext_modules=[native],
    # Flag files are at the top of a checkout, where a reader looks, and in the package once built.
    packages=[*find_packages(include=["xtremedistil", "xtremedistil.*"]), "xtremedistil.flags"],
    package_dir={"xtremedistil.flags": "flags"},
    package_data={
        "xtremedistil.flags": ["*.flags"],
        "xtremedistil.data.sample": [
            "corpus/manifest.json",
            "corpus/*/*.xz",
            "templates/*.txt",
            "wordpiece/*",
        ],
        "xtremedistil.report": ["templates/*"],
        "xtremedistil.report.published": ["*.csv"],
    },
    entry_points={"console_scripts": ["xtremedistil = xtremedistil.__main__:main"]},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
    install_requires=[
        "absl-py>=2.1",
        "keras>=3.10,<4",
        "numpy>=1.26",
        "safetensors>=0.5",
        "scikit-learn>=1.4",
        "scipy>=1.11",
        # Pieces must be those of tensorflow-text's op: 0.2.3 differs on 18 of 62,131 texts.
        "sentencepiece>=0.2.0,<=0.2.1",
        "seqeval>=1.2.2",
        "tensorboard>=2.20,<2.22",
        "tensorflow>=2.20,<2.22",
        "tensorflow-text>=2.20,!=2.21.0,<2.22",
        "tokenizers>=0.21",
        "tqdm>=4.66",
        "transformers>=5,<6",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.20,<2.22"],
        "hub": ["datasets>=4", "huggingface_hub>=1", "pyarrow>=21"],
        "litert": ["ai-edge-litert>=2"],
        "onnx": ["onnx>=1.17", "onnxruntime>=1.20"],
        "report": ["jinja2>=3.1,<4", "matplotlib>=3.9,<4", "pandas>=2.2,<4"],
        "sample": ["babel==2.18.0", "faker==40.54.0"],
        "test": [
            "ai-edge-litert>=2",
            "datasets>=4",
            "grpcio>=1.60",
            "hypothesis>=6.100",
            "jinja2>=3.1,<4",
            "matplotlib>=3.9,<4",
            "onnx>=1.17",
            "onnxruntime>=1.20",
            "pandas>=2.2,<4",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "pyyaml>=6",
            "ruff>=0.9",
        ],
    },
)
