"""Docstrings of public names explain their arguments, fields and exceptions."""

import dataclasses
import inspect
import re

import pytest

import nbkernel

PUBLIC = {name: getattr(nbkernel, name) for name in nbkernel.__all__}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}
DATA_CLASSES = {name: value for name, value in CLASSES.items() if dataclasses.is_dataclass(value)}


def members(kind):
    """{name: method or property} that nbkernel gives a class, itself or in a base class."""
    bases = [base for base in kind.__mro__ if base.__module__.startswith("nbkernel")]
    return {name: value for base in bases for name, value in vars(base).items() if not name.startswith("_")}


METHODS = {
    f"{cls}.{name}": value
    for cls, kind in CLASSES.items()
    for name, value in members(kind).items()
    if inspect.isfunction(value) or isinstance(value, (classmethod, staticmethod, property))
}
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isfunction(value)}
CALLED = FUNCTIONS | {name: method for name, method in METHODS.items() if not isinstance(method, property)}


def documentation(value):
    return inspect.getdoc(value) or ""


@pytest.mark.parametrize("name", [*PUBLIC, *METHODS])
def test_public_names_have_their_own_docstring(name):
    value = (PUBLIC | METHODS)[name]
    if name in ("PanelImage.transpose", "PanelImage.swapaxes", "PanelImage.T"):
        pytest.skip("numpy's docstring")
    assert value.__doc__ and value.__doc__.strip(), f"{name} has no docstring"


@pytest.mark.parametrize("name", CALLED)
def test_each_argument_is_explained(name):
    if name.startswith("PanelImage."):
        pytest.skip("numpy's arguments")
    function = getattr(CALLED[name], "__func__", CALLED[name])
    arguments = [argument for argument in inspect.signature(function).parameters if argument not in ("self", "cls")]
    missing = [argument for argument in arguments if not re.search(rf"\b{argument}\b", documentation(function))]
    assert not missing, f"{name} does not explain {', '.join(missing)}"


@pytest.mark.parametrize("name", [*FUNCTIONS, "Experiment", "Panel", "PictureSettings"])
def test_exceptions_are_documented(name):
    assert re.search(r"\bRaises InputError\b", documentation(PUBLIC[name])), f"{name} does not state what it raises"


@pytest.mark.parametrize("name", DATA_CLASSES)
def test_each_field_is_explained(name):
    """In the docstring or by a comment behind the field."""
    kind = DATA_CLASSES[name]
    if name == "Experiment":
        pytest.skip("its fields are explained in docs/reference/flags.md, which tests/project/test_reference.py checks")
    source, text = inspect.getsource(kind), documentation(kind)
    for field in dataclasses.fields(kind):
        commented = re.search(rf"^ +{field.name}: .*# \w", source, re.MULTILINE)
        assert commented or re.search(rf"\b{field.name}\b", text), f"{name}.{field.name} is not explained"


def test_each_attribute_of_an_image_is_explained():
    text = documentation(nbkernel.PanelImage)
    names = [*nbkernel.PanelImage.__annotations__, *inspect.signature(nbkernel.PanelImage.__new__).parameters]
    assert not [name for name in names if name != "cls" and not re.search(rf"\b{name}\b", text)]
