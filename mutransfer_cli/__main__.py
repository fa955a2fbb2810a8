"""`python -m mutransfer_cli` is `mutransfer`."""

from mutransfer_cli.cli.main import main

if __name__ == "__main__":
    main()
