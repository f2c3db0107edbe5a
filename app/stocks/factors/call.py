"""Asking a factor's function, and checking its answer: numbers, as many as it was given rows, of the same rows, none infinite."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.errors import OpenbellError
from app.stocks.factors.declare import Factor
from app.stocks.indicators.prices import Floats


class FactorFailed(OpenbellError):
    """A factor's function failed or gave what is no factor."""

    status = 422
    code = "factor_failed"


def ask(factor: Factor, columns: Sequence[pd.Series], where: str) -> Floats:
    """The function's values for those rows, NaN where it has none. Raises FactorFailed, which names the factor and `where`."""
    index = columns[0].index
    try:
        answer = factor.function(*columns)
    except Exception as error:
        raise FactorFailed(
            f"factor {factor.name!r} failed on {where} ({len(index)} rows): {type(error).__name__}: {error}",
            hint="its traceback is with the step; param factors of calculate_factors leaves a factor out",
        ) from error
    problem = _problem(answer, index)
    if problem is None:
        values: Floats = answer.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        bad = np.flatnonzero(np.isinf(values))
        if not len(bad):
            return values
        problem = f"is infinite on {len(bad)} rows, the first at {_shown(index[bad[0]])}: make those null, as by replace"
    raise FactorFailed(f"factor {factor.name!r} on {where}: {problem}")


def _problem(answer: object, index: pd.Index) -> str | None:
    if not isinstance(answer, pd.Series):
        return f"returned a {type(answer).__name__} and not a pandas Series"
    if len(answer) != len(index):
        return f"returned {len(answer)} values for {len(index)} rows"
    if not answer.index.equals(index):
        return "returned another index than its inputs have: keep theirs, in their order"
    if not pd.api.types.is_numeric_dtype(answer.dtype) or answer.dtype.kind not in "iuf":
        return f"returned values of type {answer.dtype} and not numbers: as by astype(float)"
    return None


def _shown(label: object) -> str:
    return label.date().isoformat() if isinstance(label, pd.Timestamp) else str(label)
