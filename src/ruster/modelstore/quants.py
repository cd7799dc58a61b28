"""Which files of a repository make one model, in which quantization, and which to take.

Files in parts (``NAME-00001-of-00003.gguf``) are one model. Projectors (``mmproj``) and importance
matrices (``imatrix``) are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ruster.core.errors import ModelError
from ruster.modelstore.frames import RemoteFile

__all__ = ["PREFERRED", "Variant", "choose", "part_names", "quant_of", "rank", "variants"]

PREFERRED = (
    "Q4_K_M", "Q4_K_L", "Q4_K_XL", "Q4_K_S", "Q4_0", "IQ4_NL", "IQ4_XS", "Q4_1", "MXFP4",
    "Q5_K_M", "Q5_K_S", "Q5_0", "Q5_1", "Q6_K", "Q8_0", "Q3_K_M", "Q3_K_L", "Q3_K_S", "IQ3_M",
    "Q2_K", "F16", "BF16", "F32",
)  # fmt: skip
"""The order in which a quantization is taken when none is asked for and the default is missing."""

_QUANT = re.compile(
    r"(?:^|[-._/])((?:IQ|TQ|Q)\d(?:_[A-Z0-9]+)*|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32)(?=$|[-._/])",
    re.IGNORECASE,
)
_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf\Z", re.IGNORECASE)
_MAX_PARTS = 1000
_NO_MODEL = ("mmproj", "imatrix")


@dataclass(frozen=True, slots=True)
class Variant:
    """One model of a repository: its files in order, and its quantization where the name tells."""

    files: tuple[RemoteFile, ...]
    quant: str | None

    @property
    def filename(self) -> str:
        """The first file's name."""
        return self.files[0].name

    @property
    def size_bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size_bytes for file in self.files)


def quant_of(filename: str) -> str | None:
    """Read the quantization from a file's name, else from its folder's, in upper case."""
    path = PurePosixPath(filename)
    stem = match["stem"] if (match := _PART.match(path.name)) else path.stem
    found = _QUANT.findall(stem) or _QUANT.findall(path.parent.as_posix())
    return re.sub(r"^FP", "F", found[-1].upper()) if found else None


def part_names(filename: str) -> tuple[str, ...]:
    """Return the names of all parts of a file, or of itself alone if it is in one piece."""
    match = _PART.match(filename)
    if match is None or not 1 <= int(match["number"]) <= int(match["count"]) <= _MAX_PARTS:
        return (filename,)
    end = filename[-len("-of-00001.gguf") :]
    return tuple(f"{match['stem']}-{no:05d}{end}" for no in range(1, int(match["count"]) + 1))


def variants(files: Iterable[RemoteFile]) -> tuple[Variant, ...]:
    """Group files to models, in the order of their names; one with parts missing is left out."""
    named = {file.name: file for file in files}
    found: list[Variant] = []
    for name in sorted(named):
        parts = part_names(name)
        is_model = not PurePosixPath(name).name.casefold().startswith(_NO_MODEL)
        if is_model and name == parts[0] and all(part in named for part in parts):
            found.append(Variant(tuple(named[part] for part in parts), quant_of(name)))
    return tuple(found)


def rank(quant: str | None, default: str) -> int:
    """Return how early a quantization is taken: 0 is the default, the unknown come last."""
    order = (default.upper(), *PREFERRED)
    return order.index(quant.upper()) if quant and quant.upper() in order else len(order)


def choose(
    repo: str,
    offered: Sequence[Variant],
    quant: str | None,
    default: str,
    filename: str | None = None,
) -> Variant:
    """Choose a model: by file name, else by quantization in any case, else the preferred one.

    Of several that fit, the one with the shortest name is taken. Raises ModelError:
    ``model_not_found`` for a missing file, ``quant_not_found`` with the list of what there is.
    """
    if filename is not None:
        first = part_names(filename)[0]
        fitting = [variant for variant in offered if variant.filename == first]
        if not fitting:
            names = ", ".join(variant.filename for variant in offered)
            raise ModelError(
                f"{repo} has no model file {filename}; it has {names}", code="model_not_found"
            )
    elif quant is not None:
        fitting = [variant for variant in offered if _is(variant, quant)]
        if not fitting:
            raise ModelError(
                f"{repo} does not come in {quant}; it comes in {_quants(offered)}",
                code="quant_not_found",
            )
    else:
        fitting = list(offered)
    return min(fitting, key=lambda variant: _preference(variant, default))


def _preference(variant: Variant, default: str) -> tuple[int, int, str]:
    return rank(variant.quant, default), len(variant.filename), variant.filename


def _is(variant: Variant, quant: str) -> bool:
    """Whether a model has that quantization, or a name that ends in it (``UD-Q4_K_XL``)."""
    asked = quant.casefold()
    match = _PART.match(variant.filename)
    stem = (match["stem"] if match else variant.filename[: -len(".gguf")]).casefold()
    return (variant.quant or "").casefold() == asked or stem.endswith(f"-{asked}")


def _quants(offered: Sequence[Variant]) -> str:
    return ", ".join(sorted({variant.quant or variant.filename for variant in offered}))
