"""What a model takes: the names of its inputs, and the shape of a sample as far as the model tells it."""

from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from nnxp._checks import Shape
from nnxp.layers import (
    Bilinear,
    Embedding,
    EmbeddingBag,
    Graph,
    Layer,
    Linear,
    Parallel,
    Residual,
    Sequential,
    WeightNorm,
)
from nnxp.layers.attention.composite import Composite
from nnxp.layers.recurrent.cell import RecurrentCell
from nnxp.layers.recurrent.stack import Recurrent

__all__ = ["Taken", "input_names", "taken_by"]


@dataclass(frozen=True)
class Taken:
    """What a layer says of an input: a sample's shape if it tells, whether of integers, and where the batch axis is."""

    shape: Shape | None
    integers: bool = False
    batch_first: bool = True


def input_names(model: Layer) -> list[str]:
    """Return the names of a model's inputs, in the order of its forward; none where it takes any number of them."""
    if isinstance(model, Graph):
        return list(model.inputs)
    if isinstance(model, WeightNorm):
        return input_names(model.layer)
    taken = [p for p in signature(model.forward).parameters.values() if p.kind is not Parameter.KEYWORD_ONLY]
    if any(p.kind is Parameter.VAR_POSITIONAL for p in taken):
        return []
    names = [p.name for p in taken[1:-1]]
    return ["input"] if len(names) == 1 else names


def taken_by(layer: Any, index: int = 0) -> Taken:
    """Return what a layer says about its input number `index`."""
    if isinstance(layer, (Sequential, Parallel)):
        return _first_to_tell(layer)
    if isinstance(layer, (Residual, WeightNorm)):
        return taken_by(layer.layer, index)
    if isinstance(layer, Graph):
        takers = list(layer.wiring.takers(*layer.inputs[index : index + 1]))
        found = [taken_by(taker, place) for taker, place in takers]
        return next((taken for taken in found if taken.shape is not None), found[0] if found else Taken(None))
    if isinstance(layer, (Embedding, EmbeddingBag)):
        return Taken((None,), integers=True)
    if isinstance(layer, Linear):
        return Taken(None if layer.in_features is None else (layer.in_features,))
    if isinstance(layer, Bilinear):
        return Taken(((layer.in1_features, layer.in2_features)[index],))
    if isinstance(layer, RecurrentCell):
        return Taken((layer.input_size,))
    if isinstance(layer, Recurrent):
        return Taken((None, layer.input_size), batch_first=layer.batch_first)
    if isinstance(layer, Composite):
        return _sequence(layer, index)
    return Taken(_images(layer))


def _first_to_tell(layer: Any) -> Taken:
    """Ask the layers of a Sequential one by one, as long as they leave the shape alone; all those of a Parallel."""
    for inner in layer.layers:
        taken = taken_by(inner)
        if taken.shape is not None:
            return taken
        if isinstance(layer, Sequential) and not _leaves_alone(inner):
            break
    return Taken(None)


def _leaves_alone(layer: Layer) -> bool:
    """Tell whether a layer takes arrays of any shape, and answers with the same one."""
    try:
        return all(layer.output_shape(shape) == shape for shape in ((), (7,), (7, 5, 3)))
    except ValueError:
        return False


def _sequence(layer: Any, index: int) -> Taken:
    """Return what attention, the transformer and their parts say."""
    inner = getattr(layer, "encoder_layer", None) or getattr(layer, "decoder_layer", None)
    if inner is not None:
        return taken_by(inner, index)
    size = layer.sizes[index] if hasattr(layer, "sizes") else layer.d_model
    return Taken((None, size), batch_first=layer.batch_first)


def _images(layer: Any) -> Shape | None:
    """Return (channels, *sizes) of layers that say along how many axes they work."""
    axes = getattr(layer, "axes", None)
    sizes: tuple[int, ...] = getattr(layer, "sizes", ())
    if axes is None and len(sizes) == 1:
        axes = sizes[0]
    if axes is None:
        return None
    return (getattr(layer, "in_channels", None) or getattr(layer, "num_features", None), *(None,) * axes)
