"""The torch reading of a scheme: readable source, and the class made from it."""

from tableau2net.codegen.build import compile, compile_stochastic, write_source
from tableau2net.codegen.compile_options import CompileOptions, Options
from tableau2net.codegen.compiled_block import CompiledBlock

__all__ = ["CompileOptions", "CompiledBlock", "Options", "compile", "compile_stochastic", "write_source"]
