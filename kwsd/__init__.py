"""kwsd: say a word, and the machine acts.

Importing the package registers the classifier with transformers' Auto classes, without importing transformers
until something asks for a model. It also turns off the telemetry of ONNX Runtime and the Hugging Face Hub client,
unless the environment says otherwise: both read these variables when they are loaded.
"""

import os

from kwsd.networks.registration import register

__version__ = "0.2.0.dev0"

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # https://github.com/microsoft/onnxruntime, docs/Privacy.md
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

register()
