"""The options that type checkers know of `create_model` are those of the families, by name and type."""

import inspect
import typing
from types import NoneType, UnionType

from tableau2net.nn.conversion import convert
from tableau2net.nn.dynamic.dynamic_network import DynamicNetwork, DynamicNetworkOptions
from tableau2net.nn.families.converted import ConvertOptions
from tableau2net.nn.families.fractal import FractalNetwork, FractalOptions
from tableau2net.nn.families.hamiltonian import FlowOptions, flow_network
from tableau2net.nn.families.ode import ANODENetwork, ANODEOptions, ODENetwork, ODEOptions
from tableau2net.nn.families.residual import ResNetOptions, ResNeXtOptions, resnet_of, resnext_of
from tableau2net.nn.model_options import ModelOptions
from tableau2net.nn.registry import SHOWN, entries
from tableau2net.nn.skeleton.residual_network import NetworkOptions, ResidualNetwork


def keywords(function):
    """What a function takes by keyword, its own and those of the typed dictionary it unpacks."""
    hints = typing.get_type_hints(function, include_extras=True)
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            (options,) = typing.get_args(hints[name])
            found |= typing.get_type_hints(options)
        elif name != "self":
            found[name] = hints[name]
    return found


def members(hint):
    """The types that a union consists of; a union of words is one of its words."""
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return {each for member in typing.get_args(hint) for each in members(member)}
    return set(typing.get_args(hint)) if typing.get_origin(hint) is typing.Literal else {hint}


def test_they_are_those_of_the_families():
    taken = {}
    for entry in entries():
        if entry.build.__module__ in SHOWN:
            names = {name for published in entry.published for name in entry.groups(published)}
            for name, hint in keywords(entry.build).items():
                if name not in {*names, "scheme"}:
                    taken.setdefault(name, set()).update(members(hint))
    told = {name: members(hint) for name, hint in typing.get_type_hints(ModelOptions).items()}
    assert told.keys() == taken.keys()
    for name, types in told.items():
        words = {word for word in taken[name] if isinstance(word, str)} if str in types else set()
        assert types == taken[name] - words, name
    assert NoneType in told["opening"]


def test_each_typed_dictionary_is_what_the_function_takes_that_it_is_handed_to():
    for options, function, positional in (
        (NetworkOptions, ResidualNetwork, {"scheme", "steps", "widths", "kind"}),
        (ResNetOptions, resnet_of, {"family", "depth"}),
        (ResNeXtOptions, resnext_of, {"family", "depth", "groups", "base"}),
        (FlowOptions, flow_network, {"scheme", "steps", "field", "fields", "states", "h", "widths", "normal_opening"}),
        (FractalOptions, FractalNetwork, {"columns"}),
        (ODEOptions, ODENetwork, {"scheme", "steps", "rtol"}),
        (ANODEOptions, ANODENetwork, {"scheme", "steps"}),
        (DynamicNetworkOptions, DynamicNetwork, {"scheme", "layer"}),
        (ConvertOptions, convert, {"model", "scheme"}),
    ):
        taken = keywords(function.__init__ if isinstance(function, type) else function)
        told = typing.get_type_hints(options)
        assert taken.keys() - told.keys() == positional, options
        assert {name: taken[name] for name in told} == told, options
