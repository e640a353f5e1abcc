"""Other packages that explain, imported without what they warn of."""

import os
import warnings

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # compiling shap's loops takes longer than running them
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # shap calls matplotlib in an older way
    import captum.attr
    import shap

__all__ = ["captum", "shap"]
