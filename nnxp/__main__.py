"""``python -m nnxp`` is the command ``nnxp``."""

from nnxp.cli import main

if __name__ == "__main__":
    main()
