"""The commands of :mod:`lorentznet.cli`, one file each.

A command has ``HELP`` (one line), ``EXAMPLE`` (a line that works as printed), ``add_arguments(parser)`` and
``run(args, console)``; with ``TAKES_OVERRIDES = True`` it gets unknown ``--key.sub value`` words as ``args.overrides``.
``args.command_line`` is the line that was typed. Only the standard library, ``lorentznet.errors``, ``config``, ``files`` and
``console`` are imported at the top of these files; everything heavy is imported inside ``run``.
"""
