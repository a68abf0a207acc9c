"""The one exception that means "what you gave me is wrong", as opposed to a bug of ours."""

from tableau2net.sinks import one_line


class InputError(ValueError):
    """Bad input: a scheme file, an option, a data set or a checkpoint that cannot be used.

    The message is one line for a person, naming the file (where there is one), the key and the fix.
    The command line prints it on stderr and exits with status 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))  # what it quotes may hold anything
