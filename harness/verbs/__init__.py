"""The verbs of the command line, one a file: each adds its arguments and does its work through the stages."""
