"""What the models of specification files share. Imported late: it needs pydantic."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from hqml.options import unlike


class Spec(BaseModel):
    """A mapping of a file. Its keys are the fields; an unknown one is refused with the one that was meant.

    Values have the type that they are written in: "5" is no number, true is none either. A member of a union is chosen
    by a discriminator whose tags are no keys, so that messages can leave them out.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, content: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in content if isinstance(content, dict) else ():
            if key not in known:
                meant = unlike(key, known).replace("{", "{{").replace("}", "}}")
                raise PydanticCustomError("unknown_key", f"unknown key{meant}", {"key": key})
        return content
