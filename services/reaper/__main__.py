"""`python -m services.reaper`"""

from services.reaper.main import main
from shared.process import run

if __name__ == "__main__":
    run("reaper", main)
