"""`python -m services.dispatcher`"""

from services.dispatcher.main import main
from shared.process import run

if __name__ == "__main__":
    run("dispatcher", main)
