"""What every model of ours is built on."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """What people write: an unknown key is an error, values do not change once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


class Message(BaseModel):
    """What programs of possibly other versions say: an unknown key is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)
