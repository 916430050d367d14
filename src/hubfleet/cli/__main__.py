"""`python -m hubfleet.cli`: the same as `hubfleet`, where no script is installed."""

from hubfleet.cli.main import run

run()
