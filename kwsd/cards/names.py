"""What a model's files, kwsd's own kinds of networks, and the two ends of their graph are called."""

CARD = "card.json"
"""What kwsd says of a model, in its folder."""

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
"""What lists the shards, where weights lie in several."""

EXTRACTORS = ("processor_config.json", "preprocessor_config.json")
"""What says how a model wants to hear, in the order in which transformers looks."""

TOKENIZERS = ("tokenizer.json", "vocab.json")
"""What has a zero-shot model's vocabulary: the first alone, the second beside merges.txt."""

RUN = "recipe.json"
"""What a training run carries out, in the folder above its model."""

GRAPH = "graph.onnx"
"""What ONNX Runtime computes, without weights."""

INPUT, OUTPUT = "windows", "scores"
"""What the graph calls what goes in and what comes out."""

OWN_TYPE, LARGER_TYPE = "kwsd-hubert", "kwsd-moonshine"
"""`model_type` in config.json: kwsd's own networks."""

BACKBONE_TYPE = "kwsd-backbone"
"""`model_type` of somebody else's encoder under kwsd's head."""
