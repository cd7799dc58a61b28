"""The fixture harness: ``tests/fixtures/{ORG}/{REPO}/{QUANT}/{TEST}.md`` asks a model and says what
its answer must hold.

The model follows from the path: it is ``ORG/REPO`` in the quantization ``QUANT``. Normally the stub
answers (no weights, no download); ``--teaser engine`` gets each model from the hub and runs it. A
summary tells tokens, time and memory of every answer.
"""
