"""kwsd: say a word, and the machine acts.

Importing the package registers the classifier with transformers' Auto classes, without importing transformers
until something asks for a model. It also forbids the libraries that are loaded later to report what they are used for:
some do unless the environment says otherwise before they are loaded.
"""

import os

from kwsd.networks.registration import register

__version__ = "0.2.0.dev0"

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # https://github.com/microsoft/onnxruntime, docs/Privacy.md
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

register()
