"""A multilayer network on handwritten digits, after P. Roelants, "How to implement a neural network", part 5.

64 pixels, twice 20 logistic units, 10 classes. Like the source it takes the pixels as they are, from 0 to 16, cuts the
training set into batches once, and keeps the weights of the last epoch.
"""

from nnxp import (
    SGD,
    CrossEntropyLoss,
    EarlyStopping,
    GradientError,
    Linear,
    Network,
    Sequential,
    Sigmoid,
    check_gradients,
    datasets,
    initializers,
)
from nnxp.cli.reproduce._claims import Claim, report

__all__ = ["run"]

# The seed draws the split and the weights, and decides much: SHARE_OF_SEEDS.
SEED = 24
LEARNING_RATE = 0.1
EPOCHS = 300
LEAST_ACCURACY = 0.96


def run() -> int:
    """Check the gradients, train, and print the test accuracy beside the published one; 0 if it is as good."""
    x_train, y_train, x_rest, y_rest = datasets.digits(test=0.4, seed=SEED)
    x_train, x_rest = 16 * x_train, 16 * x_rest
    half = len(x_rest) // 2
    validation = x_rest[:half], y_rest[:half]
    test = x_rest[half:], y_rest[half:]

    net = Network(
        Sequential(Linear(64, 20), Sigmoid(), Linear(20, 20), Sigmoid(), Linear(20, 10)),
        dtype="float64",
        seed=SEED,
        init={"*.weight": initializers.normal(0.1), "*.bias": initializers.zeros()},
    )
    loss = CrossEntropyLoss()  # softmax and cross-entropy in one, divided by the batch size
    print(f"64 -> 20 -> 20 -> 10, logistic, batches of 25, rate {LEARNING_RATE}, seed {SEED}")
    try:
        gradients = str(check_gradients(net, x_train[:10], y_train[:10], loss))
    except GradientError as error:
        gradients = str(error)
    print(f"{gradients}\n")

    history = net.fit(
        x_train,
        y_train,
        loss=loss,
        optimizer=SGD(lr=LEARNING_RATE),
        epochs=EPOCHS,
        batch_size=25,
        validation=validation,
        callbacks=[EarlyStopping("val_loss", patience=3, restore_best=False)],
        shuffle=False,
        verbose=False,
    )
    accuracy = net.evaluate(*test, metrics=["accuracy"])["accuracy"]
    message = "No gradient errors found"
    return report(
        [
            Claim("gradient check on 10 samples", message, gradients.partition(" (")[0], gradients.startswith(message)),
            Claim("epochs", f"at most {EPOCHS}", str(len(history["epoch"]))),
            Claim("training cost in the last epoch", "", f"{history['loss'][-1]:.4f}"),
            Claim("validation cost in the last epoch", "", f"{history['val_loss'][-1]:.4f}"),
            Claim("accuracy on the test set", "0.96", f"{accuracy:.4f}", accuracy >= LEAST_ACCURACY),
        ],
        [
            f"{len(x_train)} images to train, {half} to validate, {len(x_rest) - half} to test; {history.stop_reason}.",
        ],
    )
