"""Run many independent JupyterHubs from one directory of YAML files."""

__version__ = "0.1.0"
