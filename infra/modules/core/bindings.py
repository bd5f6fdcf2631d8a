"""Loads the bindings of the AWS provider on demand, module by module.

The package's own ``__init__`` imports all of its more than a thousand modules, which takes half a
minute; the stacks need forty. `infra.modules` and `infra.stacks` import this module before any of
the bindings.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

PACKAGE = "cdktf_cdktf_provider_aws"


def _stand_in() -> ModuleType:
    """Returns an empty package that finds the modules of the real one."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed; run `make setup`", name=PACKAGE)
    package = ModuleType(PACKAGE)
    package.__spec__ = spec
    package.__path__ = list(spec.submodule_search_locations)
    return package


sys.modules.setdefault(PACKAGE, _stand_in())
