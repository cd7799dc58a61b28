"""The model store: which models there are, where they come from, and their verified files.

Usable alone: ``ModelStore(StoreFolders(config, cache)).ensure("Qwen/Qwen2.5-1.5B-Instruct")``.
Nothing here loads a model. The library for the hub is only ever imported in a child process.
"""

from ruster.modelstore.folders import StoreFolders
from ruster.modelstore.settings import ModelStoreSettings
from ruster.modelstore.store import ModelStore
from ruster.modelstore.stored import StoredModel

__all__ = ["ModelStore", "ModelStoreSettings", "StoreFolders", "StoredModel"]
