"""The names of a model's files, of kwsd's own types of networks, and of their graph's input and output."""

CARD = "card.json"
"""A model's card, in its folder."""

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
"""The list of shards, for weights in several files."""

EXTRACTORS = ("processor_config.json", "preprocessor_config.json")
"""The files that configure a feature extractor, in the order in which transformers looks."""

TOKENIZERS = ("tokenizer.json", "vocab.json")
"""The files with a zero-shot model's vocabulary: the first alone, or the second beside merges.txt."""

VOCABULARIES = ("vocab.txt", "merges.txt")
"""Further files of tokenizers."""

TOKENIZER_CONFIG = "tokenizer_config.json"

SPECIAL_TOKENS = "special_tokens_map.json"
"""A tokenizer's marks, which transformers takes for more of its configuration."""

RUN = "recipe.json"
"""A training run's recipe, in the folder above its model."""

GRAPH = "graph.onnx"
"""The graph for ONNX Runtime, without weights."""

INPUT, OUTPUT = "windows", "scores"
"""The graph's names for its input and its output."""

HUBERT_TYPE, MOONSHINE_TYPE, WHISPER_TYPE = "kwsd-hubert", "kwsd-moonshine", "kwsd-whisper"
"""`model_type` in config.json of kwsd's own networks."""

VERIFIER_TYPES = (MOONSHINE_TYPE, WHISPER_TYPE)
"""Those of networks that verify others. Their files hold weights in 8 bits, and they are not taught further words."""

BACKBONE_TYPE = "kwsd-backbone"
"""`model_type` of a foreign encoder with kwsd's head."""
