"""The digits that come with the package."""

from importlib.resources import files
from io import BytesIO

import numpy as np

from nnxp.datasets._split import TEST_SHARE, Split, shuffled_order

__all__ = ["digits"]


def digits(test: float = TEST_SHARE, seed: int = 0) -> Split:
    """Return 1,797 images of handwritten digits, 8x8 pixels each: the test half of a UCI data set [1]_.

    Parameters
    ----------
    test : float
        The share of test images in [0, 1), drawn at random. 0 shuffles nothing: it gives all images as the training
        part, in the order of the source, and an empty test part.
    seed : int
        Of the draw.

    Returns
    -------
    x_train, y_train, x_test, y_test : array
        Images of shape (n, 64), float32 in [0, 1], row by row, 0 the paper and 1 the ink; labels of shape (n,), int64.

    Raises
    ------
    ValueError
        If `test` leaves one part empty without being 0, or `seed` is negative.

    Notes
    -----
    The images are by E. Alpaydin and C. Kaynak under the licence CC BY 4.0; ``LICENSE-digits.txt``, beside the data,
    says it in full. The 13 writers are mixed in both parts.

    References
    ----------
    .. [1] Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
       doi:10.24432/C50P49.

    Examples
    --------
    >>> x_train, y_train, x_test, y_test = digits()
    >>> x_train.shape, x_test.shape
    ((1438, 64), (359, 64))
    """
    with np.load(BytesIO((files("nnxp.datasets") / "digits.npz").read_bytes())) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    train, held_out = shuffled_order("digits", len(images), test, seed)
    x = images.astype(np.float32) / np.float32(16)
    y = labels.astype(np.int64)
    return x[train], y[train], x[held_out], y[held_out]
