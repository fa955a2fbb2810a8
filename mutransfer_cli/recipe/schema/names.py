"""Fields whose value names an entry of the catalog."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from mutransfer_cli.catalog.callable_name import CALLABLE
from mutransfer_cli.catalog.fields import refuse, show
from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.catalog.pruners import PRUNERS
from mutransfer_cli.catalog.registry import Registry
from mutransfer_cli.catalog.samplers import SAMPLERS


class NameOf:
    """Marks a field of text that names an entry of a registry, built in or of another package."""

    def __init__(self, registry: Registry[Any], own: str | None = None) -> None:
        """Mark a field.

        Args:
            registry: The registry.
            own: Pattern of the import paths that the registry takes too; None: names only.
        """
        self.registry, self.own = registry, own

    def _known(self, value: Any) -> str:
        if not isinstance(value, str):
            raise refuse(f"expected {' | '.join(self.registry.names)}, found {show(value)}")
        if value not in self.registry:
            raise refuse(self.registry.unknown(value))
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        names = {"enum": list(self.registry.names)}
        if self.own is not None:
            return {**handler(schema), "anyOf": [names, {"pattern": self.own}]}
        return {**handler(schema), **names}


# Defaults are validated too: the catalog need not have the entry that they name.
_VALIDATED = Field(validate_default=True)
OptimizerName: TypeAlias = Annotated[str, NameOf(OPTIMIZERS, f"^{CALLABLE.pattern}$"), _VALIDATED]
LrAdjustmentName: TypeAlias = Annotated[str, NameOf(LR_ADJUSTMENTS)]
ParameterizationName: TypeAlias = Annotated[str, NameOf(PARAMETERIZATIONS), _VALIDATED]
SamplerName: TypeAlias = Annotated[str, NameOf(SAMPLERS), _VALIDATED]
PrunerName: TypeAlias = Annotated[str, NameOf(PRUNERS), _VALIDATED]
