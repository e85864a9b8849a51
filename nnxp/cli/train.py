"""``nnxp train``: the options; the work is in `nnxp.cli._train`."""

from nnxp.cli import options as o
from nnxp.cli.choices import Activation, Dtype, LossName, OptimizerName
from nnxp.cli.settings import Settings, check_model, parse_hidden

__all__ = ["train"]


def train(
    data: o.TrainingData = "digits",
    target: o.Target = None,
    device: o.DeviceOption = None,
    model: o.Model = "mlp",
    hidden: o.Hidden = "128,64",
    activation: o.ActivationOption = Activation.ReLU,
    dropout: o.Dropout = 0.0,
    dtype: o.DtypeOption = Dtype.float32,
    loss: o.LossOption = LossName.auto,
    label_smoothing: o.LabelSmoothing = None,
    optimizer: o.OptimizerOption = OptimizerName.Adam,
    lr: o.Lr = None,
    weight_decay: o.WeightDecay = None,
    epochs: o.Epochs = 50,
    batch_size: o.BatchSize = 32,
    validation: o.Validation = 0.1,
    patience: o.Patience = 10,
    seed: o.Seed = 0,
    threads: o.Threads = None,
    out: o.Out = None,
    force: o.Force = False,
    verbose: o.Verbose = None,
) -> int:
    """Train a network on images or a table, and test it.

    The last line is the accuracy on samples that were not trained on, or R2 where the target is a number.

    Of a CSV file the first row is a header if it is not made of numbers, and a target of words, or of whole numbers
    with at most 100 distinct values, is made of classes. Where the data have no test part, a fifth is set aside.
    """
    settings = Settings(
        data=data, target=target, device=device, dtype=dtype, model=check_model(model),
        hidden=parse_hidden(hidden), activation=activation,
        dropout=dropout, loss=loss, label_smoothing=label_smoothing, optimizer=optimizer, lr=lr,
        weight_decay=weight_decay, epochs=epochs, batch_size=batch_size, validation=validation, patience=patience,
        seed=seed, threads=threads, out=out, force=force, verbose=verbose,
    )  # fmt: skip
    from nnxp.cli._train import run

    return run(settings)
