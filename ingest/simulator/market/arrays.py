"""Names for the kinds of numpy column used in this room."""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
