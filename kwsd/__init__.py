"""kwsd: say a word, and the machine acts.

Importing the package registers the classifier with transformers' Auto classes, without importing transformers
until something asks for a model.
"""

from kwsd.networks.registration import register

__version__ = "0.1.0"

register()
