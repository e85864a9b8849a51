"""A quasi-Newton method for whole data sets, through SciPy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nnxp._backend import Array, namespace, to_host
from nnxp._checks import check_positive_int, message
from nnxp.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["LBFGS"]


@dataclass(frozen=True, kw_only=True)
class LBFGS(Optimizer):
    """Limited-memory BFGS, as ``scipy.optimize.minimize(method="L-BFGS-B")`` runs it.

    Every call of `minimize` is a run of its own, with its own line searches and its own memory of curvature, so the
    loss must be the same function throughout: all of the data, and no dropout.

    Parameters
    ----------
    max_iter : int
        Most iterations a call.
    max_eval : int, optional
        Most evaluations of the loss a call, finished after the line search; None is ``max_iter * 5 // 4``.
    tolerance_grad : float
        Ends when no entry of the gradient is larger.
    tolerance_change : float
        Ends when the loss falls by less, relative to itself where that is above 1.
    history_size : int
        How many past steps model the curvature.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    The vector travels to the host, in float64, at every evaluation. Names and defaults are those of PyTorch's LBFGS;
    `lr` and the choice of a line search are left out, since SciPy's always satisfies the strong Wolfe conditions.

    References
    ----------
    .. [1] Byrd et al., "A Limited Memory Algorithm for Bound Constrained Optimization", SIAM J. Sci. Comput. 16, 1995.
    """

    max_iter: int = 20
    max_eval: int | None = None
    tolerance_grad: float = 1e-7
    tolerance_change: float = 1e-9
    history_size: int = 100
    needs_closure: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive_int("LBFGS", "max_iter", self.max_iter)
        if self.max_eval is not None:
            check_positive_int("LBFGS", "max_eval", self.max_eval)
        self._check_not_negative("tolerance_grad", "tolerance_change")
        check_positive_int("LBFGS", "history_size", self.history_size)

    def update(self, net: "Network") -> None:
        """Refuse: one gradient is not enough for a line search."""
        del net
        raise TypeError(
            message("LBFGS.update", "a closure that evaluates the loss", None, "call minimize(net, closure)")
        )

    def minimize(self, net: "Network", closure: Callable[[], Any]) -> float:
        """Move ``net.theta`` to the lowest loss that is found, and count one update.

        Parameters
        ----------
        net : Network
            Frozen parameters do not move.
        closure : callable
            Fills ``net.gradient`` at the present ``net.theta``, and returns the loss as a float or a 0-d array.

        Returns
        -------
        float
            The loss there; infinity, with theta where it was, if every one was NaN. ``net.gradient`` is that of the
            last evaluation, which may be another point's.

        Raises
        ------
        ImportError
            If SciPy is not installed.
        """
        optimize = _scipy_optimize()
        self.claim(net)
        objective = _Objective(net, closure)
        optimize.minimize(
            objective,
            objective.best,
            method="L-BFGS-B",
            jac=True,
            options={
                "maxiter": self.max_iter,
                "maxfun": self.max_iter * 5 // 4 if self.max_eval is None else self.max_eval,
                "gtol": self.tolerance_grad,
                "ftol": self.tolerance_change,
                "maxcor": self.history_size,
            },
        )
        objective.place(objective.best)
        net.advance()
        return objective.lowest


class _Objective:
    """The loss as SciPy wants it: a function of the trained parameters, one float64 vector on the host."""

    def __init__(self, net: "Network", closure: Callable[[], Any]) -> None:
        self.net = net
        self.closure = closure
        self.runs = net.runs()
        theta = to_host(net.theta)
        self.xp = namespace(theta)
        self.theta = self.xp.astype(theta, self.xp.float64)
        self.best = self.trained(self.theta)
        self.lowest = float("inf")

    def trained(self, vector: Array) -> Array:
        """Gather the stretches that are trained, as a new vector."""
        return self.xp.concat([vector[:0], *(vector[run.start : run.stop] for run in self.runs)])

    def place(self, point: Array) -> None:
        """Move the network to a point; caches from elsewhere are refused from now on."""
        begin = 0
        for run in self.runs:
            end = begin + run.stop - run.start
            self.theta[run.start : run.stop] = point[begin:end]
            begin = end
        self.net.theta = self.net.device.put(self.theta, self.net.dtype)

    def __call__(self, point: Array) -> tuple[float, Array]:
        """Return loss and gradient at a point, and remember the lowest."""
        self.place(point)
        loss = float(to_host(self.closure()))
        if loss < self.lowest:
            self.lowest, self.best = loss, self.xp.asarray(point, copy=True)
        return loss, self.trained(self.xp.astype(to_host(self.net.gradient), self.xp.float64))


def _scipy_optimize() -> Any:
    try:
        from scipy import optimize
    except ImportError:
        hint = "pip install 'nnxp[lbfgs]'"
        raise ImportError(message("LBFGS.minimize", "SciPy to be installed", None, hint)) from None
    return optimize
