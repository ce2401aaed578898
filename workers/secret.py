"""`Secret[T]`: a value that nothing shows by accident."""

import hmac
from collections.abc import Callable
from typing import Any, ClassVar, Generic, NoReturn, TypeVar, final, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.errors import PydanticUserError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticSerializationUnexpectedValue, core_schema

from signing.references import KEY

MASK = "****"

T_co = TypeVar("T_co", covariant=True)


@final
class Secret(Generic[T_co]):
    """Holds a value and gives it to `reveal` alone.

    `repr`, `str`, formatting, logs and pydantic's JSON show `****`; it cannot be pickled or hashed,
    and a copy of it is itself. Two secrets of text, or two of bytes, compare in constant time;
    secrets of any other type are equal only where they are the same object.

    As a parameter's type it also says that the argument is stripped into Vault at the ingress:

        @job("payments.capture", queue="fast")
        def capture(invoice: str, card_token: Secret[str]) -> None: ...
    """

    # A closure instead of the value: what walks slots and attributes finds a function.
    __slots__ = ("__open",)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # the way typeshed writes 'unhashable'

    def __init__(self, value: T_co) -> None:
        self.__open: Callable[[], T_co] = lambda: value

    def reveal(self) -> T_co:
        """The value itself: keep it local, hand it to what needs it, return it nowhere."""
        return self.__open()

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str, /) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = self.reveal(), other.reveal()
        if isinstance(mine, str) and isinstance(theirs, str):
            return hmac.compare_digest(_utf8(mine), _utf8(theirs))
        if isinstance(mine, bytes) and isinstance(theirs, bytes):
            return hmac.compare_digest(mine, theirs)
        return self is other

    def __copy__(self) -> "Secret[T_co]":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "Secret[T_co]":
        return self

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate the inner type, then wrap; a Secret given from Python is taken as it is."""
        inner = get_args(source)
        if not inner:
            raise PydanticUserError(
                "a Secret names the type of its value, for instance Secret[str]", code=None
            )
        wrapped = core_schema.no_info_after_validator_function(
            cls, handler.generate_schema(inner[0])
        )
        return core_schema.json_or_python_schema(
            json_schema=wrapped,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), wrapped]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _masked, return_schema=core_schema.str_schema()
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The declared place of a secret: its value on the way in, a reference from then on."""
        inner = handler(schema)
        if handler.mode == "serialization":
            return inner
        return {"x-secret": True, "writeOnly": True, "anyOf": [inner, reference_schema()]}


def reference_schema() -> dict[str, Any]:
    """The JSON Schema of `{"$secret": "vault:..."}`."""
    return {
        "type": "object",
        "properties": {KEY: {"type": "string"}},
        "required": [KEY],
        "additionalProperties": False,
    }


def _masked(value: object) -> str:
    if isinstance(value, Secret):
        return MASK
    # Another member of the union that this is part of may fit; the value stays out of the message.
    raise PydanticSerializationUnexpectedValue("not a Secret")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
